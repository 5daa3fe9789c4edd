"""What does the store cost? Per rotation, and per wake-up among many."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rotator.domain.changes import Change, ConnectionWorked, EraseText, SealText, SwitchMapped
from rotator.domain.edits import Add
from rotator.domain.model import Connection, CredentialState, Outcome, RotationStatus, Secret
from rotator.domain.pacing import Beginning, Toll, writes
from rotator.ports import Claim
from rotator.store.opening import open_store
from rotator.store.sqlite import connect
from rotator.store.store import SqlStore
from tests.benchmarks.report import Goal, Line, measured, milliseconds, show
from tests.builders import a_credential, a_delivery, an_attempt, an_entry, an_intent, rotations
from tests.fakes import SeededChance

_TTL = timedelta(seconds=90)
_FAR = timedelta(days=1000)
#: So many are defined; more are copies of these rows.
_DEFINED = 1000
#: Transactions that change something, in the store's part of a rotation.
_WRITES = 6
_EXISTING = (100, 1000, 10_000, 100_000)
#: As a write to Graph is counted, but so many that none of them waits.
_GRAPH = tuple(replace(bucket, burst=1_000_000) for bucket in writes(Connection("contoso", "tenant", "client")))


def run(*, turns: int = 200, existing: Sequence[int] = _EXISTING, looks: int = 200) -> None:
    """A real file, durability on. Smaller arguments make a quicker and less telling run."""
    for concurrency in (1, 8):
        with a_store(100) as store:
            asyncio.run(_rotate(store, 16, concurrency))
            with measured() as spent:
                asyncio.run(_rotate(store, turns, concurrency))
        beside = f"processor {milliseconds(spent.processor / turns)}"
        show(Line(f"the store's part of a rotation, {concurrency} at once", milliseconds(spent.wall / turns), beside))
    show(Line(f"{_WRITES} bare commits of one row by sqlite3", milliseconds(_bare(turns))))
    first = None
    for count in existing:
        with a_store(count) as store, measured() as spent:
            asyncio.run(_look(store, looks))
        per = spent.processor / looks
        first = first or per
        what = f"a wake-up with 1 due among {count:,}"
        beside = f"processor {milliseconds(per)}"
        show(Line(what, milliseconds(spent.wall / looks), beside, per / first, Goal(most=2.0).verdict(per / first)))


@contextmanager
def a_store(existing: int) -> Iterator[SqlStore]:
    """With so many rotations, the first of them due, all others in a thousand days."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        key = [Secret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
        store = open_store(
            f"sqlite:///{path}", chance=SeededChance(), database_time=lambda: datetime.now(UTC), keys=key
        )
        asyncio.run(store.define([Add(rotation) for rotation in rotations(min(existing, _DEFINED))]))
        with closing(sqlite3.connect(path)) as connection, connection:
            _copy(connection, existing)
        yield store
        store.close()


def _copy(connection: sqlite3.Connection, wanted: int) -> None:
    """Rows of rotations and their standings once more under other ids, until there are so many; all but one far off."""
    fresh = {"id": "'copy-' || :n || id", "name": "name || '-' || :n", "lease_key": "lease_key || :n"}
    fresh["document"] = """replace(document, '"id":"', '"id":"copy-' || :n)"""
    fresh["rotation_id"] = "'copy-' || :n || rotation_id"
    for n in range(1, wanted // _DEFINED):
        for table, key in (("rotations", "id"), ("standings", "rotation_id")):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(fresh.get(column, column) for column in columns)
            original = f"{key} LIKE 'rotation-%'"
            connection.execute(f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {original}", {"n": n})
    far = int((datetime.now(UTC) + _FAR).timestamp() * 1_000_000)
    connection.execute("UPDATE rotations SET wake_at = ? WHERE id <> 'rotation-1'", (far,))


def _bare(turns: int) -> float:
    """What the disk takes at the least: seconds for as many durable transactions as a rotation makes, one by one."""
    with tempfile.TemporaryDirectory() as folder, closing(connect(Path(folder) / "bare.db")) as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER)")
        with measured() as spent:
            for n in range(turns * _WRITES):
                connection.execute("INSERT INTO numbers VALUES (?)", (n,))
        return spent.wall / turns


async def _look(store: SqlStore, looks: int) -> None:
    """What the scheduler asks when it wakes, and the one claimed put back."""
    for _ in range(looks):
        (claim,) = await store.claim("bench", limit=8, ttl=_TTL)
        await store.write(claim.lease, [], ttl=_TTL, wake_at=claim.now, release=True)
        await store.next_wake()


async def _rotate(store: SqlStore, count: int, concurrency: int) -> None:
    await store.wake()
    done = 0
    while done < count:
        claims = await store.claim("bench", limit=concurrency, ttl=_TTL)
        await asyncio.gather(*(_one_rotation(store, claim) for claim in claims))
        done += len(claims)


async def _one_rotation(store: SqlStore, claim: Claim) -> None:
    """Six transactions of three to six rows and two reads, as an attempt makes them."""
    rotation_id, now, token = claim.facts.rotation.id, claim.now, claim.lease.token
    attempt = an_attempt(id=f"{rotation_id}-{token}", rotation_id=rotation_id, started_at=now)
    credential = a_credential(
        key_id=f"key-{rotation_id}-{token}",
        rotation_id=rotation_id,
        state=CredentialState.PENDING,
        attempt_id=attempt.id,
    )
    intent = an_intent(rotation_id=rotation_id, attempt_id=attempt.id)
    standing = replace(claim.facts.standing, status=RotationStatus.IN_PROGRESS, last_attempt_id=attempt.id)
    delivery = a_delivery(rotation_id=rotation_id, key_id=credential.key_id)
    plain = an_entry(rotation_id=rotation_id, attempt_id=attempt.id, facts={"tries": 3, "seconds": 1.25})

    async def write(step: str, *changes: Change, toll: Toll | None = None) -> None:
        await store.write(claim.lease, [*changes, replace(plain, step=step)], ttl=_TTL, toll=toll)

    begins = Toll(Beginning("contoso", now, per_hour=1_000_000), _GRAPH)
    await write("preflight", attempt, standing, plain, intent, toll=begins)
    await write("issue", credential, SealText(credential.key_id, Secret("x" * 40)), replace(intent, outcome="issued"))
    await store.look(rotation_id)
    await write("verify", plain, replace(delivery, key_id=""))
    await store.text(credential.key_id)
    await write("deliver", delivery, ConnectionWorked("contoso"))
    current = replace(credential, state=CredentialState.CURRENT, promoted_at=now)
    done = replace(attempt, ended_at=now, outcome=Outcome.SUCCEEDED)
    await write("promote", current, done, replace(standing, anchor_at=now), SwitchMapped(rotation_id, current.key_id))
    ended: list[Change] = []
    if claim.facts.current is not None:
        gone = replace(claim.facts.current, state=CredentialState.REVOKED, revoked_at=now)
        ended = [gone, EraseText(gone.key_id)]
    await store.write(claim.lease, [*ended, plain], ttl=_TTL, wake_at=now, release=True)
