"""How do very many rotations stand, and which few are on this page? Counted and chosen by the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, TextClause, and_, bindparam, case, false, func, or_, select, text, true

from rotator.domain.model import Attempt, Credential, Facts
from rotator.domain.overview import Life, Look, Overview, Place
from rotator.store import rows
from rotator.store.facts import facts_of
from rotator.store.rows import micros
from rotator.store.schema import IN_NEED, attempts, credentials, rotations, standings
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection

#: More attempts than that are not drawn on one page.
_MOST_ATTEMPTS = 2000
#: Few as a rule, and found without a look at the wide rows of the definitions.
_ATTENTION = rotations.c.id.in_(
    select(standings.c.rotation_id).where(
        text(f"({IN_NEED})"),
        or_(standings.c.failures > 0, standings.c.alarms != "[]", standings.c.hold != ""),
    )
)
_ROTATING = rotations.c.id.in_(select(attempts.c.rotation_id).where(attempts.c.ended_at.is_(None)))
_PAUSED = text("rotations.paused")
_SHOWN: dict[str, ColumnElement[bool] | TextClause] = {
    "attention": _ATTENTION,
    "rotating": _ROTATING,
    "paused": _PAUSED,
}
_CREDENTIALS = Selection(
    lambda these: (
        select(*rows.CREDENTIAL.columns)
        .select_from(rows.WITH_TEXT)
        .where(
            these(credentials.c.rotation_id),
            or_(credentials.c.revoked_at.is_(None), credentials.c.revoked_at > bindparam("since")),
            or_(credentials.c.expires_at.is_(None), credentials.c.expires_at > bindparam("since")),
        )
        .order_by(credentials.c.starts_at, credentials.c.key_id)
    )
)
_ATTEMPTS = Selection(
    lambda these: (
        select(*rows.ATTEMPT.columns)
        .where(these(attempts.c.rotation_id), attempts.c.started_at > bindparam("since"))
        .order_by(attempts.c.started_at, attempts.c.id)
        .limit(bindparam("most"))
    )
)


def overview(tx: Transaction, look: Look) -> Overview:
    """Count all that may be read, and give the page that is looked for."""
    asked = _statements(look.places, look.show, bool(look.text))
    total, paused = (int(each or 0) for each in tx.rows(asked.living)[0])
    attention, rotating = (int(tx.rows(each)[0][0]) for each in (asked.attention, asked.rotating))
    named = {"text": f"%{_escaped(look.text.lower())}%"} if look.text else {}
    known = {"all": total, "attention": attention, "rotating": rotating, "paused": paused}
    found = int(tx.rows(asked.found, named)[0][0]) if look.text else known[look.show]
    bad = int(tx.rows(asked.found_bad, named)[0][0]) if look.text or look.show in {"rotating", "paused"} else attention
    facts = _page(tx, asked, look, named=named, bad=bad)
    return Overview(
        now=tx.time,
        total=total,
        attention=attention,
        rotating=rotating,
        paused=paused,
        found=found,
        page=tuple(facts.values()),
        lives=_lives(tx, facts, micros(look.since)),
    )


def _page(tx: Transaction, asked: _Asked, look: Look, *, named: Mapping[str, str], bad: int) -> dict[str, Facts]:
    """First the `bad` ones that need attention, then the others by name: read in that order, and not sorted."""
    ids = [str(row[0]) for row in tx.rows(asked.bad, {**named, "most": look.most, "offset": look.offset})]
    left = look.most - len(ids)
    if left and look.show != "attention":
        offset = max(0, look.offset - bad)
        ids += [str(row[0]) for row in tx.rows(asked.good, {**named, "most": left, "offset": offset})]
    found = facts_of(tx, ids) if ids else {}
    return {each: found[each] for each in ids}


def life(tx: Transaction, rotation_id: str, since: datetime) -> Life:
    """What happened to one rotation since then."""
    return _lives(tx, [rotation_id], micros(since))[rotation_id]


def _lives(tx: Transaction, ids: Collection[str], since: int) -> dict[str, Life]:
    if not ids:
        return {}
    held: defaultdict[str, list[Credential]] = defaultdict(list)
    tried: defaultdict[str, list[Attempt]] = defaultdict(list)
    for credential in map(rows.CREDENTIAL.value, tx.select(_CREDENTIALS, list(ids), {"since": since})):
        held[credential.rotation_id].append(credential)
    for attempt in map(rows.ATTEMPT.value, tx.select(_ATTEMPTS, list(ids), {"since": since, "most": _MOST_ATTEMPTS})):
        tried[attempt.rotation_id].append(attempt)
    return {each: Life(tuple(held[each]), tuple(tried[each])) for each in ids}


class _Asked(NamedTuple):
    """The statements of one look: counts, then the ids of a page in two parts."""

    living: Prepared
    attention: Prepared
    rotating: Prepared
    found: Prepared
    found_bad: Prepared
    bad: Prepared
    good: Prepared


@lru_cache(maxsize=256)
def _statements(places: frozenset[Place] | None, show: str, by_text: bool) -> _Asked:  # noqa: FBT001 - a key of a cache
    readable = _readable(places)
    fitting: list[ColumnElement[bool] | TextClause] = [
        *([_SHOWN[show]] if show in _SHOWN else []),
        *([_named()] if by_text else []),
    ]

    def count(*conditions: ColumnElement[bool] | TextClause) -> Prepared:
        return Prepared(select(func.count()).select_from(rotations).where(readable, *conditions))

    def page(*conditions: ColumnElement[bool]) -> Prepared:
        return Prepared(
            select(rotations.c.id)
            .where(readable, *fitting, *conditions)
            .order_by(rotations.c.name, rotations.c.id)
            .limit(bindparam("most"))
            .offset(bindparam("offset"))
        )

    return _Asked(
        living=Prepared(select(func.count(), func.sum(case((_PAUSED, 1), else_=0))).where(readable)),
        attention=count(_ATTENTION),
        rotating=count(_ROTATING),
        found=count(*fitting),
        found_bad=count(*fitting, _ATTENTION),
        bad=page(_ATTENTION),
        good=page(~_ATTENTION),
    )


def _named() -> ColumnElement[bool]:
    wanted: Any = bindparam("text")
    columns = (rotations.c.name, rotations.c.app_name)
    return or_(*(func.lower(column).like(wanted, escape="\\") for column in columns))


def _escaped(said: str) -> str:
    for special in "\\%_":
        said = said.replace(special, f"\\{special}")
    return said


def _readable(places: frozenset[Place] | None) -> ColumnElement[bool]:
    """Not retired, and in one of these places; the connections' own rotations are in none."""
    living = rotations.c.retired_at.is_(None)
    if places is None:
        return living
    return and_(living, rotations.c.own_connection == "", or_(false(), *map(_in_place, sorted(places))))


def _in_place(place: Place) -> ColumnElement[bool]:
    project, environment, path = place
    conditions: list[ColumnElement[bool]] = [true()]
    if project:
        conditions.append(_held(rotations.c.project) == project)
    if environment:
        conditions.append(_held(rotations.c.environment) == environment)
    root = path.rstrip("/")
    if root:
        held = rotations.c.path
        conditions.append(or_(_held(held) == root, func.substr(held, 1, len(root) + 1) == f"{root}/"))
    return and_(*conditions)


def _held(column: Any) -> Any:
    """The column, kept from the index by folder: that would read each row of a folder, however many it has."""
    return column.concat("")
