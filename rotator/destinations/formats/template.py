"""How does a credential lie in a file whose form the user gives? Rendered whole, with its mark in a hidden file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rotator.destinations.formats.atomic import (
    Access,
    Busy,
    Unfit,
    beside,
    folder_of,
    plain,
    probe,
    settle,
    settle_file,
    unfinished,
)
from rotator.destinations.formats.atomic import replace as put_in_place
from rotator.destinations.formats.layout import Found, Spot
from rotator.destinations.formats.rendering import rendered
from rotator.destinations.marks import Mark, digest
from rotator.domain.model import Secret

if TYPE_CHECKING:
    from rotator.destinations.formats.disk import Disk

#: As often is read again when somebody writes meanwhile.
_LOOKS = 20
#: The file as a whole is the one thing that is ours or not.
_WHOLE, _TEMPLATE = "the file", "the template"


@dataclass(frozen=True, slots=True)
class TemplateLayout:
    """One file, one rotation. The mark is announced before the file changes, as in the format json."""

    spot: Spot
    template: str
    #: Field -> name: the template knows both.
    names: Mapping[str, str]

    def lock_path(self) -> str:
        return beside(self.spot.path, "rotator-lock")

    def check(self) -> None:
        self.look()
        self._rendered({name: Secret("x" * 40) for name in self.names.values()})
        probe(self.spot.disk, self.spot.path, self.spot.access)

    def look(self) -> Found:
        spot = self.spot
        marks, stat, data = self._together()
        mark = _true(marks, data)
        mine = mark if mark and mark.belongs_to(spot.installation, spot.rotation_id) else None
        # A template that was edited makes another file: what is there has drifted from it.
        content = {_WHOLE: data, _TEMPLATE: self._print()} if data is not None else {}
        return Found(mine, dict.fromkeys(content, mark), content, spot.access.seen(stat), data is not None, data or b"")

    def holds(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> bool:
        data = self._rendered(texts)
        same = found.exists and data == found.whole and found.access == self.spot.access.wanted()
        return same and self._marks() == (_digested(data, mark), None)

    def settle(self) -> None:
        settle_file(self.spot.disk, self.spot.path)
        settle_file(self.spot.disk, self._marks_path())

    def put(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> None:  # noqa: ARG002 - the contract's
        data = self._rendered(texts)
        coming = _digested(data, mark)
        self._save((self._marks()[0], coming))
        put_in_place(self.spot.disk, self.spot.path, data, access=self.spot.access)
        self._save((coming, None))

    def take(self, found: Found) -> None:  # noqa: ARG002 - the contract's
        """All of the file was ours."""
        disk = self.spot.disk
        unfinished(disk, self.spot.path)
        disk.unlink(self.spot.path)
        disk.unlink(self._marks_path())
        disk.unlink(self.lock_path())
        settle(disk, folder_of(self.spot.path))

    def _print(self) -> bytes:
        """The fingerprint of the template; one that is gone counts as empty until something is to be written."""
        return hashlib.sha256(self.spot.disk.read(self.template, follow=True) or b"").digest()

    def _rendered(self, texts: Mapping[str, Secret]) -> bytes:
        return rendered(_source(self.spot.disk, self.template), self.template, texts, self.names)

    def _together(self) -> tuple[tuple[Mark | None, Mark | None], os.stat_result | None, bytes | None]:
        """Marks, and the file as it was while those were the marks."""
        for _ in range(_LOOKS):
            marks = self._marks()
            stat = plain(self.spot.disk, self.spot.path)
            data = self.spot.disk.read(self.spot.path) if stat else None
            if marks == self._marks():
                return marks, stat, data
        raise Busy

    def _marks_path(self) -> str:
        return beside(self.spot.path, "rotator-marks")

    def _marks(self) -> tuple[Mark | None, Mark | None]:
        try:
            held = json.loads(self.spot.disk.read(self._marks_path()) or b"{}")
            return Mark.from_json(held.get("now")), Mark.from_json(held.get("next"))
        except (ValueError, AttributeError, RecursionError):
            hint = f"Delete {self._marks_path()} and deliver once with adopt: true"
            raise Unfit("its marks cannot be read", hint=hint) from None

    def _save(self, marks: tuple[Mark | None, Mark | None]) -> None:
        held = {name: mark.to_json() for name, mark in zip(("now", "next"), marks, strict=True) if mark}
        data = json.dumps(held, indent=1).encode() + b"\n"
        put_in_place(self.spot.disk, self._marks_path(), data, access=Access(0o600))


def _true(marks: tuple[Mark | None, Mark | None], data: bytes | None) -> Mark | None:
    """The one whose content is there; for content of neither the present one, so that a change by hand shows."""
    now, coming = marks
    there = data is not None and coming is not None and coming.digest == _digested(data, coming).digest
    return coming if there else now


def _digested(data: bytes, mark: Mark) -> Mark:
    marker = mark.marker
    return replace(mark, digest=digest(data.hex(), key=f"{marker.installation}/{marker.rotation_id}/{marker.key_id}"))


def _source(disk: Disk, path: str) -> str:
    found = disk.read(path, follow=True)
    if found is None:
        raise Unfit(f"there is no template {path}", hint="Write it, or correct the option template")
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise Unfit(f"the template {path} is not UTF-8 text", hint="A template is text") from None
