"""What do people want to read? History, ledger and the like: beside the engine, never under a lease."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, text

from rotator.domain.model import Attempt, Credential, CredentialState, Entry, Facts, IssueIntent, Secret
from rotator.ports import Listed, Recognised
from rotator.store import rows
from rotator.store.facts import facts_of
from rotator.store.rows import micros
from rotator.store.schema import attempts, connection_state, credentials, issue_intents, journal, rotations
from rotator.store.seal import Place, Seal, text_at
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection, upsert

_NAMES = Prepared(select(rotations.c.name).where(rotations.c.retired_at.is_(None)).order_by(rotations.c.name))
_NAMED = Selection(lambda these: select(rotations.c.id).where(these(rotations.c.name)))
# A name may be borne by a retired rotation besides: the living one is meant.
_FOUND = Prepared(
    select(rotations.c.id)
    .where(or_(rotations.c.name == bindparam("name"), rotations.c.id == bindparam("name")))
    .order_by(rotations.c.retired_at.is_not(None), rotations.c.created_at.desc())
    .limit(1)
)
_HISTORY = Prepared(
    select(*rows.ATTEMPT.columns)
    .where(attempts.c.rotation_id == bindparam("rotation"))
    .order_by(attempts.c.started_at.desc(), attempts.c.id.desc())
    .limit(bindparam("most"))
)
_ENTRIES = Selection(
    lambda these: select(*rows.ENTRY.columns).where(these(journal.c.attempt_id)).order_by(journal.c.seq)
)
_JOURNAL = Prepared(
    select(*rows.ENTRY.columns)
    .where(journal.c.rotation_id == bindparam("rotation"), journal.c.seq > bindparam("after"))
    .order_by(journal.c.seq)
    .limit(bindparam("most"))
)
_SAME_SLOT = Prepared(
    select(func.count()).where(rotations.c.connection == bindparam("name"), rotations.c.next_slot == bindparam("slot"))
)


def _ledger(*conditions: ColumnElement[bool]) -> Select[Any]:
    ordered = (credentials.c.starts_at, credentials.c.issued_at, credentials.c.key_id)
    return select(*rows.CREDENTIAL.columns).select_from(rows.WITH_TEXT).where(*conditions).order_by(*ordered)


_LEDGER = Prepared(_ledger(credentials.c.rotation_id == bindparam("rotation")))
_OWN = Prepared(
    _ledger(
        credentials.c.state == CredentialState.CURRENT.value,
        credentials.c.rotation_id.in_(
            select(rotations.c.id).where(
                rotations.c.own_connection == bindparam("name"), text("rotations.own_connection <> ''")
            )
        ),
    )
)
_KNOWN_KEYS = Selection(lambda these: select(credentials.c.key_id).where(these(credentials.c.key_id)))
_KNOWN_INTENTS = Selection(
    lambda these: select(*rows.INTENT.columns).where(these(issue_intents.c.display_name)).order_by(issue_intents.c.n)
)
_FINGERPRINT = Prepared(
    select(connection_state.c.fingerprint).where(connection_state.c.connection == bindparam("name"))
)
_SET_FINGERPRINT = upsert(connection_state)


def facts(tx: Transaction, names: Collection[str] | None) -> list[Facts]:
    """The facts of the rotations so named (None: all), by name; retired ones included."""
    if names is None:
        return list(facts_of(tx, None).values())
    ids = [row[0] for row in tx.select(_NAMED, names)] if names else []
    return list(facts_of(tx, ids).values()) if ids else []


def names(tx: Transaction) -> list[str]:
    """Of all rotations that are not retired, in order."""
    return [row[0] for row in tx.rows(_NAMES, {})]


def look(tx: Transaction, rotation_id: str) -> tuple[Facts, datetime]:
    """The facts of one. Raises KeyError when there is no such rotation."""
    return facts_of(tx, [rotation_id])[rotation_id], tx.time


def find(tx: Transaction, name: str) -> str | None:
    """The id of the rotation of that name (or id)."""
    row = tx.row(_FOUND, {"name": name})
    return None if row is None else str(row[0])


def history(tx: Transaction, rotation_id: str, limit: int) -> list[tuple[Attempt, Sequence[Entry]]]:
    """The latest attempts, newest first, each with its journal."""
    found = [rows.ATTEMPT.value(row) for row in tx.rows(_HISTORY, {"rotation": rotation_id, "most": limit})]
    entries: dict[str, list[Entry]] = {attempt.id: [] for attempt in found}
    for entry in map(rows.ENTRY.value, tx.select(_ENTRIES, list(entries)) if entries else ()):
        entries[entry.attempt_id].append(entry)
    return [(attempt, entries[attempt.id]) for attempt in found]


def entries_of(tx: Transaction, rotation_id: str, *, after: int, limit: int) -> list[Entry]:
    """The journal of a rotation, oldest first."""
    found = tx.rows(_JOURNAL, {"rotation": rotation_id, "after": after, "most": limit})
    return [rows.ENTRY.value(row) for row in found]


def ledger(tx: Transaction, rotation_id: str) -> list[Credential]:
    """All credentials of a rotation, revoked ones included, oldest first."""
    return [rows.CREDENTIAL.value(row) for row in tx.rows(_LEDGER, {"rotation": rotation_id})]


def recognise(tx: Transaction, listed: Sequence[Listed]) -> Recognised:
    """Which of these the books know, of whatever rotation and in whatever state."""
    if not listed:
        return Recognised()
    keys = frozenset(row[0] for row in tx.select(_KNOWN_KEYS, [each.key_id for each in listed]))
    intents: dict[str, IssueIntent] = {}
    for intent in map(rows.INTENT.value, tx.select(_KNOWN_INTENTS, [each.display_name for each in listed])):
        intents[intent.display_name] = intent
    return Recognised(keys, intents)


def same_time(tx: Transaction, connection: str, at: datetime) -> int:
    """How many rotations of the connection wake for that slot."""
    row = tx.row(_SAME_SLOT, {"name": connection, "slot": micros(at)})
    return 0 if row is None else int(row[0])


def own_credential(tx: Transaction, seal: Seal, connection: str) -> tuple[Credential, Secret] | None:
    """The credential that a connection rotates for itself, with its text; None while there is none of ours."""
    row = tx.row(_OWN, {"name": connection})
    if row is None:
        return None
    credential = rows.CREDENTIAL.value(row)
    text = text_at(tx, seal, Place.of_credential(credential.key_id))
    return None if text is None else (credential, text)


def connection_fingerprint(tx: Transaction, connection: str) -> str | None:
    """The fingerprint of the credential as configured when it was last looked at."""
    row = tx.row(_FINGERPRINT, {"name": connection})
    return None if row is None else str(row[0])


def set_connection_fingerprint(tx: Transaction, connection: str, fingerprint: str) -> None:
    """Remember it."""
    tx.run(_SET_FINGERPRINT, {"connection": connection, "fingerprint": fingerprint, "updated_at": tx.now})
