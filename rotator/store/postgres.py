"""How is a PostgreSQL database reached, and what does it mean when it complains?"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import conninfo
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Dialect

from rotator.domain.model import Secret
from rotator.errors import StoreError, StoreUnavailable, StoreUnusable
from rotator.store.server_time import ServerTime
from rotator.store.session import Kind, Transaction
from rotator.store.wire import STALE, Wire

DIALECT: Dialect = PGDialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]

#: Held to the end of the transaction by whoever makes or migrates the schema; a transaction's lock, so that it works
#: behind PgBouncer and ends with its holder.
_LOCK = "SELECT pg_advisory_xact_lock(7165065848958120822)"

# The clock is read once, at the beginning: a transaction that then waits for a lock reckons leases from a time that is
# too early, which ends ours sooner and takes nobody else's.
_CLOCK = b"SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
#: The last one ends a node that was stopped in the middle and holds rows, before those who wait for them give up.
LIMITS = {"lock_timeout": "15s", "statement_timeout": "30s", "idle_in_transaction_session_timeout": "6s"}
_HERE = "".join(f", set_config('{name}', '{value}', true)" for name, value in LIMITS.items()).encode()
_ALWAYS = "; ".join(f"SET {name} = '{value}'" for name, value in LIMITS.items()).encode()
_BEGIN = {
    True: b"BEGIN ISOLATION LEVEL READ COMMITTED; ",
    # A look at many tables sees one moment.
    False: b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ",
}
#: What the address may say otherwise. A peer that is gone is noticed long before a lease ends.
_DEFAULTS = {
    "connect_timeout": "10",
    "application_name": "rotator",
    "client_encoding": "utf-8",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

#: The journal is append-only (law L2), and so is the audit; other databases say it otherwise.
_REFUSES = "$$BEGIN RAISE EXCEPTION 'the % is append-only', TG_TABLE_NAME; END$$"
_TRIGGERS = (
    f"CREATE OR REPLACE FUNCTION rotator_append_only() RETURNS trigger LANGUAGE plpgsql AS {_REFUSES}",
    *(
        f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION rotator_append_only()"
        for table in ("journal", "audit")
    ),
)

KIND = Kind(
    DIALECT,
    "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
    _TRIGGERS,
    _LOCK,
)


class PostgresSession:
    """One connection to a PostgreSQL database, made when it is needed and again after it was lost."""

    def __init__(
        self,
        url: str,
        password: Secret | None,
        time: ServerTime,
        *,
        again: Callable[[], None] = lambda: None,
    ) -> None:
        """`again` is told, before anything is asked, when a connection takes the place of one that was lost."""
        self.dialect = DIALECT
        self.where = where(url)
        self._options = options(url, password)
        self._time = time
        self._cursor: Wire | None = None
        self._first = _CLOCK
        self._again = again
        self._connected_before = False
        self._begun: Transaction | None = None
        #: Were the connection lost now, nothing would have happened: the same can be said over another one.
        self._is_undone_by_loss = False

    def begin(self, *, write: bool) -> Transaction:
        """Start a transaction. It may turn out that a connection from before has been lost meanwhile: see `again`."""
        self._is_undone_by_loss = self._cursor is not None
        cursor = self._cursor = self._cursor or self._connected()
        cursor.execute(_BEGIN[write] + self._first)
        row = cursor.fetchone()
        assert row is not None, "one row, always"
        real, offset = self._time.said(row[0])
        self._begun = Transaction(cursor, self.dialect, real, real + offset, [])
        # A read may have handed rows out already, as a backup does.
        self._is_undone_by_loss = write
        return self._begun

    def _connected(self) -> Wire:
        """Behind PgBouncer nothing may outlast a transaction: neither prepared statements nor settings."""
        connection = psycopg.connect(**self._options, autocommit=True, prepare_threshold=None)
        if self._connected_before:
            self._again()
        self._connected_before = True
        row = connection.execute(b"SELECT pg_backend_pid()").fetchone()
        # A pooler tells a process id of its own, which is no server's.
        if row is None or row[0] != connection.info.backend_pid:
            self._first = _CLOCK + _HERE
            return Wire(connection, prepares=False)
        connection.execute(_ALWAYS)
        self._first = _CLOCK
        return Wire(connection, prepares=True)

    def commit(self) -> None:
        """As durable as the server is set to be."""
        assert self._begun is not None, "begun"
        assert self._begun.waiting is not None, "of a server"
        cursor = self._begun.cursor
        self._is_undone_by_loss = False
        if self._begun.waiting:
            self._begun.waiting.append(("COMMIT", [{}]))
            self._begun.flush()
        else:
            cursor.execute(b"COMMIT")
        if cursor.done != "COMMIT":
            raise psycopg.InternalError("the transaction had failed before its commit")

    def rollback(self) -> None:
        """A connection that cannot even do that is given up."""
        if self._cursor is None:
            return
        with contextlib.suppress(psycopg.Error):
            self._cursor.execute(b"ROLLBACK")
            self._cursor.mend()
        if self._lost():
            self.close()

    def _lost(self) -> bool:
        return self._cursor is None or self._cursor.is_lost

    def explain(self, error: Exception) -> StoreError | None:
        """Only what the driver raised is ours to explain; a broken constraint or statement is a bug."""
        return explained(error, self.where) if isinstance(error, psycopg.Error) else None

    def again(self, error: Exception) -> bool:
        """A deadlock or a conflict; a row that another has just made, which the next look finds; a lost connection."""
        return (self._is_undone_by_loss and self._lost()) or isinstance(
            error,
            (
                psycopg.errors.DeadlockDetected,
                psycopg.errors.SerializationFailure,
                psycopg.errors.UniqueViolation,
                psycopg.errors.ForeignKeyViolation,
                *STALE,
            ),
        )

    def tidy(self) -> bool:
        """The server's vacuum does it."""
        return True

    def close(self) -> None:
        """Let go of the connection; idempotent."""
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            with contextlib.suppress(psycopg.Error):
                cursor.close()


