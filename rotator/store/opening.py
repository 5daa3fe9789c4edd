"""How does a program come by a store? Opens the database, makes or migrates it, and finds the keys that open it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rotator.domain.model import Secret
from rotator.errors import StoreUnavailable, StoreUnusable
from rotator.ports import Chance
from rotator.store import keys as key_files
from rotator.store.making import installation_of, is_made, is_newest, make
from rotator.store.runner import InlineRunner, Runner, ThreadRunner
from rotator.store.seal import Seal, keys_in_use, unknown_key
from rotator.store.sqlite import SqliteSession, Times
from rotator.store.store import SqlStore

_INSTALLATION = re.compile(r"[a-z0-9-]{1,24}")


def open_store(
    url: str,
    *,
    chance: Chance,
    database_time: Callable[[], datetime],
    offset: Callable[[], timedelta] = timedelta,
    keys: Sequence[Secret] = (),
    installation: str = "",
    inline: bool = False,
) -> SqlStore:
    """Open the database at `url` (`sqlite:///PATH`, or `sqlite://` for one in memory), making it when there is none.

    `keys` are base64, newest first; without any, a key file beside the database serves. `database_time` is what SQLite
    takes for the database's clock. `inline` runs everything in the calling thread, as one in memory always does.
    Raises StoreUnusable (newer schema, no key opens it, another installation) or StoreUnavailable, nothing changed.
    """
    if installation and not _INSTALLATION.fullmatch(installation):
        raise StoreUnusable(
            f"The installation id {installation!r} is not allowed", hint="Use 1 to 24 characters of a-z, 0-9 and '-'."
        )
    path = path_of(url)
    times = Times(database_time, offset)
    given = key_files.configured(keys)
    if path is not None:
        _prepare(path)
    session = SqliteSession(path, times)
    try:
        seal = _made(session, path, given, chance=chance, installation=installation)
        found = _checked(session, seal, installation)
    except Exception:
        session.close()
        raise
    runner: Runner = (
        InlineRunner(session)
        if inline or path is None
        else ThreadRunner(
            session,
            lambda: SqliteSession(path, times, reader=True),
            lambda: SqliteSession(path, times, reader=True, patience=timedelta(0)),
        )
    )
    return SqlStore(runner, seal, installation=found, now=lambda: database_time() + offset())


def path_of(url: str) -> Path | None:
    """The file of a SQLite URL; None for a database in memory."""
    if not url.startswith("sqlite://"):
        raise StoreUnusable(
            f"The state database {url.rpartition('@')[2]!r} is not known", hint="Use sqlite:////PATH/state.db."
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


def _made(
    session: SqliteSession, path: Path | None, given: Sequence[bytes], *, chance: Chance, installation: str
) -> Seal:
    """The seal of a database that exists by now, in the newest schema."""
    runner = InlineRunner(session)
    if runner.now(is_made, write=False):
        if not runner.now(lambda tx: is_newest(tx, path), write=False) and path is not None:
            from rotator.store.migrating import migrate

            migrate(path)
        return Seal(given or (key_files.from_file(key_files.key_file(path)) if path else []))
    return runner.now(lambda tx: make(tx, path, given, chance=chance, installation=installation), write=True)


def _checked(session: SqliteSession, seal: Seal, installation: str) -> str:
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
