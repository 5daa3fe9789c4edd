"""What does a store operation work with? One connection, and the one transaction it is part of.

An operation is a plain function whose first argument is a `Transaction`; a runner decides in which thread it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Dialect

from rotator.errors import StoreError
from rotator.store.rows import Row, instant
from rotator.store.statements import Prepared, Selection

Result = TypeVar("Result")


#: A statement with its sets of parameters.
Said = tuple[str, Sequence[Mapping[str, Any]]]

_ALONE = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0))))


@dataclass(frozen=True, slots=True)
class Times:
    """Where a store's time comes from: the database's clock, and the offset of scaled time."""

    #: None: the server's own clock, which a SQLite file has not.
    database: Callable[[], datetime] | None
    offset: Callable[[], timedelta]


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between kinds of databases when one is made; each stands in the file of its session."""

    dialect: Dialect
    #: Tells which tables there are.
    tables: str
    #: Said after the tables have been made.
    triggers: Sequence[str]
    #: Said first by whoever makes or migrates, so that one at a time does.
    lock: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What an operation sees of the database: everything in it becomes true together or not at all."""

    cursor: Any
    dialect: Dialect
    #: The database's time in microseconds: leases run by it.
    real: int
    #: The same plus the offset of scaled time: everything else runs by it.
    now: int
    #: Statements for a server that wait for the next one whose answer is needed: a way there and back costs more than
    #: most statements. None: each is said at once.
    waiting: list[Said] | None = None

    @property
    def time(self) -> datetime:
        """`now` as the domain wants it."""
        return instant(self.now)

    def flush(self) -> None:
        """Say what waits, all together."""
        if self.waiting:
            batch, self.waiting[:] = self.waiting[:], []
            self.cursor.together([(text, each) for text, params in batch for each in params])

    def run(self, statement: Prepared, params: Mapping[str, Any] | None = None) -> int:
        """Change rows; returns how many."""
        self.flush()
        text, constants = statement.text(self.dialect)
        self.cursor.execute(text, {**constants, **(params or {})} if constants else params or {})
        return int(self.cursor.rowcount)

    def run_all(self, statement: Prepared, params: Sequence[Mapping[str, Any]]) -> None:
        """Change rows, once for each set of parameters."""
        text, constants = statement.text(self.dialect)
        if self.waiting is not None:
            if params:
                self.waiting.append((text, [{**constants, **each} for each in params] if constants else params))
        elif len(params) == 1:
            self.cursor.execute(text, {**constants, **params[0]} if constants else params[0])
        elif params:
            self.cursor.executemany(text, [{**constants, **each} for each in params] if constants else params)

    def rows(self, statement: Prepared, params: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of an answer."""
        self.flush()
        text, constants = statement.text(self.dialect)
        self.cursor.execute(text, {**constants, **(params or {})} if constants else params or {})
        found: list[Row] = self.cursor.fetchall()
        return found

    def row(self, statement: Prepared, params: Mapping[str, Any] | None = None) -> Row | None:
        """The first row of an answer."""
        found = self.rows(statement, params)
        return found[0] if found else None

    def row_each(self, statement: Prepared, params: Sequence[Mapping[str, Any]]) -> list[Row | None]:
        """The first row of each answer, where a server is told all the sets of parameters at once."""
        if self.waiting is None:
            return [self.row(statement, each) for each in params]
        self.flush()
        text, constants = statement.text(self.dialect)
        found = self.cursor.together([(text, {**constants, **each}) for each in params])
        return [rows[0] if rows else None for rows in found]

    def stream(self, statement: Prepared, params: Mapping[str, Any] | None = None) -> Iterator[Row]:
        """All rows of an answer too large to hold at once."""
        self.flush()
        said, constants = statement.text(self.dialect)
        constants = {**constants, **(params or {})}
        if self.dialect.name == "sqlite":
            self.cursor.execute(said, constants)
            yield from iter(self.cursor.fetchone, None)
            return
        self.cursor.execute(f"DECLARE answer NO SCROLL CURSOR FOR {said}", constants or None)
        while True:
            self.cursor.execute("FETCH 1000 FROM answer")
            found: list[Row] = self.cursor.fetchall()
            if not found:
                break
            yield from found
        self.cursor.execute("CLOSE answer")

    def select(
        self, selection: Selection, ids: Collection[str] | None, params: Mapping[str, Any] | None = None
    ) -> list[Row]:
        """All rows of a query over these ids; None: over all there are."""
        self.flush()
        found: list[Row] = []
        for text, constants, named in selection.texts(self.dialect, ids):
            self.cursor.execute(text, {**constants, **named, **(params or {})})
            found += self.cursor.fetchall()
        return found

    def select_each(
        self, wanted: Sequence[tuple[Selection, Collection[str] | None, Mapping[str, Any]]]
    ) -> list[list[Row]]:
        """The rows of several queries, which a server is asked all at once."""
        if self.waiting is None:
            return [self.select(*each) for each in wanted]
        self.flush()
        asked = [
            [(text, {**constants, **named, **params}) for text, constants, named in selection.texts(self.dialect, ids)]
            for selection, ids, params in wanted
        ]
        answers = iter(self.cursor.together([each for parts in asked for each in parts]))
        return [[row for _ in parts for row in next(answers)] for parts in asked]

    def change(
        self, selection: Selection, ids: Collection[str] | None, params: Mapping[str, Any] | None = None
    ) -> None:
        """Change the rows of these ids; None: of all."""
        for text, constants, named in selection.texts(self.dialect, ids):
            each = {**constants, **named, **(params or {})}
            if self.waiting is not None:
                self.waiting.append((text, [each]))
            else:
                self.cursor.execute(text, each)

    def alone(self, name: str) -> None:
        """Have nobody else who asks for the same name work beside us until this transaction ends.

        SQLite lets nobody write beside us anyway; a server would let two of them count what neither sees of the other.
        """
        if self.dialect.name != "sqlite":
            self.rows(_ALONE, {"name": name})


Operation = Callable[[Transaction], Result]


class Session(Protocol):
    """One connection of one kind of database; used by one thread at a time."""

    def begin(self, *, write: bool) -> Transaction:
        """Start a transaction."""

    def commit(self) -> None:
        """Make it durable."""

    def rollback(self) -> None:
        """Undo it; never raises."""

    def explain(self, error: Exception) -> StoreError | None:
        """What the driver's error means to a person, or None when it is no error of the driver."""

    def again(self, error: Exception) -> bool:
        """Was nothing done because of something that passes, so that the same operation may well succeed the next time?

        Another transaction came in between, or a write's connection was lost before its commit. Asked after `rollback`.
        """

    def tidy(self) -> bool:
        """Let nothing linger that has been erased. False: not now."""

    def close(self) -> None:
        """Let go of the connection."""


class GroupingSession(Session, Protocol):
    """A connection whose only writer we are, so that operations which wait together may share a transaction."""

    def at(self, transaction: Transaction) -> Transaction:
        """The same transaction, later: with the time as it is now."""

    def save(self) -> None:
        """Begin a part that can be undone by itself."""

    def keep(self) -> None:
        """End that part, well."""

    def undo(self) -> bool:
        """Undo that part. False: the whole transaction is gone."""
