"""Where do very many rotations come from, each with secrets and attempts behind it? Copies in a database, none due."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rotator.app import open_books
from rotator.config import load
from rotator.domain.changes import Change
from rotator.domain.edits import Add
from rotator.domain.model import CredentialState, Outcome, RotationStatus
from rotator.ports import Claim
from rotator.store.store import SqlStore
from tests.benchmarks.tenant import nowhere, write_configuration
from tests.builders import a_credential, an_attempt, rotations

_TTL = timedelta(seconds=90)
_FAR = timedelta(days=1000)
_MONTH = timedelta(days=30)
#: So many are defined; more are copies of these rows.
_DEFINED = 1000
_STATES = (CredentialState.REVOKED, CredentialState.REVOKED, CredentialState.RETIRING, CredentialState.CURRENT)
_FIRST = "rotation-1"


def written(folder: Path, count: int, *, listen: str) -> Path:
    """A configuration for a daemon among so many rotations of the API; returns its path."""
    config = write_configuration(folder, nowhere(1), rotations=1, initial="wait")
    text = config.read_text("utf-8")
    config.write_text(f'api: {{listen: "{listen}", rates: {{reads: 10000000}}}}\n{text}', "utf-8")
    configuration = load(config)
    store = open_books(configuration.state)
    asyncio.run(_live(store, min(count, _DEFINED)))
    store.close()
    with closing(sqlite3.connect(configuration.state.signs)) as connection, connection:
        _copy(connection, count)
    return config


async def _live(store: SqlStore, count: int) -> None:
    """The first has four months behind it: a secret each, the last two valid."""
    await store.define([Add(replace(each, api_made=True)) for each in rotations(count)])
    (claim,) = [each for each in await store.claim("bench", limit=count, ttl=_TTL) if _is_first(each)]
    standing = replace(claim.facts.standing, status=RotationStatus.SUCCESS, message="New secret proved and delivered")
    changes: list[Change] = [change for n, state in enumerate(_STATES) for change in _month(claim, n, state)]
    await store.write(claim.lease, [standing, *changes], ttl=_TTL, wake_at=claim.now + _FAR, release=True)


def _is_first(claim: Claim) -> bool:
    return claim.facts.rotation.id == _FIRST


def _month(claim: Claim, n: int, state: CredentialState) -> tuple[Change, Change]:
    began = claim.now - (len(_STATES) - n) * _MONTH
    attempt = an_attempt(id=f"attempt-{n}", rotation_id=_FIRST, started_at=began, ended_at=began)
    credential = a_credential(key_id=f"key-{n}", rotation_id=_FIRST, state=state, attempt_id=attempt.id)
    ended = began + 2 * _MONTH if state is CredentialState.REVOKED else None
    valid = replace(credential, starts_at=began, expires_at=began + 4 * _MONTH, promoted_at=began, revoked_at=ended)
    return replace(attempt, outcome=Outcome.SUCCEEDED), valid


def _copy(connection: sqlite3.Connection, wanted: int) -> None:
    """Rows of rotations once more under other ids, and the life of the first for each of them."""
    fresh = {"id": "'copy-' || :n || id", "name": "name || '-' || :n", "lease_key": "lease_key || :n"}
    fresh |= {"document": """replace(document, '"id":"', '"id":"copy-' || :n)"""}
    fresh |= {"rotation_id": "'copy-' || :n || rotation_id"}
    for n in range(1, wanted // _DEFINED):
        for table, key in (("rotations", "id"), ("standings", "rotation_id")):
            _insert(connection, table, fresh, f"FROM {table} WHERE {key} LIKE 'rotation-%'", n=n)
    others = f"CROSS JOIN (SELECT id AS other FROM rotations WHERE id <> '{_FIRST}') WHERE rotation_id = '{_FIRST}'"
    for table, key in (("credentials", "key_id"), ("attempts", "id")):
        lived = {key: f"{key} || other", "rotation_id": "other", "attempt_id": "attempt_id || other"}
        _insert(connection, table, lived, f"FROM {table} {others}")
    far = int((datetime.now(UTC) + _FAR).timestamp() * 1_000_000)
    connection.execute("UPDATE rotations SET wake_at = ?, next_slot = ?", (far, far))
    connection.execute("DELETE FROM leases")


def _insert(connection: sqlite3.Connection, table: str, fresh: dict[str, str], rest: str, **given: int) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(fresh.get(column, column) for column in columns)
    connection.execute(f"INSERT INTO {table} SELECT {values} {rest}", given)
