"""Is there enough left of what all nodes share? Counted in the database, by its time, in the transaction that takes it.

A bucket, a line and a quiet time are one instant each, until which they are spent, in the database's real time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, func, select

from rotator.domain.changes import ConnectionQuiet
from rotator.domain.pacing import LONGEST_QUIET, Beginning, Bucket, Line, Toll, quiet
from rotator.errors import LimitReached
from rotator.store.cluster_schema import paces
from rotator.store.rows import instant, micros, span_micros
from rotator.store.schema import attempts
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection, insert_of

_HOUR = timedelta(hours=1)


def _later_of(dialect: Any, *, rows: int) -> Any:
    """Insert rows, or move those that are there on by as much as the given instant is after `real`, which is now.

    One with an instant of the past is not moved, but locked: other nodes' transactions have other times for now.
    """
    given: list[dict[str, Any]] = [
        {"name": bindparam(f"name_{n}"), "until": bindparam(f"until_{n}")} for n in range(rows)
    ]
    insert = insert_of(dialect)(paces).values(given)
    now: Any = bindparam("real")
    until: Any = insert.excluded.until
    spent = case((paces.c.until > now, paces.c.until), else_=now)
    moved = case((until > now, spent + (until - now)), else_=paces.c.until)
    taking = insert.on_conflict_do_update(index_elements=["name"], set_={"until": moved})
    return taking.returning(paces.c.name, paces.c.until)


def _taking(rows: int) -> Prepared:
    return Prepared(lambda dialect: _later_of(dialect, rows=rows))


#: From several at once, so that it is one way there and back to a server.
_TAKE = {rows: _taking(rows) for rows in range(1, 6)}


def _set(dialect: Any, *, only_later: bool) -> Any:
    insert = insert_of(dialect)(paces).values(name=bindparam("of"), until=bindparam("at"))
    where = paces.c.until < insert.excluded.until if only_later else None
    return insert.on_conflict_do_update(index_elements=["name"], set_={"until": insert.excluded.until}, where=where)


_SET = Prepared(lambda dialect: _set(dialect, only_later=False))
_SET_LATER = Prepared(lambda dialect: _set(dialect, only_later=True))
_BEGUN = Prepared(
    select(func.count(), func.min(attempts.c.started_at)).where(
        attempts.c.connection == bindparam("of"), attempts.c.started_at > bindparam("since")
    )
)
#: Of buckets by their names.
UNTIL = Selection(lambda these: select(paces.c.name, paces.c.until).where(these(paces.c.name)))


def pay(tx: Transaction, toll: Toll) -> None:
    """Take all of it. Raises LimitReached where there is not enough: then this transaction must not become true.

    Whoever takes from a row is alone with it until the transaction ends.
    """
    beginning = toll.beginning
    if beginning is None:
        _take(tx, toll)
        return
    _take(tx, replace(toll, buckets=(Bucket(f"attempts of {beginning.connection}", timedelta(0), 0), *toll.buckets)))
    _begin(tx, beginning)


def _take(tx: Transaction, toll: Toll) -> None:
    given: dict[str, Any] = {"real": tx.real}
    for n, bucket in enumerate(toll.buckets):
        until = tx.real + span_micros(bucket.every) if bucket.every else 0
        given |= {f"name_{n}": bucket.name, f"until_{n}": until}
    untils = {row[0]: row[1] for row in tx.rows(_TAKE[len(toll.buckets)], given)}
    short = timedelta(0)
    for bucket in toll.buckets:
        spent = timedelta(microseconds=untils[bucket.name] - tx.real)
        full = bucket.burst * bucket.every
        if spent <= bucket.furthest + bucket.every:
            short = max(short, spent - full)
        else:
            # What would not wait has overdrawn it enough; for anything else it was set under a clock that was wrong.
            kept = bucket.furthest if toll.pressing else full
            tx.run(_SET, {"of": bucket.name, "at": tx.real + span_micros(kept)})
    if short and not toll.pressing:
        raise LimitReached("writes", short)


def _begin(tx: Transaction, beginning: Beginning) -> None:
    """The attempt itself, once it is written, is its place under the limit."""
    since = micros(beginning.at - _HOUR)
    found = tx.row(_BEGUN, {"of": beginning.connection, "since": since})
    assert found is not None, "a count"
    if found[0] >= beginning.per_hour:
        free_at = instant(found[1]) + _HOUR
        raise LimitReached("attempts", max(free_at - tx.time, timedelta(seconds=1)))


def lined_up(tx: Transaction, line: Line, wake_at: datetime) -> datetime:
    """When to wake for something that becomes free at `wake_at` and for which others may wait already."""
    wait = wake_at - tx.time
    front, every = tx.real + span_micros(wait), span_micros(line.every)
    given = {"real": front, "name_0": line.name, "until_0": front + every}
    tail = tx.rows(_TAKE[1], given)[0][1]
    if tail - every > front + span_micros(line.longest):
        tx.run(_SET, {"of": line.name, "at": front + every})
        tail = front + every
    return instant(tx.now + tail - every - tx.real)


def hush(tx: Transaction, asked: ConnectionQuiet) -> None:
    """Graph wants to be left alone by that connection; of several such wishes the longest holds."""
    until = tx.real + span_micros(min(asked.lasts, LONGEST_QUIET))
    tx.run(_SET_LATER, {"of": quiet(asked.connection), "at": until})


def believed(tx: Transaction, until: int) -> datetime | None:
    """The end of a quiet time; None when it is over, or too far off to be true."""
    return instant(tx.now + until - tx.real) if tx.real < until <= tx.real + span_micros(LONGEST_QUIET) else None
