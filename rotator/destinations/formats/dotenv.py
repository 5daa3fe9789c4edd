"""How does a credential lie in a dotenv file that others may share? Its lines, and above them a comment: the mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.destinations.formats.atomic import (
    beside,
    folder_of,
    plain,
    probe,
    replace,
    settle,
    settle_file,
    unfinished,
)
from rotator.destinations.formats.envtext import compose, content, parse, without_mark
from rotator.destinations.formats.layout import Found, Spot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotator.destinations.marks import Mark
    from rotator.domain.model import Secret

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class DotenvLayout:
    """Mark and text change in the same rename, so neither is ever seen without the other."""

    spot: Spot

    def lock_path(self) -> str:
        return beside(self.spot.path, "rotator-lock")

    def check(self) -> None:
        self.look()
        probe(self.spot.disk, self.spot.path, self.spot.access)

    def look(self) -> Found:
        spot = self.spot
        stat = plain(spot.disk, spot.path)
        data = spot.disk.read(spot.path) if stat else None
        lines = parse((data or b"").removeprefix(_BOM))
        marks = [line.mark for line in lines if line.mark]
        mine = next((mark for mark in marks if mark.belongs_to(spot.installation, spot.rotation_id)), None)
        found = content(lines, {*spot.names, *(mine.names if mine else ())})
        ordered = ([mine] if mine else []) + [mark for mark in marks if mark is not mine]
        owners = {name: next((m for m in ordered if name in m.names), None) for name in spot.names if name in found}
        return Found(mine, owners, found, spot.access.seen(stat), exists=data is not None, whole=data or b"")

    def holds(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> bool:
        return self._with(found, texts, mark) == found.whole and found.access == self.spot.access.wanted()

    def settle(self) -> None:
        settle_file(self.spot.disk, self.spot.path)

    def put(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> None:
        self._save(self._with(found, texts, mark))

    def take(self, found: Found) -> None:
        left = self._composed(found, {}, None)
        if left or not (found.mine and found.mine.made):
            self._save(left)
            return
        unfinished(self.spot.disk, self.spot.path)
        self.spot.disk.unlink(self.spot.path)
        self.spot.disk.unlink(self.lock_path())
        settle(self.spot.disk, folder_of(self.spot.path))

    def _with(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> bytes:
        return self._composed(found, {name: text.reveal() for name, text in texts.items()}, mark)

    def _composed(self, found: Found, texts: Mapping[str, str], mark: Mark | None) -> bytes:
        former = found.mine.names if found.mine else ()
        bom = _BOM if found.whole.startswith(_BOM) else b""
        lines = without_mark(parse(found.whole.removeprefix(_BOM)), self.spot.installation, self.spot.rotation_id)
        return bom + compose(lines, texts, mark, drop=set(former) - set(texts))

    def _save(self, data: bytes) -> None:
        replace(self.spot.disk, self.spot.path, data, access=self.spot.access)
