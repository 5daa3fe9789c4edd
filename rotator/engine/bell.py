"""How does a command wake the daemon at once? It rings a named pipe beside the database; the poll stays the truth."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class Ringing(Protocol):
    """Somebody may call for the daemon: by a pipe beside a file, by NOTIFY of a server."""

    def hang(self) -> None:
        """Listen from now on, on the running loop."""

    def take_down(self) -> None:
        """Listen no more; idempotent."""


def bell_of(database: Path) -> Path:
    """The pipe of that database's daemon."""
    return database.with_name(database.name + ".bell")


class Bell:
    """Calls `rung` on the running loop when somebody rings. Where no pipe can be made, the daemon is merely slower."""

    def __init__(self, path: Path, rung: Callable[[], None]) -> None:
        self._path = path
        self._rung = rung
        self._handle: int | None = None

    def hang(self) -> None:
        """Listen from now on."""
        with suppress(OSError):
            if not self._path.exists():
                os.mkfifo(self._path, 0o600)
            # Open for writing too, so that the last ringer's leaving is no end of file.
            handle = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            if not stat.S_ISFIFO(os.fstat(handle).st_mode):
                os.close(handle)
                return
            self._handle = handle
            asyncio.get_running_loop().add_reader(handle, self._heard)

    def take_down(self) -> None:
        """Listen no more; idempotent."""
        if self._handle is not None:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None
            with suppress(OSError):
                self._path.unlink()

    def _heard(self) -> None:
        if self._handle is not None:
            with suppress(OSError):
                os.read(self._handle, 4096)
            self._rung()


def ring(path: Path) -> None:
    """Wake the daemon, if one listens."""
    with suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if stat.S_ISFIFO(os.fstat(handle).st_mode):
                os.write(handle, b"\n")
        finally:
            os.close(handle)
