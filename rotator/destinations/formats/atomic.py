"""How does a file change so that a reader, or a crash at any moment, finds the old or the new, whole?"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.errors import RotatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.destinations.formats.disk import Disk


class Busy(Exception):
    """Somebody else holds the lock of this place: try again in a moment."""


class Unfit(RotatorError):
    """What is there, or what was asked for, cannot be used; needs a person. Quotes no content."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read what we write. None: as the file that is replaced; for a new one 0600 and our own user and group."""

    mode: int | None = None
    owner: str | int | None = None
    group: str | int | None = None

    def chosen(self) -> tuple[int | None, int | None, int | None]:
        """Mode, user id, group id as the definition asks. Raises Unfit for a name this machine does not know."""
        return self.mode, _user(self.owner), _group(self.group)

    def wanted(self) -> tuple[int, ...]:
        """Of mode, user and group id those that the definition asks for."""
        return tuple(want for want in self.chosen() if want is not None)

    def seen(self, found: os.stat_result | None) -> tuple[int, ...]:
        """How that, and only that, stands: a file whose mode or owner somebody changed has drifted."""
        if found is None:
            return ()
        now = (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
        return tuple(have for have, want in zip(now, self.chosen(), strict=True) if want is not None)


def beside(path: str, suffix: str) -> str:
    """The hidden companion of a file in the same folder."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{suffix}")  # noqa: PTH118 - text in, text out


def folder_of(path: str) -> str:
    """Where its entry stands."""
    return os.path.dirname(path)  # noqa: PTH120 - text in, text out


@contextmanager
def locked(disk: Disk, path: str) -> Iterator[None]:
    """Hold the lock file, which stays. Raises Busy at once when somebody else does."""
    fd = disk.open_lock(path)
    try:
        try:
            disk.lock(fd)
        except BlockingIOError:
            raise Busy from None
        there = disk.lstat(path)
        # Whoever held it before may have taken the lock file away: then ours guards nothing.
        if there is None or there.st_ino != disk.fstat(fd).st_ino:
            raise Busy
        yield
    finally:
        disk.close(fd)


def plain(disk: Disk, path: str) -> os.stat_result | None:
    """The regular file there, or None. Raises Unfit for anything else: a link is neither followed nor replaced."""
    found = disk.lstat(path)
    if found is None or stat.S_ISREG(found.st_mode):
        return found
    if stat.S_ISLNK(found.st_mode):
        raise Unfit("it is a symbolic link, which is not followed", hint="Name the file that the link points to")
    what = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
    raise Unfit(f"it is {what}", hint="Name a file (for one file a name: format: directory)")


def replace(disk: Disk, path: str, data: bytes, *, access: Access) -> None:
    """Write all of it beside the file, force it to the disk, and rename it over the file."""
    new = unfinished(disk, path)
    write_new(disk, new, data, access=access, like=plain(disk, path))
    try:
        disk.rename(new, path)
    except OSError:
        with suppress(OSError):
            disk.unlink(new)
        raise
    settle(disk, folder_of(path))


def probe(disk: Disk, path: str, access: Access) -> None:
    """Could `replace` succeed? Writes 4 KiB of nothing beside the file and takes them away."""
    new = unfinished(disk, path)
    write_new(disk, new, bytes(4096), access=access, like=plain(disk, path))
    disk.unlink(new)


def unfinished(disk: Disk, path: str) -> str:
    """The new file's name until it is renamed; one that a writer left, who did not live to rename it, is gone."""
    new = beside(path, "rotator-new")
    disk.unlink(new)
    return new


def write_new(disk: Disk, path: str, data: bytes, *, access: Access, like: os.stat_result | None) -> None:
    """A new file, forced to the disk. Nobody but us can read it before its owner and mode are right."""
    fd = disk.create(path)
    try:
        admit(disk, fd, access, like=like)
        rest = memoryview(data)
        while rest:
            rest = rest[disk.write(fd, bytes(rest)) :]
        disk.fsync(fd)
    except OSError:
        with suppress(OSError):
            disk.unlink(path)
        raise
    finally:
        disk.close(fd)


def admit(disk: Disk, fd: int, access: Access, *, like: os.stat_result | None) -> None:
    """Give an open file its owner and mode: as asked for, else as `like` has them."""
    mode, uid, gid = access.chosen()
    now = disk.fstat(fd)
    if like is not None:
        mode = stat.S_IMODE(like.st_mode) & 0o777 if mode is None else mode
        uid = like.st_uid if uid is None else uid
        gid = like.st_gid if gid is None else gid
    wanted = (now.st_uid if uid is None else uid, now.st_gid if gid is None else gid)
    if wanted != (now.st_uid, now.st_gid):
        _give(disk, fd, *wanted)
    disk.fchmod(fd, 0o600 if mode is None else mode)


def settle(disk: Disk, folder: str) -> None:
    """Force what was renamed, made or taken away in a folder to the disk."""
    fd = disk.open_folder(folder)
    try:
        disk.fsync(fd)
    except OSError as exc:
        if exc.errno != errno.EINVAL:  # a file system that cannot do it for folders
            raise
    finally:
        disk.close(fd)


def settle_file(disk: Disk, path: str) -> None:
    """Force a file that is there already, and its entry in its folder, to the disk."""
    fd = disk.open_existing(path)
    try:
        disk.fsync(fd)
    finally:
        disk.close(fd)
    settle(disk, folder_of(path))


def _give(disk: Disk, fd: int, uid: int, gid: int) -> None:
    try:
        disk.fchown(fd, uid, gid)
    except PermissionError:
        hint = "Run as a user who may (root, or a member of that group), or set owner and group to what is possible"
        raise Unfit(f"it may not be given to user {uid} and group {gid}", hint=hint) from None


def _user(owner: str | int | None) -> int | None:
    import pwd

    if owner is None or isinstance(owner, int):
        return owner
    try:
        return pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise Unfit(f"there is no user {owner!r} on this machine", hint="Make it, or write its number") from None


def _group(group: str | int | None) -> int | None:
    import grp

    if group is None or isinstance(group, int):
        return group
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise Unfit(f"there is no group {group!r} on this machine", hint="Make it, or write its number") from None
