"""Who may write to which application? Leases with fencing tokens that only grow (law L8).

Leases run in the database's real time; wake-up times in `now`, which a demo may scale.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, zip_longest
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, not_, or_, select, union_all, update

from rotator.domain.model import Lease
from rotator.errors import LeaseLost
from rotator.ports import Claim
from rotator.store.facts import facts_of
from rotator.store.rows import NEVER, Row, instant, span_micros
from rotator.store.schema import leases, rotations
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection, Statement, These, insert_of, no_later

_WITH_LEASE = rotations.outerjoin(
    leases, and_(leases.c.tenant_id == rotations.c.tenant_id, leases.c.object_id == rotations.c.lease_key)
)
#: No lease runs that long: one that seems to was taken under a wrong clock, and its holder is fenced like any other.
_LONGEST = span_micros(timedelta(minutes=15))
_EXPIRED = or_(leases.c.until <= bindparam("real"), leases.c.until > bindparam("real") + _LONGEST)
_FREE = or_(leases.c.until.is_(None), _EXPIRED)
_IDENTITY = and_(leases.c.tenant_id == bindparam("tenant"), leases.c.object_id == bindparam("object"))

_CANDIDATE = (rotations.c.id, rotations.c.tenant_id, rotations.c.lease_key, rotations.c.connection)


def _due(*conditions: ColumnElement[bool]) -> Statement:
    """What is due and free; a server passes over what another node is about to claim."""
    due: Statement = (
        select(*_CANDIDATE)
        .select_from(_WITH_LEASE)
        .where(rotations.c.wake_at <= bindparam("now"), *conditions, _FREE)
        .order_by(rotations.c.wake_at, rotations.c.id)
        .limit(bindparam("most"))
        .with_for_update(of=rotations, skip_locked=True, key_share=True)
    )
    return due


_DUE = Prepared(_due())
_DUE_ELSEWHERE = Selection(lambda these: _due(not_(these(rotations.c.connection))))
_BESIDE = Prepared(
    union_all(
        select(func.min(rotations.c.connection)).where(rotations.c.connection > bindparam("last")),
        select(func.min(rotations.c.connection)).where(rotations.c.connection < bindparam("first")),
    )
)
_ASKED_FOR = Selection(
    lambda these: (
        select(*_CANDIDATE)
        .select_from(_WITH_LEASE)
        .where(these(rotations.c.id), _FREE)
        .order_by(rotations.c.wake_at, rotations.c.id)
    )
)
_NEXT = Prepared(
    select(rotations.c.wake_at)
    .select_from(_WITH_LEASE)
    .where(rotations.c.wake_at < NEVER, _FREE)
    .order_by(rotations.c.wake_at, rotations.c.id)
    .limit(1)
)


def _take(dialect: Any) -> Statement:
    insert = insert_of(dialect)(leases).values({c.name: bindparam(c.name) for c in leases.c})
    taken: Statement = insert.on_conflict_do_update(
        index_elements=["tenant_id", "object_id"],
        set_={"token": leases.c.token + 1}
        | {name: insert.excluded[name] for name in ("holder", "until", "rotation_id")},
        where=_EXPIRED,
    ).returning(leases.c.token)
    return taken


_TAKE = Prepared(_take)
_EXTEND = Prepared(
    update(leases)
    .where(_IDENTITY, leases.c.token == bindparam("held"))
    .values(until=bindparam("new_until"))
    .returning(leases.c.rotation_id)
)
_RAISE = Prepared(
    update(leases)
    .where(_IDENTITY, leases.c.token == bindparam("held"), leases.c.token <= bindparam("above"))
    .values(token=bindparam("above") + 1)
)
_TOKEN = Prepared(select(leases.c.token, leases.c.holder, leases.c.until).where(_IDENTITY))
_END_ALL = Prepared(update(leases).where(leases.c.until > bindparam("real")).values(until=bindparam("real")))


def _see(these: These) -> Statement:
    """A claimed rotation stays due until its holder says otherwise, even if the holder dies."""
    seen = or_(rotations.c.woken.is_(True), rotations.c.wake_at > bindparam("now"))
    return (
        update(rotations)
        .where(these(rotations.c.id), seen)
        .values(woken=False, wake_at=no_later(rotations.c.wake_at, "now"))
    )


_SEEN = Selection(_see)


def claim(
    tx: Transaction, holder: str, *, limit: int, ttl: timedelta, only: Collection[str] | None = None
) -> Sequence[Claim]:
    """Lease what is due and free, earliest first, one rotation an application, every connection in its turn."""
    taken: dict[str, Lease] = {}
    first: dict[tuple[str, str], str] = {}
    for rotation_id, tenant, key, _ in _candidates(tx, limit, only):
        first.setdefault((tenant, key), rotation_id)
    wanted = iter(first.items())
    while len(taken) < limit and (
        some := [(rotation_id, *application) for application, rotation_id in islice(wanted, limit - len(taken))]
    ):
        leased = [(Lease(tenant, key, holder, 1, instant(tx.real)), rotation_id) for rotation_id, tenant, key in some]
        taken |= {id_: lease for (_, id_), lease in zip(leased, _taken(tx, leased, ttl), strict=True) if lease}
    if not taken:
        return []
    tx.change(_SEEN, taken, {"now": tx.now})
    facts = facts_of(tx, taken)
    return [Claim(lease, facts[id_], tx.time) for id_, lease in taken.items()]


def _candidates(tx: Transaction, limit: int, only: Collection[str] | None) -> Sequence[Row]:
    if only is not None:
        return tx.select(_ASKED_FOR, only, {"real": tx.real}) if only else []
    # More than wanted, since several may share an application.
    asked = {"now": tx.now, "real": tx.real, "most": 4 * limit + 16}
    found = tx.rows(_DUE, asked)
    connections = sorted({row[3] for row in found})
    if len(found) == asked["most"] and len(connections) < limit + 1 and _are_more(tx, connections):
        found += tx.select(_DUE_ELSEWHERE, connections, asked | {"most": limit})
    return found if len(found) <= limit else _in_turn(found, tx.now)


def _are_more(tx: Transaction, connections: Sequence[str]) -> bool:
    """Has any other connection a rotation at all? Told by the ends of an index, for where there is but one."""
    if len(connections) > 1:
        return True
    beside = tx.rows(_BESIDE, {"first": connections[0], "last": connections[0]})
    return any(row[0] is not None for row in beside)


def _in_turn(found: Sequence[Row], now: int) -> Sequence[Row]:
    """One of each connection after the other: a thousand due rotations of one let another's single one pass.

    Who begins changes with the time, as often only one is claimed at a time.
    """
    queues: dict[str, list[Row]] = {}
    for row in found:
        queues.setdefault(row[3], []).append(row)
    first = now % len(queues)
    turns = [*queues.values()][first:] + [*queues.values()][:first]
    return [row for turn in zip_longest(*turns) for row in turn if row is not None]


def _taken(tx: Transaction, wanted: Sequence[tuple[Lease, str]], ttl: timedelta) -> list[Lease | None]:
    """Each lease, for the rotation beside it, with its token; None when somebody was faster."""
    until = tx.real + span_micros(ttl)
    found = tx.row_each(
        _TAKE,
        [
            {
                "tenant_id": lease.tenant_id,
                "object_id": lease.object_id,
                "holder": lease.holder,
                "token": lease.token,
                "until": until,
                "rotation_id": rotation_id,
                "real": tx.real,
            }
            for lease, rotation_id in wanted
        ],
    )
    return [
        None if row is None else replace(lease, token=row[0], until=instant(until))
        for (lease, _), row in zip(wanted, found, strict=True)
    ]


def extend(tx: Transaction, lease: Lease, ttl: timedelta) -> tuple[Lease, str]:
    """Make the lease run for `ttl` from now, and tell for which rotation it was claimed.

    Raises LeaseLost when the row bears another token. One that has merely expired is still ours.
    """
    until = tx.real + span_micros(ttl)
    held = {"tenant": lease.tenant_id, "object": lease.object_id, "held": lease.token, "new_until": until}
    row = tx.row(_EXTEND, held)
    if row is None:
        raise _lost(tx, lease)
    return replace(lease, until=instant(until)), row[0]


def raise_token(tx: Transaction, lease: Lease, above: int) -> Lease:
    """Make the token higher than one that a destination showed us; a token that is higher already stays."""
    held = {"tenant": lease.tenant_id, "object": lease.object_id, "held": lease.token}
    if tx.run(_RAISE, held | {"above": above}) == 1:
        return replace(lease, token=above + 1)
    row = tx.row(_TOKEN, {"tenant": lease.tenant_id, "object": lease.object_id})
    if row is None or row[0] != lease.token:
        raise _lost(tx, lease)
    return lease


def move(tx: Transaction, lease: Lease, object_id: str, ttl: timedelta) -> Lease:
    """Give up the lease on `client:<client id>` for the one on the object id that was looked up.

    Raises LeaseLost when another holder has that one: it is the same application.
    """
    if lease.object_id == object_id:
        return lease
    _, rotation_id = extend(tx, lease, timedelta(0))
    wanted = replace(lease, object_id=object_id, token=lease.token + 1)
    (taken,) = _taken(tx, [(wanted, rotation_id)], ttl)
    if taken is None:
        raise LeaseLost(f"The application {object_id} is leased to another rotation under its object id")
    return raise_token(tx, taken, lease.token)


def end_all(tx: Transaction) -> int:
    """Let every lease expire now: only for whoever holds the engine lock and so knows that no holder lives."""
    return tx.run(_END_ALL, {"real": tx.real})


def next_wake(tx: Transaction) -> datetime | None:
    """The earliest wake-up time of any rotation that nobody has leased."""
    row = tx.row(_NEXT, {"real": tx.real})
    return None if row is None else instant(row[0])


def _lost(tx: Transaction, lease: Lease) -> LeaseLost:
    row = tx.row(_TOKEN, {"tenant": lease.tenant_id, "object": lease.object_id})
    now = f"token {row[0]} of {row[1]}" if row else "no lease at all"
    return LeaseLost(
        f"The lease on application {lease.object_id} with token {lease.token} is stale: the database has {now}",
        hint="Another engine has taken over; nothing was written.",
    )
