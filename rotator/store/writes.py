"""How does a list of changes become true? All of them or none, under a lease that is still ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update

from rotator.domain.changes import (
    Change,
    ClearHints,
    ConnectionFailed,
    ConnectionQuiet,
    ConnectionWorked,
    EndRequest,
    EraseText,
    ForgetDelivery,
    ForgetRotation,
    ProbeTaken,
    ResolveApplication,
    SealText,
    SwitchMapped,
)
from rotator.domain.model import Attempt, Credential, Delivery, Entry, Facts, IssueIntent, Lease, Standing
from rotator.domain.next_time import first_slot, interval_slot
from rotator.domain.pacing import Line, Toll
from rotator.ports import Written
from rotator.store import pacing, rows, versions
from rotator.store.facts import bare_facts
from rotator.store.leases import extend, move
from rotator.store.rows import micros
from rotator.store.schema import (
    attempts,
    connection_failures,
    connection_health,
    credentials,
    deliveries,
    hints,
    issue_intents,
    journal,
    mapped_names,
    requests,
    rotations,
    standings,
)
from rotator.store.seal import Place, Seal, erase, keep
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, upsert


@dataclass(frozen=True, slots=True)
class Order:
    """What the holder of a lease asks for in one transaction; see `ports.Store.write`."""

    lease: Lease
    changes: Sequence[Change]
    ttl: timedelta
    wake_at: datetime | None = None
    release: bool = False
    toll: Toll | None = None
    line: Line | None = None


def write(tx: Transaction, order: Order, seal: Seal) -> Written:
    """Make the changes true. Raises LeaseLost when the lease has been taken over, LimitReached for want of the toll."""
    ttl = timedelta(0) if order.release else order.ttl
    lease, rotation_id = extend(tx, order.lease, ttl)
    if order.toll is not None:
        pacing.pay(tx, order.toll)
    for kind, found in groupby(order.changes, key=type):
        lease = _APPLY[kind](_Writing(tx, seal, lease, ttl), list(found)) or lease
    if order.wake_at is not None:
        wake_at = order.wake_at if order.line is None else pacing.lined_up(tx, order.line, order.wake_at)
        _wake_at(tx, rotation_id, wake_at)
    return Written(tx.time, lease)


@dataclass(frozen=True, slots=True)
class _Writing:
    tx: Transaction
    seal: Seal
    lease: Lease
    ttl: timedelta


# What asked for a look since the claim may not be put off by a holder that has not seen it.
_WAKE = Prepared(
    update(rotations)
    .where(rotations.c.id == bindparam("rotation"))
    .values(
        wake_at=case(
            (rotations.c.woken.is_(True) & (rotations.c.wake_at <= bindparam("at")), rotations.c.wake_at),
            else_=bindparam("at"),
        ),
        next_slot=bindparam("slot"),
    )
)


def _wake_at(tx: Transaction, rotation_id: str, at: datetime) -> None:
    tx.run_all(_WAKE, [{"rotation": rotation_id, "at": micros(at), "slot": slot_of(tx, rotation_id)}])


def slot_of(tx: Transaction, rotation_id: str) -> int | None:
    """The slot that the rotation wakes for, by which those of one connection are spread (law L14)."""
    facts = bare_facts(tx, rotation_id)
    return None if facts is None else slot_after(facts)


def slot_after(facts: Facts) -> int | None:
    """The same, of facts at hand."""
    slot = interval_slot(facts) or first_slot(facts)
    return None if slot is None else micros(slot)


_ATTEMPT = upsert(
    attempts,
    fixed=("connection",),
    columns={
        "connection": select(rotations.c.connection).where(rotations.c.id == bindparam("rotation_id")).scalar_subquery()
    },
)
_CREDENTIAL = upsert(credentials)
_INTENT = upsert(issue_intents)
_DELIVERY = upsert(deliveries)
_STANDING = upsert(standings)
_ENTRY = Prepared(insert(journal).values({c.name: bindparam(c.name) for c in journal.c if c.name != "seq"}))


def _attempts(to: _Writing, found: Sequence[Attempt]) -> None:
    to.tx.run_all(_ATTEMPT, [rows.ATTEMPT.params(each) for each in found])


def _credentials(to: _Writing, found: Sequence[Credential]) -> None:
    to.tx.run_all(_CREDENTIAL, [rows.CREDENTIAL.params(each) for each in found])


def _intents(to: _Writing, found: Sequence[IssueIntent]) -> None:
    to.tx.run_all(_INTENT, [rows.INTENT.params(each) for each in found])


def _deliveries(to: _Writing, found: Sequence[Delivery]) -> None:
    to.tx.run_all(_DELIVERY, [rows.DELIVERY.params(each) for each in found])


def _standings(to: _Writing, found: Sequence[Standing]) -> None:
    to.tx.run_all(_STANDING, [rows.STANDING.params(each) for each in found])


def _entries(to: _Writing, found: Sequence[Entry]) -> None:
    lines = [rows.ENTRY.params(each) for each in found]
    for line in lines:
        del line["seq"]
        line["at"] = to.tx.now
    to.tx.run_all(_ENTRY, lines)


def _seal_texts(to: _Writing, found: Sequence[SealText]) -> None:
    for each in found:
        keep(to.tx, to.seal, Place.of_credential(each.key_id), each.text)


def _erase_texts(to: _Writing, found: Sequence[EraseText]) -> None:
    erase(to.tx, [Place.of_credential(each.key_id) for each in found])
    versions.purge(to.tx, [each.key_id for each in found])


_SWITCH = Prepared(
    update(mapped_names)
    .where(mapped_names.c.rotation_id == bindparam("rotation"), mapped_names.c.key_id != bindparam("key"))
    .values(
        key_id=bindparam("key"),
        staged_key_id=bindparam("key"),
        version=mapped_names.c.version + 1,
        updated_at=bindparam("now"),
    )
)


def _switch_mapped(to: _Writing, found: Sequence[SwitchMapped]) -> None:
    to.tx.run_all(_SWITCH, [{"rotation": each.rotation_id, "key": each.key_id, "now": to.tx.now} for each in found])
    for each in found:
        versions.remember(to.tx, each.rotation_id, each.key_id)


_END_REQUEST = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("request"))
    .values(ended_at=bindparam("now"), result=bindparam("how"), message=bindparam("line"))
)


def _end_requests(to: _Writing, found: Sequence[EndRequest]) -> None:
    to.tx.run_all(
        _END_REQUEST,
        [{"request": e.request_id, "how": e.result, "line": e.message, "now": to.tx.now} for e in found],
    )


_CLEAR_HINT = Prepared(
    delete(hints).where(hints.c.rotation_id == bindparam("rotation"), hints.c.destination == bindparam("to"))
)


def _clear_hints(to: _Writing, found: Sequence[ClearHints]) -> None:
    to.tx.run_all(_CLEAR_HINT, [{"rotation": e.rotation_id, "to": name} for e in found for name in e.destinations])


_FORGET_DELIVERY = Prepared(
    delete(deliveries).where(
        deliveries.c.rotation_id == bindparam("rotation"), deliveries.c.destination == bindparam("to")
    )
)


def _forget_deliveries(to: _Writing, found: Sequence[ForgetDelivery]) -> None:
    to.tx.run_all(_FORGET_DELIVERY, [{"rotation": each.rotation_id, "to": each.destination} for each in found])


# Standing, deliveries and hints go with it; ledger, journal and attempts stay, and so does what consumers read:
# mapped names are taken away by the destination, when the secrets go too.
_FORGET_ROTATION = Prepared(delete(rotations).where(rotations.c.id == bindparam("rotation")))


def _forget_rotations(to: _Writing, found: Sequence[ForgetRotation]) -> None:
    to.tx.run_all(_FORGET_ROTATION, [{"rotation": each.rotation_id} for each in found])


_RESOLVE = Prepared(
    update(rotations)
    .where(rotations.c.id == bindparam("rotation"))
    .values(
        object_id=bindparam("object"),
        client_id=bindparam("client"),
        app_name=bindparam("app"),
        lease_key=bindparam("key"),
    )
)


def _resolve(to: _Writing, found: Sequence[ResolveApplication]) -> Lease:
    lease = to.lease
    for each in found:
        key = lease_key(each.object_id, each.client_id)
        named = {"object": each.object_id, "client": each.client_id, "app": each.name, "key": key}
        to.tx.run(_RESOLVE, {"rotation": each.rotation_id, **named})
        lease = move(to.tx, lease, key, to.ttl)
    return lease


def lease_key(object_id: str, client_id: str) -> str:
    """What names the application in leases: an application is looked up at most once under its client id."""
    return object_id.lower() if object_id else f"client:{client_id.lower()}"


_FAILING = upsert(connection_failures, fixed=("at",))
_COUNT = Prepared(
    select(connection_failures.c.rotation_id).where(connection_failures.c.connection == bindparam("name"))
)
_BREAKER = upsert(connection_health)
_BREAKER_STATE = Prepared(
    select(connection_health.c.opened_at).where(connection_health.c.connection == bindparam("name"))
)


def _connection_failed(to: _Writing, found: Sequence[ConnectionFailed]) -> None:
    for each in found:
        to.tx.alone(f"connection {each.connection}")
        failing = {"connection": each.connection, "rotation_id": each.rotation_id, "at": to.tx.now}
        to.tx.run(_FAILING, failing)
        name = {"name": each.connection}
        state = to.tx.row(_BREAKER_STATE, name)
        is_open = bool(state and state[0]) or len(to.tx.rows(_COUNT, name)) >= each.threshold
        breaker = {
            "opened_at": (state[0] if state and state[0] else to.tx.now) if is_open else None,
            "probe_at": micros(each.probe_at) if is_open else None,
        }
        to.tx.run(_BREAKER, {"connection": each.connection, "message": each.message, **breaker})


_PROBED = Prepared(
    update(connection_health)
    .where(connection_health.c.connection == bindparam("name"))
    .values(probe_at=bindparam("probe"))
)


def _probe_taken(to: _Writing, found: Sequence[ProbeTaken]) -> None:
    to.tx.run_all(_PROBED, [{"name": each.connection, "probe": micros(each.probe_at)} for each in found])


def _connection_quiet(to: _Writing, found: Sequence[ConnectionQuiet]) -> None:
    for each in found:
        pacing.hush(to.tx, each)


_NO_FAILURES = Prepared(delete(connection_failures).where(connection_failures.c.connection == bindparam("name")))
_NO_BREAKER = Prepared(delete(connection_health).where(connection_health.c.connection == bindparam("name")))


def _connection_worked(to: _Writing, found: Sequence[ConnectionWorked]) -> None:
    healed = [{"name": name} for name in {each.connection: None for each in found}]
    to.tx.run_all(_NO_FAILURES, healed)
    to.tx.run_all(_NO_BREAKER, healed)


_APPLY: dict[type, Callable[[_Writing, list[Any]], Lease | None]] = {
    Attempt: _attempts,
    ClearHints: _clear_hints,
    ConnectionFailed: _connection_failed,
    ConnectionQuiet: _connection_quiet,
    ConnectionWorked: _connection_worked,
    Credential: _credentials,
    Delivery: _deliveries,
    EndRequest: _end_requests,
    Entry: _entries,
    EraseText: _erase_texts,
    ForgetDelivery: _forget_deliveries,
    ForgetRotation: _forget_rotations,
    IssueIntent: _intents,
    ProbeTaken: _probe_taken,
    ResolveApplication: _resolve,
    SealText: _seal_texts,
    Standing: _standings,
    SwitchMapped: _switch_mapped,
}
