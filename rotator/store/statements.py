"""What do we say to the database, in whose dialect? Core statements, compiled once and handed to the driver as text.

SQLAlchemy's own execution costs more than SQLite's; compiling once gives one source for every dialect without that.
Values go to the driver as they are: `rows.py` makes them fit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, case, true
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

#: Statements over a list of ids exist in these sizes; a shorter list is filled up with its last id.
_SIZES = (1, 4, 16, 64, 256)

Statement = Executable
#: Makes the condition "this column is one of the ids".
These = Callable[[Any], ColumnElement[bool]]


class Prepared:
    """One statement with named parameters."""

    __slots__ = ("_build", "_known")

    def __init__(self, build: Statement | Callable[[Dialect], Statement]) -> None:
        """A callable is given the dialect: for the few statements that differ."""
        self._build = build
        self._known: dict[str, tuple[str, dict[str, Any]]] = {}

    def text(self, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        """The statement in that dialect, and the constants among its parameters."""
        known = self._known.get(dialect.name)
        if known is None:
            statement = self._build(dialect) if callable(self._build) else self._build
            known = self._known[dialect.name] = compiled(statement, dialect)
        return known


class Selection:
    """One query over some rows, by a list of ids, or over all."""

    __slots__ = ("_build", "_known")

    def __init__(self, build: Callable[[These], Statement]) -> None:
        """`build` puts the condition it is given on the column that the ids are of."""
        self._build = build
        self._known: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {}

    def texts(
        self, dialect: Dialect, ids: Collection[str] | None
    ) -> Iterator[tuple[str, dict[str, Any], Mapping[str, str]]]:
        """The query in that dialect, its constants and the ids as parameters; in parts when there are very many ids."""
        if ids is None:
            yield *self._sized(dialect, 0), {}
            return
        listed = list(ids)
        if len(listed) == 1:  # as nearly always
            yield *self._sized(dialect, 1), {"id_0": listed[0]}
            return
        for start in range(0, len(listed), _SIZES[-1]):
            part = listed[start : start + _SIZES[-1]]
            size = next(size for size in _SIZES if size >= len(part))
            part += part[-1:] * (size - len(part))
            yield *self._sized(dialect, size), {f"id_{n}": id_ for n, id_ in enumerate(part)}

    def _sized(self, dialect: Dialect, size: int) -> tuple[str, dict[str, Any]]:
        key = (dialect.name, size)
        if key not in self._known:
            self._known[key] = compiled(self._build(_these(size)), dialect)
        return self._known[key]


def compiled(statement: Statement, dialect: Dialect) -> tuple[str, dict[str, Any]]:
    """The text of a statement, and those of its parameters that have a value already."""
    assert isinstance(statement, ClauseElement)
    done = statement.compile(dialect=dialect)
    assert isinstance(done, SQLCompiler)
    return str(done), {name: bind.value for name, bind in done.binds.items() if not bind.required}


def _these(size: int) -> These:
    if size == 0:
        return lambda _column: true()
    if size == 1:
        return lambda column: column == bindparam("id_0")
    return lambda column: column.in_([bindparam(f"id_{n}") for n in range(size)])


def no_later(column: Any, name: str) -> Any:
    """The column as it stands, or the bound value when that is earlier."""
    given: Any = bindparam(name)
    return case((column <= given, column), else_=given)


def upsert(table: Table, *, fixed: Sequence[str] = (), columns: Mapping[str, Any] | None = None) -> Prepared:
    """Insert the row, or replace all but the key and the `fixed` columns of the one that has its primary key.

    `columns` are expressions for columns that are no plain parameters.
    """

    def build(dialect: Dialect) -> Statement:
        insert = insert_of(dialect)(table)
        values = {c.name: bindparam(c.name) for c in table.c} | dict(columns or {})
        insert = insert.values(values)
        keys = [c.name for c in table.primary_key]
        changed = [c.name for c in table.c if c.name not in keys and c.name not in fixed]
        if not changed:
            untouched: Statement = insert.on_conflict_do_nothing(index_elements=keys)
            return untouched
        new = {name: insert.excluded[name] for name in changed}
        replaced: Statement = insert.on_conflict_do_update(index_elements=keys, set_=new)
        return replaced

    return Prepared(build)


def insert_of(dialect: Dialect) -> Any:
    """The `insert` that knows ON CONFLICT."""
    if dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert
