"""How is a SQLite file opened, locked and understood when it complains?"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from rotator.errors import StoreError, StoreUnavailable, StoreUnusable
from rotator.store.rows import micros, span_micros
from rotator.store.session import Kind, Times, Transaction

#: How long to wait for another process's write before saying so.
_PATIENCE = timedelta(seconds=10)
DIALECT = SQLiteDialect_pysqlite(paramstyle="named")
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = ON",
    "foreign_keys = ON",
    "temp_store = MEMORY",
)
#: Statements of a session fit: none is parsed by SQLite twice.
_CACHED_STATEMENTS = 512

#: The journal is append-only (law L2), and so is the audit; other databases say it otherwise.
_TRIGGERS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, 'the {table} is append-only'); END"
    for table in ("journal", "audit")
    for verb in ("UPDATE", "DELETE")
)

KIND = Kind(DIALECT, "SELECT name FROM sqlite_master WHERE type = 'table'", _TRIGGERS)


class SqliteSession:
    """One connection to a SQLite database; `path` None is one in memory."""

    def __init__(
        self, path: Path | None, times: Times, *, reader: bool = False, patience: timedelta = _PATIENCE
    ) -> None:
        """Raises StoreUnavailable or StoreUnusable when it cannot be opened."""
        self._times = times
        self._patience = patience
        self._where = str(path) if path else "the database in memory"
        self.dialect = DIALECT
        try:
            self.connection = connect(path, patience)
            if reader:
                self.connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise explained(error, self._where) from error
        self._cursor = self.connection.cursor()

    def begin(self, *, write: bool) -> Transaction:
        """Start a transaction: a write one takes the lock at once, so that it never fails half-way for it."""
        self.connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        return self.at(Transaction(self._cursor, self.dialect, 0, 0))

    def at(self, transaction: Transaction) -> Transaction:
        """The host's clock is the database's."""
        assert self._times.database is not None, "a file has no clock"
        real = micros(self._times.database())
        now = real + span_micros(self._times.offset())
        return Transaction(transaction.cursor, transaction.dialect, real, now)

    def commit(self) -> None:
        """Written through to the disk (`synchronous = FULL`)."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """SQLite may have done it already, on a full disk for instance."""
        with contextlib.suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def save(self) -> None:
        """Begin a part."""
        self.connection.execute("SAVEPOINT part")

    def keep(self) -> None:
        """End the part."""
        self.connection.execute("RELEASE part")

    def undo(self) -> bool:
        """Undo the part, unless SQLite has undone everything."""
        if not self.connection.in_transaction:
            return False
        self.connection.execute("ROLLBACK TO part")
        self.connection.execute("RELEASE part")
        return True

    def explain(self, error: Exception) -> StoreError | None:
        """Only what the driver raised is ours to explain; a broken constraint or statement is a bug."""
        bugs = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
        if not isinstance(error, sqlite3.Error) or isinstance(error, bugs):
            return None
        if isinstance(error, sqlite3.OperationalError) and _of_the_statement(error):
            return None
        return explained(error, self._where)

    def again(self, error: Exception) -> bool:  # noqa: ARG002 - a protocol's signature
        """The lock is held from the beginning: nobody comes in between."""
        return False

    def tidy(self) -> bool:
        """Empty the write-ahead log, in which erased pages would linger. A reader may hold it back: nobody waits."""
        patience = int(self._patience.total_seconds() * 1000)
        try:
            self.connection.execute("PRAGMA busy_timeout = 0").fetchall()
            ((held_back, _, _),) = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error:
            return False
        finally:
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute(f"PRAGMA busy_timeout = {patience}").fetchall()
        return not held_back

    def close(self) -> None:
        """The last one to close removes the write-ahead log."""
        self.connection.close()


def connect(path: Path | None, patience: timedelta = _PATIENCE) -> sqlite3.Connection:
    """A connection that begins no transaction by itself."""
    connection = sqlite3.connect(
        path or ":memory:",
        timeout=patience.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _of_the_statement(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR"


_MEANINGS: dict[str, tuple[str, str]] = {
    "SQLITE_BUSY": (
        "is locked by another process",
        "It did not let go in time; see who has the file open (fuser, lsof).",
    ),
    "SQLITE_FULL": ("cannot grow: the disk is full", "Make room on its file system."),
    "SQLITE_READONLY": ("cannot be written", "Check the owner and mode of the file and its directory, and the mount."),
    "SQLITE_CANTOPEN": ("cannot be opened", "Check that its directory exists and may be entered and written."),
    "SQLITE_IOERR": ("cannot be read or written: input/output error", "Check the disk and its free space."),
    "SQLITE_PERM": ("cannot be opened", "Check the owner and mode of the file and its directory."),
}
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def explained(error: sqlite3.Error, where: str) -> StoreError:
    """The driver's complaint in words: what is wrong with which file, and what to do."""
    name: Any = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(_DAMAGED):
        return StoreUnusable(
            f"The state database {where} is damaged or no SQLite database ({error})",
            hint="Restore it from a backup, or move it away to begin anew.",
        )
    for known, (what, hint) in _MEANINGS.items():
        if name.startswith(known):
            return StoreUnavailable(f"The state database {where} {what}", hint=hint)
    return StoreUnavailable(f"The state database {where} does not answer: {error}")