def options(url: str, password: Secret | None) -> dict[str, Any]:
    """What the driver is told: the address, ours where it says nothing. Raises StoreUnusable when it is none."""
    try:
        said = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StoreUnusable(
            f"The address of the state database {where(url)!r} cannot be read",
            hint="Expected: postgresql://USER@HOST:PORT/DATABASE?OPTION=VALUE, as libpq takes it.",
        ) from None
    return {**_DEFAULTS, **said} | ({"password": password.reveal()} if password else {})


def where(url: str) -> str:
    """The address for people: without password and options."""
    rest, _, extra = url.partition("://")[2].partition("?")
    host = "".join(part.removeprefix("host=") for part in extra.split("&") if part.startswith("host="))
    name = rest.rpartition("@")[2]
    return (host + name if name.startswith("/") else name) or "of PostgreSQL"


# What libpq says when it cannot connect: there is no code to go by.
_CONNECTING: tuple[tuple[str, str, str], ...] = (
    (
        "password authentication failed",
        "refuses the password",
        "Check the user in state.url and state.password (or PGPASSWORD, or ~/.pgpass).",
    ),
    ("no password supplied", "asks for a password", "Set state.password (or PGPASSWORD, or ~/.pgpass)."),
    ("no pg_hba.conf entry", "does not let us in", "The server's pg_hba.conf names who may connect from where."),
    (r'role "[^"]*" does not exist', "does not know the user", "CREATE ROLE it, or correct state.url."),
    (r'database "[^"]*" does not exist', "does not exist", "CREATE DATABASE it, owned by the user of state.url."),
    ("certificate verify failed", "shows a certificate that is not trusted", "Check sslrootcert in state.url."),
)
_STATES: dict[str, tuple[type[StoreError], str, str]] = {
    "08": (StoreUnavailable, "was lost", "Nothing is claimed until it answers again."),
    "25006": (StoreUnavailable, "is read-only, a standby", "Point state.url at the primary, or at all hosts."),
    "25P03": (StoreUnavailable, "gave up waiting for us", "This process stood still in the middle of a transaction."),
    "53100": (StoreUnavailable, "cannot grow: its disk is full", "Make room on the server."),
    "53300": (StoreUnavailable, "takes no more connections", "Raise max_connections, or put PgBouncer before it."),
    "55P03": (StoreUnavailable, "is busy: somebody holds the rows", "See pg_stat_activity for who does."),
    "57014": (StoreUnavailable, "took too long", "See pg_stat_activity for what it does."),
    "57P": (StoreUnavailable, "is stopping or starting", "Nothing is claimed until it answers again."),
    "42501": (StoreUnusable, "denies its user a right", "The user must own the tables, or GRANT it what is missing."),
}


def explained(error: psycopg.Error, name: str) -> StoreError | None:
    """The driver's complaint in words: what is wrong with which database, and what to do; None: a bug of ours."""
    state = error.sqlstate or ""
    for known, (kind, what, hint) in _STATES.items():
        if state.startswith(known):
            return kind(f"The state database {name} {what}{_detail(error) if state == '42501' else ''}", hint=hint)
    if not isinstance(error, psycopg.OperationalError):
        return None
    text = str(error)
    for pattern, what, hint in _CONNECTING:
        if re.search(pattern, text):
            return StoreUnusable(f"The state database {name} {what}", hint=hint)
    hint = "Check host, port and network, and that PostgreSQL runs there."
    return StoreUnavailable(f"The state database {name} does not answer ({_line(text)})", hint=hint)


def _detail(error: psycopg.Error) -> str:
    said = error.diag.message_primary
    return f" ({said})" if said else ""


def _line(text: str) -> str:
    """The reason at the end of libpq's message, which may have a line for each address that was tried."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = next((line for line in lines if "failed:" in line), lines[0] if lines else "no reason given")
    return reason.rpartition("failed: ")[2].removeprefix("FATAL:  ")[:200]
