"""What does a store operation work with? One connection, and the one transaction it is part of.

An operation is a plain function whose first argument is a `Transaction`; a runner decides in which thread it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy.engine import Dialect

from rotator.errors import StoreError
from rotator.store.rows import Row, instant
from rotator.store.statements import Prepared, Selection

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Transaction:
    """What an operation sees of the database: everything in it becomes true together or not at all."""

    cursor: Any
    dialect: Dialect
    #: The database's time in microseconds: leases run by it.
    real: int
    #: The same plus the offset of scaled time: everything else runs by it.
    now: int

    @property
    def time(self) -> datetime:
        """`now` as the domain wants it."""
        return instant(self.now)

    def run(self, statement: Prepared, params: Mapping[str, Any] | None = None) -> int:
        """Change rows; returns how many."""
        text, constants = statement.text(self.dialect)
        self.cursor.execute(text, {**constants, **(params or {})} if constants else params or {})
        return int(self.cursor.rowcount)

    def run_all(self, statement: Prepared, params: Sequence[Mapping[str, Any]]) -> None:
        """Change rows, once for each set of parameters."""
        text, constants = statement.text(self.dialect)
        if len(params) == 1:
            self.cursor.execute(text, {**constants, **params[0]} if constants else params[0])
        elif params:
            self.cursor.executemany(text, [{**constants, **each} for each in params] if constants else params)

    def rows(self, statement: Prepared, params: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of an answer."""
        text, constants = statement.text(self.dialect)
        self.cursor.execute(text, {**constants, **(params or {})} if constants else params or {})
        found: list[Row] = self.cursor.fetchall()
        return found

    def row(self, statement: Prepared, params: Mapping[str, Any] | None = None) -> Row | None:
        """The first row of an answer."""
        found = self.rows(statement, params)
        return found[0] if found else None

    def select(
        self, selection: Selection, ids: Collection[str] | None, params: Mapping[str, Any] | None = None
    ) -> list[Row]:
        """All rows of a query over these ids; None: over all there are."""
        found: list[Row] = []
        for text, constants, named in selection.texts(self.dialect, ids):
            self.cursor.execute(text, {**constants, **named, **(params or {})})
            found += self.cursor.fetchall()
        return found

    def change(
        self, selection: Selection, ids: Collection[str] | None, params: Mapping[str, Any] | None = None
    ) -> None:
        """Change the rows of these ids; None: of all."""
        for text, constants, named in selection.texts(self.dialect, ids):
            self.cursor.execute(text, {**constants, **named, **(params or {})})


Operation = Callable[[Transaction], Result]


class Session(Protocol):
    """One connection of one kind of database; used by one thread at a time."""

    def begin(self, *, write: bool) -> Transaction:
        """Start a transaction; with `write`, no other writer comes between."""

    def at(self, transaction: Transaction) -> Transaction:
        """The same transaction, later: with the time as it is now."""

    def commit(self) -> None:
        """Make it durable."""

    def rollback(self) -> None:
        """Undo it; never raises."""

    def save(self) -> None:
        """Begin a part that can be undone by itself."""

    def keep(self) -> None:
        """End that part, well."""

    def undo(self) -> bool:
        """Undo that part. False: the whole transaction is gone."""

    def explain(self, error: Exception) -> StoreError | None:
        """What the driver's error means to a person, or None when it is no error of the driver."""

    def tidy(self) -> bool:
        """Let nothing linger that has been erased. False: not now."""

    def close(self) -> None:
        """Let go of the connection."""
