"""What stands in for the embedded store, and for a machine that stops? Short fakes, as the ports ask for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from rotator.destinations.formats.disk import Disk
from rotator.domain.mapped import MappedName, MayStage
from rotator.domain.model import Folder
from rotator.errors import DestinationUnavailable
from rotator.ports import Marker


class FakeMapped:
    """The embedded store in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Folder, str], MappedName] = {}

    async def mapped(self, folder: Folder, names: Collection[str]) -> Mapping[str, MappedName]:
        return {name: self.rows[folder, name] for name in names if (folder, name) in self.rows}

    async def stage(
        self, folder: Folder, names: Mapping[str, str], marker: Marker, *, may: MayStage | None = None
    ) -> Mapping[str, MappedName]:
        if may is not None and not may(known := await self.mapped(folder, names.values())):
            return known
        for field, name in names.items():
            old = self.rows.get((folder, name))
            if old and old.rotation_id == marker.rotation_id and old.token > marker.token:
                raise DestinationUnavailable("embedded", "write", "a newer holder has written it")
            plain = MappedName(name, marker.rotation_id, field, "", "", 0, 0, "")
            ours = replace(old or plain, rotation_id=marker.rotation_id, field=field, staged_key_id=marker.key_id)
            self.rows[folder, name] = replace(ours, token=marker.token, installation=marker.installation)
        return await self.mapped(folder, names.values())

    async def unmap(self, folder: Folder, names: Collection[str], rotation_id: str) -> None:
        for name in names:
            if self.rows[folder, name].rotation_id == rotation_id:
                del self.rows[folder, name]

    def promote(self) -> None:
        for at, row in self.rows.items():
            self.rows[at] = replace(row, key_id=row.staged_key_id, version=row.version + 1)


class QuickDisk(Disk):
    """The real disk, not waited for: in most tests nobody pulls the plug."""

    def fsync(self, fd: int) -> None:
        pass


class PowerCut(BaseException):
    """The machine stops: nothing after it happens."""


#: What a power cut may fall between: every call that changes the disk or that a change waits for.
STEPS = frozenset({
    "create", "open_lock", "open_existing", "open_folder", "lock", "write", "fsync", "fchmod", "fchown",
    "rename", "unlink", "mkdir", "rmdir", "symlink",
})  # fmt: skip


class StoppingDisk(QuickDisk):
    """The real disk for so many steps; then every call is a power cut."""

    def __init__(self, steps: int = 1 << 30) -> None:
        self.left = steps
        self.stopped = False
        self.steps: list[str] = []
        self._open: set[int] = set()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._watched(name, found) if callable(found) and hasattr(Disk, name) and name[0] != "_" else found

    def die(self) -> None:
        """The operating system closes what the process held, and so lets its locks go."""
        for fd in self._open:
            os.close(fd)
        self._open.clear()

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **named: Any) -> Any:
            if self.left <= 0:
                self.stopped = True
                raise PowerCut
            if name in STEPS:
                self.left -= 1
                self.steps.append(name)
            if name == "write":
                return call(args[0], args[1][: max(1, len(args[1]) // 2)])
            answer = call(*args, **named)
            if name == "close":
                self._open.discard(args[0])
            elif name in {"create", "open_lock", "open_folder", "open_existing"}:
                self._open.add(answer)
            return answer

        return step


class MeddlingDisk(Disk):
    """After the first call of that name with such a path, somebody else does something."""

    def __init__(self, call: str, path: str, meddle: Callable[[], None]) -> None:
        self._call = call
        self._path = path
        self._meddle: Callable[[], None] | None = meddle

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._watched(found) if name[0] != "_" and name == self._call else found

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any) -> Any:
            answer = call(*args)
            meddle = self._meddle
            if meddle and self._path in str(args[0]):
                self._meddle = None
                meddle()
            return answer

        return step


class RefusingDisk(Disk):
    """A disk on which one call fails with that error, as a full or read-only one does."""

    def __init__(self, call: str, error: int) -> None:
        self._call = call
        self._error = error

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_" and name == self._call:
            return self._refuse
        return super().__getattribute__(name)

    def _refuse(self, *_args: Any) -> Any:
        raise OSError(self._error, os.strerror(self._error), "here")
