"""Of very many rotations, which few may need somebody, and how many stand how? Told without reading the others."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select, text

from rotator.domain.overview import Tally
from rotator.store.schema import IN_NEED, UNDER_WAY, credentials, deliveries, rotations, standings
from rotator.store.session import Transaction
from rotator.store.statements import Prepared

_LIVING = rotations.c.retired_at.is_(None)


def _names(where: str) -> Prepared:
    those = select(standings.c.rotation_id).where(text(f"({where})"))
    return Prepared(select(rotations.c.name).where(rotations.c.id.in_(those), _LIVING).limit(bindparam("most")))


_STANDING = _names(IN_NEED)
_UNDER_WAY = _names(UNDER_WAY)
_WAITING = Prepared(
    select(rotations.c.name)
    .where(rotations.c.wake_at <= bindparam("now"), _LIVING)
    .order_by(rotations.c.wake_at, rotations.c.id)
    .limit(bindparam("most"))
)
_COUNT = Prepared(select(func.count()).select_from(rotations).where(_LIVING))
_STATE = func.coalesce(standings.c.status, standings.c.state)
_STATES = Prepared(select(_STATE, func.count()).group_by(_STATE))
_RETIRED = Prepared(
    select(_STATE, func.count())
    .where(standings.c.rotation_id.in_(select(rotations.c.id).where(rotations.c.retired_at.is_not(None))))
    .group_by(_STATE)
)
_RETIRING = Prepared(select(func.count()).select_from(credentials).where(text("state = 'retiring'")))
_DRIFTED = Prepared(
    select(deliveries.c.destination, func.count())
    .where(text("drifted AND NOT removed"))
    .group_by(deliveries.c.destination)
)


def troubled(tx: Transaction, most: int) -> list[str]:
    """Names of rotations that have failed, are held or bear an alarm; not more than that."""
    return [row[0] for row in tx.rows(_STANDING, {"most": most})]


def in_need(tx: Transaction, most: int) -> list[str]:
    """The same, and those that may be overdue: what has come due and has not ended, or has not been looked at."""
    found = dict.fromkeys(troubled(tx, most))
    for statement, params in ((_UNDER_WAY, {}), (_WAITING, {"now": tx.now})):
        if len(found) < most:
            found |= dict.fromkeys(row[0] for row in tx.rows(statement, {"most": most, **params}))
    return list(found)[:most]


def count(tx: Transaction) -> int:
    """How many rotations there are, retired ones apart."""
    return int(tx.rows(_COUNT)[0][0])


def tally(tx: Transaction) -> Tally:
    """How they all stand."""
    states = {row[0]: int(row[1]) for row in tx.rows(_STATES)}
    for state, gone in tx.rows(_RETIRED):
        states[state] -= gone
    return Tally(
        states={state: n for state, n in states.items() if n},
        retiring=int(tx.rows(_RETIRING)[0][0]),
        drifted={row[0]: int(row[1]) for row in tx.rows(_DRIFTED)},
    )
