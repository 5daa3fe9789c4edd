"""Which calls of the operating system do we make? A thin seam: a test can stop the world between any two of them."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: No destination reads more: a larger file is not one of ours.
LARGEST = 4 << 20


class Disk:
    """The real disk. Each method is one step that a crash may follow. All block and raise OSError."""

    def lstat(self, path: str) -> os.stat_result | None:
        """None when nothing is there; a symbolic link is not followed."""
        try:
            return os.lstat(path)
        except FileNotFoundError:
            return None

    def stat(self, path: str) -> os.stat_result:
        return os.stat(path)  # noqa: PTH116 - a seam over os, not a path of our own

    def fstat(self, fd: int) -> os.stat_result:
        return os.fstat(fd)

    def listdir(self, path: str) -> Sequence[str]:
        return sorted(os.listdir(path))  # noqa: PTH208 - as above

    def readlink(self, path: str) -> str | None:
        """None when nothing is there, or no symbolic link."""
        try:
            return os.readlink(path)  # noqa: PTH115 - as above
        except OSError as exc:
            if exc.errno in {errno.ENOENT, errno.EINVAL}:
                return None
            raise

    def read(self, path: str, *, follow: bool = False) -> bytes | None:
        """The whole file, or None when nothing is there. Never waits for a pipe, and follows no link unless told to."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
        try:
            fd = os.open(path, flags)
        except FileNotFoundError:
            return None
        with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        return data

    def create(self, path: str) -> int:
        """A new file that only we may read, open for writing."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def open_existing(self, path: str) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)

    def open_lock(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def open_folder(self, path: str) -> int:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def lock(self, fd: int) -> None:
        """Raises BlockingIOError at once when somebody else holds it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, fd: int, data: bytes) -> int:
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def fchmod(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        os.fchown(fd, uid, gid)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)  # noqa: PTH104 - as above

    def unlink(self, path: str) -> None:
        """Nothing there is success."""
        try:
            os.unlink(path)  # noqa: PTH108 - as above
        except FileNotFoundError:
            return

    def mkdir(self, path: str) -> None:
        os.mkdir(path, 0o700)  # noqa: PTH102 - as above

    def rmdir(self, path: str) -> None:
        os.rmdir(path)  # noqa: PTH106 - as above

    def symlink(self, target: str, path: str) -> None:
        os.symlink(target, path)  # noqa: PTH211 - as above
