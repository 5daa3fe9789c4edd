"""How do several files become true together? The way Kubernetes does it: one symbolic link is switched.

    BILLING_CLIENT_ID     -> ..rotator-0123456789ab/BILLING_CLIENT_ID
    BILLING_CLIENT_SECRET -> ..rotator-0123456789ab/BILLING_CLIENT_SECRET
    ..rotator-0123456789ab -> ..rotator-0123456789ab.2
    ..rotator-0123456789ab.2/  the files, and .mark

The number is the rotation's own, so several rotations and other files live in one directory.
"""

from __future__ import annotations

import functools
import hashlib
import json
import operator
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.destinations.formats.atomic import Access, Busy, Unfit, admit, plain, probe, settle, write_new
from rotator.destinations.formats.layout import Found, Spot
from rotator.destinations.marks import Mark

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rotator.domain.model import Secret

#: Where a name of ours, or of another rotation, leads.
_LED = re.compile(r"(\.\.rotator-[0-9a-f]{12})/([^/]+)")
#: Where the link of a rotation leads. Nothing is read from, or emptied, that somebody made it lead to instead.
_DATA = re.compile(r"\.\.rotator-[0-9a-f]{12}\.[0-9]{1,12}")
#: Entries of rotations, the lock not among them.
_OTHERS = re.compile(r"\.\.rotator-[0-9a-f]{12}.*")
_MARK = ".mark"
#: As often is looked again when the link is switched meanwhile.
_LOOKS = 20


