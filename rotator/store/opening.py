"""How does a program come by a store? Opens the database, makes or migrates it, and finds the keys that open it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from rotator.domain.model import Secret
from rotator.errors import NoBooks, StoreUnavailable, StoreUnusable
from rotator.ports import Chance
from rotator.store import keys as key_files
from rotator.store.making import installation_of, is_made, is_newest
from rotator.store.making import make as make_books
from rotator.store.runner import InlineRunner, Runner, ThreadRunner
from rotator.store.seal import Seal, keys_in_use, unknown_key
from rotator.store.session import Kind, Session, Times
from rotator.store.store import SqlStore

_INSTALLATION = re.compile(r"[a-z0-9-]{1,24}")
_POSTGRES = ("postgresql://", "postgres://")


def open_store(
    url: str,
    *,
    chance: Chance,
    database_time: Callable[[], datetime] | None,
    monotonic: Callable[[], float] | None = None,
    offset: Callable[[], timedelta] = timedelta,
    keys: Sequence[Secret] = (),
    password: Secret | None = None,
    installation: str = "",
    inline: bool = False,
    make: bool = True,
) -> SqlStore:
    """Open the database at `url`, making it when there is none: `sqlite:///PATH`, `sqlite://` for one in memory, or
    `postgresql://USER@HOST/DATABASE`.

    `keys` are base64, newest first; without any, a key file beside a SQLite database serves. `database_time` is what
    SQLite takes for the database's clock; None is the clock of a server, which `monotonic` carries on between two
    answers. `inline` runs everything in the calling thread, as a database in memory always does. Without `make` a
    server's database without books is left alone: NoBooks.
    Raises StoreUnusable (newer schema, no key opens it, another installation) or StoreUnavailable, nothing changed.
    """
    if installation and not _INSTALLATION.fullmatch(installation):
        raise StoreUnusable(
            f"The installation id {installation!r} is not allowed", hint="Use 1 to 24 characters of a-z, 0-9 and '-'."
        )
    given = key_files.configured(keys)
    door = door_to(url, Times(database_time, offset), password=password, monotonic=monotonic, inline=inline)
    if door.is_server and not given:
        raise no_key()
    try:
        seal = _made(door, given, chance=chance, installation=installation, make=make)
        found = _checked(door.session, seal, installation)
    except Exception:
        door.session.close()
        raise
    return SqlStore(
        door.runner(), seal, installation=found, now=door.now, real=door.real, asks=door.is_server, told=door.told
    )


def no_key() -> StoreUnusable:
    """A server has no folder of ours in which a key could stand."""
    return StoreUnusable(
        "A PostgreSQL database has no key beside it", hint="Set state.encryptionKeys, the same on every node."
    )


@dataclass(frozen=True, slots=True)
class Door:
    """How to come at one database: a session to make it ready with, and what is made of it afterwards."""

    session: Session
    kind: Kind
    runner: Callable[[], Runner]
    #: The database's time plus the offset.
    now: Callable[[], datetime]
    #: The same without the offset.
    real: Callable[[], datetime]
    migrate: Callable[[], None]
    #: For people.
    where: str
    path: Path | None = None
    #: Are told when a lost connection has been replaced.
    told: list[Callable[[], None]] = field(default_factory=list)
    is_server: bool = False


def door_to(
    url: str,
    times: Times,
    *,
    password: Secret | None = None,
    monotonic: Callable[[], float] | None = None,
    inline: bool = False,
) -> Door:
    """The way into the database at that address; a file is made when there is none."""
    if url.startswith(_POSTGRES):
        return _to_server(url, password, times, monotonic=monotonic)
    return _to_file(path_of(url), times, inline=inline)


def _to_file(path: Path | None, times: Times, *, inline: bool) -> Door:
    from rotator.store import sqlite

    assert times.database is not None, "a file has no clock"
    clock, offset = times.database, times.offset
    if path is not None:
        _prepare(path)
    session = sqlite.SqliteSession(path, times)

    def runner() -> Runner:
        if inline or path is None:
            return InlineRunner(session)
        return ThreadRunner(
            session,
            lambda: sqlite.SqliteSession(path, times, reader=True),
            lambda: sqlite.SqliteSession(path, times, reader=True, patience=timedelta(0)),
        )

    def bring_up() -> None:
        from rotator.store.migrating import migrate

        assert path is not None, "one in memory is always new"
        migrate(path)

    return Door(session, sqlite.KIND, runner, lambda: clock() + offset(), clock, bring_up, str(path), path)


def _to_server(url: str, password: Secret | None, times: Times, *, monotonic: Callable[[], float] | None) -> Door:
    try:
        from rotator.store import postgres
    except ImportError:
        raise StoreUnusable(
            "PostgreSQL needs a driver that is not installed", hint="pip install 'entra-rotator[postgres]'"
        ) from None
    from rotator.store.pool import PoolRunner
    from rotator.store.server_time import ServerTime

    time = ServerTime(times, monotonic)
    session = postgres.PostgresSession(url, password, time)
    told: list[Callable[[], None]] = []

    def again() -> None:
        for tell in told:
            tell()

    def runner() -> Runner:
        session.close()
        return PoolRunner(lambda: postgres.PostgresSession(url, password, time, again=again))

    def bring_up() -> None:
        from rotator.store.migrating import migrate_server

        migrate_server(postgres.options(url, password), postgres.KIND.lock, session.where)

    return Door(session, postgres.KIND, runner, time.now, time.real, bring_up, session.where, told=told, is_server=True)


def path_of(url: str) -> Path | None:
    """The file of a SQLite URL; None for a database in memory."""
    if not url.startswith("sqlite://"):
        raise StoreUnusable(
            f"The state database {url.rpartition('@')[2]!r} is not known",
            hint="Use sqlite:////PATH/state.db or postgresql://USER@HOST/DATABASE.",
        )
    name = url.removeprefix("sqlite://").removeprefix("/")
    return Path(name) if name and name != ":memory:" else None


def _prepare(path: Path) -> None:
    """The file is made readable to nobody else before SQLite sees it; its log takes the same mode."""
    if path.exists():
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"The state database {path} cannot be made ({error.strerror})",
            hint="Check that its directory exists and may be written.",
        ) from None


def _made(door: Door, given: Sequence[bytes], *, chance: Chance, installation: str, make: bool) -> Seal:
    """The seal of a database that exists by now, in the newest schema."""
    runner, path = InlineRunner(door.session), door.path
    if runner.now(lambda tx: is_made(tx, door.kind), write=False):
        if not runner.now(lambda tx: is_newest(tx, door.where), write=False):
            door.migrate()
        return Seal(given or (key_files.from_file(key_files.key_file(path)) if path else []))
    if not make:
        raise NoBooks(door.where)
    return runner.now(
        lambda tx: make_books(tx, door.kind, given, path=path, chance=chance, installation=installation), write=True
    )


def _checked(session: Session, seal: Seal, installation: str) -> str:
    """The installation id, once it is certain that every sealed record has its key (law L16)."""
    runner = InlineRunner(session)
    unknown = [key for key in runner.now(keys_in_use, write=False) if key not in seal.known]
    if unknown:
        raise unknown_key(unknown)
    stored = runner.now(installation_of, write=False)
    if installation and installation != stored:
        raise StoreUnusable(
            f"The database belongs to the installation {stored}, the configuration says {installation}",
            hint="Remove state.installation from the configuration, or use the database it belongs to.",
        )
    return stored
