"""How is a credential delivered to a file of this machine? Whole or not at all, beside what others keep in it."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, get_args

from pydantic import Field, model_validator

from rotator.destinations.formats.atomic import Access, Busy, Unfit, locked
from rotator.destinations.formats.layout import Found, Layout, Spot
from rotator.destinations.marks import Mark, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.options import FIELDS, KindOptions
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from rotator.options import Rule, one_of, problem, refuse
from rotator.ports import Placed

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination, Parcel

_T = TypeVar("_T")
#: A dotenv name is what every shell takes; a file name is neither hidden nor a way out of its folder.
_NAMES = {
    "dotenv": (re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "letters, digits and '_', not beginning with a digit"),
    "json": (re.compile(r"[^\x00-\x1f\x7f]{1,256}"), "1 to 256 characters on one line"),
    "directory": (
        re.compile(r"[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]{0,199}"),
        "1 to 200 characters, no '/', not beginning with '.'",
    ),
    "template": (re.compile(r"[^\x00-\x1f\x7f]{1,256}"), "1 to 256 characters on one line"),
    "credentials": (re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}"), "1 to 200 letters, digits, '_', '-' and '.'"),
}
Format = Literal["dotenv", "json", "directory", "template", "credentials"]
#: What only a person can put right, and how; everything else may pass by itself.
_WRITABLE = "Let the user that rotator runs as write in that directory (systemd: ReadWritePaths=)"
_HINTS = {
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EROFS: _WRITABLE,
    errno.ENOSPC: "The disk is full; make room",
    errno.EDQUOT: "The quota is used up; make room",
    errno.EFBIG: "It is larger than 4 MiB; use a file of its own",
    errno.ENOENT: "Make the directory first (systemd: RuntimeDirectory=)",
    errno.ENOTDIR: "A part of the path is not a directory; correct the path",
    errno.EISDIR: "It is a directory; name a file in it, or use format: directory",
    errno.ELOOP: "Symbolic links are not followed; name the file that the link points to",
    errno.ENAMETOOLONG: "The path or a name is too long",
}
#: How long we wait for another writer of the same file, in tries of so many seconds; a write takes milliseconds.
_TRIES, _PAUSE = 100, 0.05


def _path(value: object) -> str:
    allowed = "an absolute path without '..', such as /run/rotator/billing.env"
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable() or ".." in value.split("/"):
        refuse(value, allowed)
    path = os.path.normpath("/" + value.lstrip("/"))
    return path if path != "/" else refuse(value, allowed)


def _mode(value: object) -> str:
    allowed = 'an octal mode in quotes, such as "0640"'
    return value if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value) else refuse(value, allowed)


def _account(value: object) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 - 1:
        return value
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,254}\$?", value):
        return int(value) if value.isdecimal() and int(value) < 2**32 - 1 else value
    return refuse(value, "a user or group of this machine, by name or number")


Mode = Annotated[str, Rule(_mode, {"type": "string", "pattern": "^0?[0-7]{3}$"})]
Account = Annotated[str | int, Rule(_account, {"type": ["string", "integer"]})]


class Options(KindOptions):
    """Which file, in which format, for whom to read."""

    path: Annotated[str, Rule(_path, {"type": "string", "pattern": "^/"})] = Field(
        description="The file; with format directory or credentials, the folder of one file a name. Absolute."
    )
    format: Annotated[Format, one_of(*get_args(Format))] = Field(
        "dotenv",
        description="dotenv: lines NAME=text. json: members of one object. directory: one file a name. template: as "
        "your template has it. credentials: one encrypted systemd credential a name.",
    )
    template: Annotated[str, Rule(_path, {"type": "string", "pattern": "^/"})] | None = Field(
        None, description="With format template: the Jinja2 template. Absolute."
    )
    mode: Mode | None = Field(None, description='Who may read it; default: as it is, "0600" when made.')
    owner: Account | None = Field(None, description="User, by name or number; default: as it is.")
    group: Account | None = Field(None, description="Group, by name or number; default: as it is.")

    def place(self) -> str:
        return f"file:{self.path}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        access = Access(int(self.mode, 8) if self.mode else None, self.owner, self.group)
        mine = (surroundings.installation, rotation.id)
        ordered = tuple(names[field] for field in FIELDS if field in names)
        spot = Spot(surroundings.disk, self.path, access, *mine, ordered)
        return FileDestination(spot, self._layout(spot, names, surroundings), names, surroundings=surroundings)

    def claims(self, folder: Folder, names: Collection[str]) -> set[str]:
        return {self.place()} if self.format == "template" else super().claims(folder, names)

    @model_validator(mode="after")
    def _has_a_template(self) -> Options:
        if (self.format == "template") != (self.template is not None):
            problem("template and format: template go together", "both, or neither")
        return self

    def _layout(self, spot: Spot, names: Mapping[str, str], surroundings: Surroundings) -> Layout:
        if self.format == "template" and self.template:
            from rotator.destinations.formats.template import TemplateLayout

            return TemplateLayout(spot, self.template, names)
        if self.format == "credentials":
            from rotator.destinations.formats.credentials import CredentialsLayout, sealer

            return CredentialsLayout(spot, sealer(surroundings.environment))
        return _layout(self.format, spot)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        allowed, hint = _NAMES[self.format]
        bad = sorted({name for name in names.values() if not allowed.fullmatch(name)})
        return super().name_problems(names) + [
            f"names: {name!r} is not allowed in {self.format} ({hint})" for name in bad
        ]


class FileDestination:
    """One rotation's part of a file or folder. File work is done in a thread, under the lock of the place."""

    def __init__(self, spot: Spot, layout: Layout, names: Mapping[str, str], *, surroundings: Surroundings) -> None:
        self._place = f"file:{spot.path}"
        self._spot = spot
        self._layout = layout
        self._names = dict(names)
        self._surroundings = surroundings

    async def check(self) -> None:
        """Writes, and takes away again, a file without secret beside it."""
        await self._run("check", self._check)

    async def read(self) -> Placed | None:
        """The version covers our texts as they stand, and mode and owner where the definition asks for some."""
        return await self._run("read", self._read)

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """Reads again what it wrote."""
        return await self._run("write", lambda: self._write(parcel, over))

    async def remove(self, *, over: Placed) -> None:
        """A file that we made goes when nothing else is in it."""
        await self._run("remove", lambda: self._remove(over))

    async def close(self) -> None:
        """Nothing is held."""

    def _check(self) -> None:
        with self._locked():
            self._layout.check()

    def _read(self) -> Placed | None:
        return self._layout.look().placed(self._spot)

    def _write(self, parcel: Parcel, over: Placed | None) -> Placed:
        with self._locked():
            found = self._layout.look()
            refuse_stale(found.mine.marker if found.mine else None, parcel.marker, destination=self._place)
            wanted, mark = texts(parcel, self._names), _mark(parcel, found, self._spot.names)
            if self._layout.holds(found, wanted, mark):
                self._layout.settle()
            else:
                refuse_changed(found.placed(self._spot), over, destination=self._place)
                self._layout.put(found, wanted, mark)
            placed = self._read()
        if placed is None:
            raise DestinationUnavailable(self._place, "write", "what was written was taken away again at once")
        return placed

    def _remove(self, over: Placed) -> None:
        refuse_foreign(over, self._spot.installation, self._spot.rotation_id, destination=self._place)
        if not self._layout.look().ours_or_there:
            return
        with self._locked():
            found = self._layout.look()
            now = found.placed(self._spot)
            if now is not None:
                refuse_changed(now, over, destination=self._place, operation="remove")
            if found.mine is not None:
                self._layout.take(found)

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._spot.disk, self._layout.lock_path())

    async def _run(self, operation: str, work: Callable[[], _T]) -> _T:
        for _ in range(_TRIES):
            done = await self._once(operation, work)
            if not isinstance(done, Busy):
                return done
            await self._surroundings.clock.sleep(_PAUSE)
        detail = "another process has held its lock for 5 seconds"
        raise DestinationUnavailable(
            self._place, operation, detail, hint=f"The lock file is {self._layout.lock_path()}"
        )

    async def _once(self, operation: str, work: Callable[[], _T]) -> _T | Busy:
        try:
            return work() if self._surroundings.inline else await asyncio.to_thread(work)
        except Busy as busy:
            return busy
        except Unfit as exc:
            raise DestinationRefused(self._place, operation, exc.what, hint=exc.hint) from None
        except OSError as exc:
            raise _translated(exc, self._place, operation) from exc


def _layout(form: str, spot: Spot) -> Layout:
    match form:
        case "json":
            from rotator.destinations.formats.jsonfile import JsonLayout

            return JsonLayout(spot)
        case "directory":
            from rotator.destinations.formats.directory import DirectoryLayout

            return DirectoryLayout(spot)
    from rotator.destinations.formats.dotenv import DotenvLayout

    return DotenvLayout(spot)


def _mark(parcel: Parcel, found: Found, names: tuple[str, ...]) -> Mark:
    return Mark(parcel.marker, names, made=found.mine.made if found.mine else not found.exists)


def _translated(exc: OSError, place: str, operation: str) -> DestinationError:
    """What the operating system said, in words for a user."""
    code = exc.errno or 0
    said = os.strerror(code) if code else "input or output failed"
    hint = _HINTS.get(code, "")
    kind = DestinationRefused if code in _HINTS else DestinationUnavailable
    return kind(place, operation, f"{said}: {exc.filename}" if exc.filename else said, hint=hint)