@dataclass(frozen=True, slots=True)
class DirectoryLayout:
    """One file a name. The directory itself is somebody else's: it is never made or taken away."""

    spot: Spot

    def lock_path(self) -> str:
        return self._at("..rotator-lock")

    def check(self) -> None:
        self.look()
        self._clear()
        probe(self.spot.disk, self._at("..rotator"), self.spot.access)

    def look(self) -> Found:
        self._refuse_no_directory()
        for _ in range(_LOOKS):
            links = self._links()
            found = self._found(links)
            if links == self._links():
                return found
        raise Busy

    def holds(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> bool:
        content = {name: text.reveal().encode() for name, text in texts.items()}
        linked = all(self._is_linked(name) for name in texts)
        return linked and found.content == content and found.mine == mark and found.access == self.spot.access.wanted()

    def settle(self) -> None:
        self._clear()
        self._sync()

    def put(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> None:
        self._clear()
        if not all(self._is_linked(name) for name in found.owners):
            self._absorb(found)
        self._switch(self._filled({name: text.reveal().encode() for name, text in texts.items()}, mark), texts)
        self.settle()

    def take(self, found: Found) -> None:
        """The mark goes after the texts: as long as one of them is there, it is known to be ours."""
        disk = self.spot.disk
        names = {*self.spot.names, *(found.mine.names if found.mine else ())}
        for name in sorted(names):
            if self._is_linked(name):
                disk.unlink(self._at(name))
        if current := self._current():
            self._empty(current)
        disk.unlink(self._at(self._link))
        self._clear()
        if not [name for name in disk.listdir(self.spot.path) if _OTHERS.fullmatch(name)]:
            disk.unlink(self.lock_path())
        self._sync()

    @property
    def _link(self) -> str:
        who = f"{self.spot.installation}/{self.spot.rotation_id}"
        return f"..rotator-{hashlib.sha256(who.encode()).hexdigest()[:12]}"

    def _at(self, *parts: str) -> str:
        return "/".join((self.spot.path, *parts))

    def _refuse_no_directory(self) -> None:
        found = self.spot.disk.lstat(self.spot.path)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a directory"
            raise Unfit(f"it is {what}", hint="Name a directory itself (for one file: format dotenv or json)")

    def _links(self) -> dict[str, str | None]:
        names = {name: self.spot.disk.readlink(self._at(name)) for name in self.spot.names}
        return {self._link: self._data(self._link), **names}

    def _current(self) -> str | None:
        return self._data(self._link)

    def _data(self, link: str) -> str | None:
        data = self.spot.disk.readlink(self._at(link))
        found = self.spot.disk.lstat(self._at(data)) if data and _DATA.fullmatch(data) else None
        return data if found and stat.S_ISDIR(found.st_mode) else None

    def _is_linked(self, name: str) -> bool:
        return self.spot.disk.readlink(self._at(name)) == f"{self._link}/{name}"

    def _found(self, links: Mapping[str, str | None]) -> Found:
        data = links[self._link]
        mine = self._mark(data) if data else None
        owners: dict[str, Mark | None] = {}
        content: dict[str, bytes] = {}
        for name in self.spot.names:
            text, owner = self._entry(name, links[name], mine)
            if text is not None:
                content[name], owners[name] = text, owner
        kept = {name: self._inside(data, name) for name in mine.names if name not in owners} if mine and data else {}
        # A text that no name leads to any more is still ours, and still a text: under the name it has.
        content |= {f"{self._link}/{name}": text for name, text in kept.items() if text is not None}
        return Found(mine, owners, content, self._access(data))

    def _entry(self, name: str, target: str | None, mine: Mark | None) -> tuple[bytes | None, Mark | None]:
        """What a reader of that name gets, and by whose doing."""
        led = _LED.fullmatch(target) if target else None
        if target and (led is None or led[2] != name):
            return b"-> " + os.fsencode(target), None
        if led is None:
            return self._stranger(name), None
        data = self._data(led[1])
        owner = mine if led[1] == self._link else self._mark(data) if data else None
        text = self._inside(data, name) if data else None
        return text, owner if owner and name in owner.names else None

    def _stranger(self, name: str) -> bytes | None:
        return self.spot.disk.read(self._at(name)) if plain(self.spot.disk, self._at(name)) else None

    def _inside(self, data: str, name: str) -> bytes | None:
        return self.spot.disk.read(self._at(data, name))

    def _mark(self, data: str) -> Mark | None:
        try:
            return Mark.from_json(json.loads(self._inside(data, _MARK) or b"null"))
        except ValueError:
            return None

    def _access(self, data: str | None) -> tuple[int, ...]:
        files = [self.spot.disk.lstat(self._at(data, name)) for name in self.spot.names] if data else []
        seen = sorted({self.spot.access.seen(found) for found in files if found})
        return seen[0] if len(seen) == 1 else tuple(value for each in seen for value in each)

    def _absorb(self, found: Found) -> None:
        """Move files that are not ours behind our link as they are, so that the one switch to come changes them too."""
        links = {name: self.spot.disk.readlink(self._at(name)) for name in found.owners}
        if astray := sorted(name for name, target in links.items() if target and not _LED.fullmatch(target)):
            hint = "Take the link away, or name another directory"
            raise Unfit(f"{astray[0]} is a symbolic link of somebody else", hint=hint)
        texts = {name.rpartition("/")[2]: text for name, text in found.content.items()}
        self._switch(self._filled(texts, found.mine), ())
        for name in found.owners:
            if not self._is_linked(name):
                self._relink(f"{self._link}/{name}", name)
        self._sync()

    def _filled(self, texts: Mapping[str, bytes], mark: Mark | None) -> str:
        """A new directory behind the names, forced to the disk; nothing leads there yet."""
        disk = self.spot.disk
        number = int((self._current() or ".0").rpartition(".")[2]) + 1
        new = f"{self._link}.{number}"
        disk.mkdir(self._at(new))
        for name, text in texts.items():
            write_new(disk, self._at(new, name), text, access=self.spot.access, like=self._like(name))
        if mark is not None:
            text = json.dumps(mark.to_json()).encode()
            write_new(disk, self._at(new, _MARK), text, access=Access(0o600), like=None)
        self._let_in(new, [found for name in texts if (found := disk.lstat(self._at(new, name)))])
        settle(disk, self._at(new))
        return new

    def _like(self, name: str) -> os.stat_result | None:
        """The file that readers of that name reach now."""
        try:
            found = self.spot.disk.stat(self._at(name))
        except FileNotFoundError:
            return None
        return found if stat.S_ISREG(found.st_mode) else None

    def _let_in(self, new: str, files: list[os.stat_result]) -> None:
        """Whoever may read a file may pass the directory it lies in."""
        readers = functools.reduce(operator.or_, (stat.S_IMODE(found.st_mode) & 0o444 for found in files))
        access = Access(0o700 | readers | readers >> 2, files[0].st_uid, files[0].st_gid)
        fd = self.spot.disk.open_folder(self._at(new))
        try:
            admit(self.spot.disk, fd, access, like=None)
        finally:
            self.spot.disk.close(fd)

    def _switch(self, new: str, names: Collection[str]) -> None:
        """Names that are not there yet lead nowhere until the link is switched."""
        for name in names:
            if self.spot.disk.readlink(self._at(name)) is None:
                self.spot.disk.symlink(f"{self._link}/{name}", self._at(name))
        self._sync()
        self._relink(new, self._link)
        self._sync()

    def _relink(self, target: str, name: str) -> None:
        new = self._at(f"{self._link}.new")
        self.spot.disk.unlink(new)
        self.spot.disk.symlink(target, new)
        self.spot.disk.rename(new, self._at(name))

    def _clear(self) -> None:
        """Take away what a switch left behind, and what a writer left who did not live to switch."""
        disk, current = self.spot.disk, self._current()
        for name in disk.listdir(self.spot.path):
            lost = self._is_linked(name) and disk.lstat(self._at(self._link, name)) is None
            if lost or name == f"{self._link}.new":
                disk.unlink(self._at(name))
            elif name.startswith(f"{self._link}.") and name != current:
                self._empty(name)

    def _sync(self) -> None:
        settle(self.spot.disk, self.spot.path)

    def _empty(self, name: str) -> None:
        found = self.spot.disk.lstat(self._at(name))
        if found is None or not stat.S_ISDIR(found.st_mode):
            self.spot.disk.unlink(self._at(name))
            return
        files = self.spot.disk.listdir(self._at(name))
        for file in sorted(files, key=lambda each: each == _MARK):
            self.spot.disk.unlink(self._at(name, file))
        self.spot.disk.rmdir(self._at(name))
