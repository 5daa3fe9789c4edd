"""How do very many rotations stand, and which few are on this page? Counted and chosen by the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, false, func, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect

from rotator.domain.model import Attempt, Credential
from rotator.domain.overview import Life, Look, Overview, Place
from rotator.store import rows
from rotator.store.facts import facts_of
from rotator.store.rows import micros
from rotator.store.schema import attempts, credentials, rotations, standings
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection, Statement

#: More attempts than that are not drawn on one page.
_MOST_ATTEMPTS = 2000
_JOINED = rotations.join(standings, standings.c.rotation_id == rotations.c.id)
_ATTENTION = or_(standings.c.failures > 0, standings.c.alarms != "[]", standings.c.hold != "")
_ROTATING = rotations.c.id.in_(select(attempts.c.rotation_id).where(attempts.c.ended_at.is_(None)))
_PAUSED = rotations.c.paused.is_(True)
_SHOWN = {"attention": _ATTENTION, "rotating": _ROTATING, "paused": _PAUSED}
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
    counts, found, page = _statements(look.places, look.show, bool(look.text))
    total, attention, rotating, paused = (int(each or 0) for each in tx.rows(counts)[0])
    text = {"text": f"%{_escaped(look.text.lower())}%"} if look.text else {}
    ids = [str(row[0]) for row in tx.rows(page, {**text, "most": look.most, "offset": look.offset})]
    facts = facts_of(tx, ids) if ids else {}
    return Overview(
        now=tx.time,
        total=total,
        attention=attention,
        rotating=rotating,
        paused=paused,
        found=int(tx.rows(found, text)[0][0]),
        page=tuple(facts[each] for each in ids),
        lives=_lives(tx, facts, micros(look.since)),
    )


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


@lru_cache(maxsize=256)
def _statements(places: frozenset[Place] | None, show: str, by_text: bool) -> tuple[Prepared, Prepared, Prepared]:  # noqa: FBT001 - a key of a cache
    """Count all, count those that fit, give the ids of a page of them."""

    def counts(dialect: Dialect) -> Statement:
        some = [func.sum(case((each, 1), else_=0)) for each in (_ATTENTION, _ROTATING, _PAUSED)]
        return select(func.count(), *some).select_from(_JOINED).where(_readable(places, dialect))

    def fitting(dialect: Dialect) -> ColumnElement[bool]:
        conditions = [_readable(places, dialect), *([_SHOWN[show]] if show in _SHOWN else [])]
        return and_(*conditions, *([_named()] if by_text else []))

    def found(dialect: Dialect) -> Statement:
        return select(func.count()).select_from(_JOINED).where(fitting(dialect))

    def page(dialect: Dialect) -> Statement:
        first = case((_ATTENTION, 0), else_=1)
        chosen = select(rotations.c.id).select_from(_JOINED).where(fitting(dialect))
        ordered = chosen.order_by(first, rotations.c.name, rotations.c.id)
        return ordered.limit(bindparam("most")).offset(bindparam("offset"))

    return Prepared(counts), Prepared(found), Prepared(page)


def _named() -> ColumnElement[bool]:
    text: Any = bindparam("text")
    columns = (rotations.c.name, rotations.c.app_name)
    return or_(*(func.lower(column).like(text, escape="\\") for column in columns))


def _escaped(text: str) -> str:
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return text


def _readable(places: frozenset[Place] | None, dialect: Dialect) -> ColumnElement[bool]:
    """Not retired, and in one of these places; the connections' own rotations are in none."""
    living = rotations.c.retired_at.is_(None)
    if places is None:
        return living
    somewhere = or_(false(), *(_in_place(place, dialect) for place in sorted(places)))
    return and_(living, rotations.c.own_connection == "", somewhere)


def _in_place(place: Place, dialect: Dialect) -> ColumnElement[bool]:
    project, environment, path = place
    conditions: list[ColumnElement[bool]] = [true()]
    if project:
        conditions.append(_folder("project", dialect) == project)
    if environment:
        conditions.append(_folder("environment", dialect) == environment)
    root = path.rstrip("/")
    if root:
        held = _folder("path", dialect)
        conditions.append(or_(held == root, func.substr(held, 1, len(root) + 1) == f"{root}/"))
    return and_(*conditions)


def _folder(name: str, dialect: Dialect) -> Any:
    """A part of the folder in the definition's document."""
    if dialect.name == "sqlite":
        return func.json_extract(rotations.c.document, f"$.folder.{name}")
    return rotations.c.document.cast(JSONB)["folder"][name].astext
