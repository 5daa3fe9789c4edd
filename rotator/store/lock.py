"""Is another engine at work on this database file? Commands read and ask beside it; engines exclude each other."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from rotator.errors import LeaseHeld, StoreUnavailable


class EngineLock:
    """An exclusive lock that ends with the process, however it ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._handle: int | None = None

    def take(self) -> None:
        """Raises LeaseHeld, naming the other process, when it is taken; StoreUnavailable when it cannot be made."""
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"The lock file {self._path} cannot be opened ({error.strerror})",
                hint="Check the owner and mode of its directory.",
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            os.close(handle)
            raise LeaseHeld(
                f"Another rotator{f' (process {other})' if other else ''} is at work on {self._path.with_suffix('')}",
                hint="Only one daemon may use a SQLite database; commands may be used beside it.",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Let others have it; idempotent. The file stays: removing it would let two hold it."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
