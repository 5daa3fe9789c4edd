"""What do the books say about these rotations? Everything a decision may need, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import bindparam, func, select

from rotator.domain.definition import Defined, from_text
from rotator.domain.model import ConnectionHealth, CredentialState, Facts, Rotation, Switches
from rotator.domain.pacing import quiet
from rotator.store import pacing, rows
from rotator.store.rows import Row, instant
from rotator.store.schema import (
    attempts,
    connection_failures,
    connection_health,
    credentials,
    deliveries,
    hints,
    issue_intents,
    journal,
    requests,
    rotations,
    standings,
)
from rotator.store.session import Transaction
from rotator.store.statements import Selection

_HOUR = 3_600_000_000

_DEFINED = (
    rotations.c.document,
    rotations.c.object_id,
    rotations.c.client_id,
    rotations.c.app_name,
    rotations.c.created_at,
    rotations.c.changed_at,
    rotations.c.paused,
    rotations.c.retired_at,
    rotations.c.approved_at,
    rotations.c.hash,
)
_ROTATIONS = Selection(
    lambda these: (
        select(*rows.STANDING.columns, *_DEFINED)
        .join_from(rotations, standings, standings.c.rotation_id == rotations.c.id)
        .where(these(rotations.c.id))
        .order_by(rotations.c.name, rotations.c.id)
    )
)
_CREDENTIALS = Selection(
    lambda these: (
        select(*rows.CREDENTIAL.columns)
        .select_from(rows.WITH_TEXT)
        .where(these(credentials.c.rotation_id), credentials.c.state != CredentialState.REVOKED.value)
        .order_by(credentials.c.starts_at, credentials.c.issued_at, credentials.c.key_id)
    )
)
_ATTEMPTS = Selection(
    lambda these: (
        select(*rows.ATTEMPT.columns)
        .where(these(attempts.c.rotation_id), attempts.c.ended_at.is_(None))
        .order_by(attempts.c.started_at, attempts.c.id)
    )
)
_JOURNAL = Selection(
    lambda these: select(*rows.ENTRY.columns).where(these(journal.c.attempt_id)).order_by(journal.c.seq)
)
_INTENTS = Selection(
    lambda these: (
        select(*rows.INTENT.columns)
        .where(these(issue_intents.c.rotation_id), issue_intents.c.outcome == "", issue_intents.c.closed_at.is_(None))
        .order_by(issue_intents.c.opened_at, issue_intents.c.n)
    )
)
_DELIVERIES = Selection(
    lambda these: (
        select(*rows.DELIVERY.columns).where(these(deliveries.c.rotation_id)).order_by(deliveries.c.destination)
    )
)
_REQUESTS = Selection(
    lambda these: (
        select(*rows.REQUEST.columns)
        .where(these(requests.c.rotation_id), requests.c.ended_at.is_(None))
        .order_by(requests.c.at, requests.c.id)
    )
)
_HINTS = Selection(
    lambda these: (
        select(hints.c.rotation_id, hints.c.destination)
        .where(these(hints.c.rotation_id))
        .order_by(hints.c.at, hints.c.destination)
    )
)
_PARTS = (_CREDENTIALS, _ATTEMPTS, _INTENTS, _DELIVERIES, _REQUESTS, _HINTS)
_HEALTH = Selection(lambda these: select(connection_health).where(these(connection_health.c.connection)))
_FAILURES = Selection(
    lambda these: (
        select(connection_failures.c.connection, connection_failures.c.rotation_id)
        .where(these(connection_failures.c.connection))
        .order_by(connection_failures.c.at, connection_failures.c.rotation_id)
    )
)
_STORM = Selection(
    lambda these: (
        select(attempts.c.connection, func.count(), func.min(attempts.c.started_at))
        .where(these(attempts.c.connection), attempts.c.started_at > bindparam("since"))
        .group_by(attempts.c.connection)
    )
)

Value = TypeVar("Value")


def facts_of(tx: Transaction, ids: Collection[str] | None) -> dict[str, Facts]:
    """The facts by rotation id, in the order of their names; ids that name no rotation are left out."""
    first, *others = tx.select_each([(selection, ids, {}) for selection in (_ROTATIONS, *_PARTS)])
    defined = [_defined(row) for row in first]
    health = health_of(tx, {each.rotation.connection for each in defined})
    of = _Parts(tx, others)
    return {
        each.rotation.id: Facts(
            rotation=each.rotation,
            switches=_switches(each.switches, tuple(of.hints[each.rotation.id])),
            standing=rows.STANDING.value(each.standing),
            health=health[each.rotation.connection],
            credentials=tuple(of.credentials[each.rotation.id]),
            attempt=(attempt := next(iter(of.attempts[each.rotation.id]), None)),
            journal=tuple(of.journal[attempt.id]) if attempt else (),
            intents=tuple(of.intents[each.rotation.id]),
            deliveries=tuple(of.deliveries[each.rotation.id]),
            requests=tuple(of.requests[each.rotation.id]),
        )
        for each in defined
    }


def defined_of(tx: Transaction, ids: Collection[str] | None) -> list[Defined]:
    """These definitions (None: all) with their switches (hints apart), retired ones included, by name."""
    found = map(_defined, tx.select(_ROTATIONS, ids))
    return [Defined(each.rotation, _switches(each.switches, ()), each.switches[-1]) for each in found]


def bare_facts(tx: Transaction, rotation_id: str) -> Facts | None:
    """Definition, switches and standing alone: what the time of the next slot follows from."""
    row = next(iter(tx.select(_ROTATIONS, [rotation_id])), None)
    if row is None:
        return None
    rotation, standing, switches = _defined(row)
    health = ConnectionHealth(rotation.connection)
    return Facts(rotation, _switches(switches, ()), rows.STANDING.value(standing), health)


def health_of(tx: Transaction, connections: Collection[str]) -> dict[str, ConnectionHealth]:
    """Circuit breaker, storm count and quiet time of each of these connections."""
    if not connections:
        return {}
    asked = [
        (_HEALTH, connections, {}),
        (_FAILURES, connections, {}),
        (_STORM, connections, {"since": tx.now - _HOUR}),
        (pacing.UNTIL, [quiet(connection) for connection in connections], {}),
    ]
    states, failures, counts, quiets = tx.select_each(asked)
    quiet_until = {name: pacing.believed(tx, until) for name, until in quiets}
    breakers = {row[0]: row for row in states}
    failing: defaultdict[str, list[str]] = defaultdict(list)
    for connection, rotation_id in failures:
        failing[connection].append(rotation_id)
    storms = {row[0]: row for row in counts}
    return {
        name: ConnectionHealth(
            name,
            failing=tuple(failing[name]),
            opened_at=_instant(breakers[name][1]) if name in breakers else None,
            probe_at=_instant(breakers[name][2]) if name in breakers else None,
            message=breakers[name][3] if name in breakers else "",
            attempts_last_hour=storms[name][1] if name in storms else 0,
            oldest_attempt_at=instant(storms[name][2]) if name in storms else None,
            quiet_until=quiet_until.get(quiet(name)),
        )
        for name in connections
    }


class _Parts:
    """The rows of many rotations, grouped by rotation (the journal by attempt)."""

    def __init__(self, tx: Transaction, found: Sequence[list[Row]]) -> None:
        """`found` are the answers to `_PARTS`."""
        credentials_, attempts_, intents, deliveries_, requests_, hinted = found
        self.credentials = _by_rotation(rows.CREDENTIAL, credentials_)
        self.attempts = _by_rotation(rows.ATTEMPT, attempts_)
        self.intents = _by_rotation(rows.INTENT, intents)
        self.deliveries = _by_rotation(rows.DELIVERY, deliveries_)
        self.requests = _by_rotation(rows.REQUEST, requests_)
        self.hints: defaultdict[str, list[str]] = defaultdict(list)
        for rotation_id, destination in hinted:
            self.hints[rotation_id].append(destination)
        open_ones = [attempt.id for found in self.attempts.values() for attempt in found]
        entries = map(rows.ENTRY.value, tx.select(_JOURNAL, open_ones) if open_ones else ())
        self.journal = _grouped(entries, lambda entry: entry.attempt_id)


def _by_rotation(form: rows.Form[Value], found: Iterable[Row]) -> defaultdict[str, list[Value]]:
    values: Iterable[Any] = map(form.value, found)
    return _grouped(values, lambda value: value.rotation_id)


class _Defined(NamedTuple):
    rotation: Rotation
    standing: Row
    switches: Row


def _defined(row: Row) -> _Defined:
    width = rows.STANDING.width
    return _Defined(rotation_of(*row[width : width + 4]), row[:width], row[width + 4 :])


@lru_cache(maxsize=1024)
def rotation_of(document: str, object_id: str, client_id: str, app_name: str) -> Rotation:
    """The definition, with the application's ids as they have been looked up since."""
    rotation = from_text(document)
    application = replace(rotation.application, object_id=object_id, client_id=client_id, name=app_name)
    return rotation if application == rotation.application else replace(rotation, application=application)


def _switches(row: Row, hinted: tuple[str, ...]) -> Switches:
    created_at, changed_at, paused, retired_at, approved_at, _ = row
    return Switches(
        created_at=instant(created_at),
        changed_at=_instant(changed_at),
        paused=bool(paused),
        retired_at=_instant(retired_at),
        approved_at=_instant(approved_at),
        hints=hinted,
    )


def _instant(count: int | None) -> Any:
    return None if count is None else instant(count)


def _grouped(values: Iterable[Value], key: Callable[[Value], str]) -> defaultdict[str, list[Value]]:
    found: defaultdict[str, list[Value]] = defaultdict(list)
    for value in values:
        found[key(value)].append(value)
    return found
