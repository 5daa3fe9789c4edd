"""How does a credential lie in a JSON object that others may share? Its members, and a hidden file beside: the mark.

Two files cannot change in one step. So the hidden file is written first with both marks, the present and the next,
each with a digest of the members it belongs to; then the object; then the hidden file with the next mark alone.
Whoever looks in between knows by the digest which of the two is true.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from rotator.destinations.formats.atomic import (
    Access,
    Busy,
    Unfit,
    beside,
    folder_of,
    plain,
    probe,
    replace,
    settle,
    settle_file,
    unfinished,
)
from rotator.destinations.formats.jsontext import Object, parse
from rotator.destinations.formats.layout import Found, Spot
from rotator.destinations.marks import Mark, digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotator.domain.model import Secret

#: As often is read again when somebody writes meanwhile.
_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """The marks of one rotation: the present one, and during a write the next."""

    now: Mark | None
    next: Mark | None = None

    def true(self, members: Object) -> Mark | None:
        """The one whose content is there; for content of neither the present one, so that a change by hand shows."""
        return self.next if self.next and self.next.digest == _digest(members, self.next) else self.now


@dataclass(frozen=True, slots=True)
class JsonLayout:
    """Members of one object."""

    spot: Spot

    def lock_path(self) -> str:
        return beside(self.spot.path, "rotator-lock")

    def check(self) -> None:
        self.look()
        probe(self.spot.disk, self.spot.path, self.spot.access)

    def look(self) -> Found:
        spot = self.spot
        marks, stat, data = self._together()
        members = parse(_text(data or b""))
        true = [mark for pair in self._pairs(marks) if (mark := pair.true(members))]
        mine = next((mark for mark in true if self._is_ours(mark)), None)
        found = members.content({*spot.names, *(mine.names if mine else ())})
        ordered = ([mine] if mine else []) + [mark for mark in true if mark is not mine]
        owners = {name: next((m for m in ordered if name in m.names), None) for name in spot.names if name in found}
        content = {name: value.encode() for name, value in found.items()}
        return Found(mine, owners, content, spot.access.seen(stat), exists=data is not None, whole=data or b"")

    def holds(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> bool:
        data = self._with(found, texts)
        final = self._marked(Pair(_digested(data, mark)))
        same = data == found.whole and found.access == self.spot.access.wanted()
        return same and final == self._marks_text()

    def settle(self) -> None:
        settle_file(self.spot.disk, self.spot.path)
        settle_file(self.spot.disk, self._marks_path())

    def put(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> None:
        data = self._with(found, texts)
        coming = _digested(data, mark)
        self._save_marks(self._marked(Pair(found.mine, coming), keep=True))
        replace(self.spot.disk, self.spot.path, data, access=self.spot.access)
        self._save_marks(self._marked(Pair(coming)))

    def take(self, found: Found) -> None:
        drop = found.mine.names if found.mine else ()
        left = parse(_text(found.whole)).compose({}, drop=drop)
        if parse(left).members or not (found.mine and found.mine.made):
            replace(self.spot.disk, self.spot.path, left.encode(), access=self.spot.access)
        else:
            unfinished(self.spot.disk, self.spot.path)
            self.spot.disk.unlink(self.spot.path)
        self._save_marks(self._marked(Pair(None)))
        if plain(self.spot.disk, self.spot.path) is None:
            self.spot.disk.unlink(self.lock_path())
        settle(self.spot.disk, folder_of(self.spot.path))

    def _together(self) -> tuple[bytes, os.stat_result | None, bytes | None]:
        """Marks, and the object as it was while those were the marks."""
        for _ in range(_LOOKS):
            marks = self._marks_text()
            stat = plain(self.spot.disk, self.spot.path)
            data = self.spot.disk.read(self.spot.path) if stat else None
            if marks == self._marks_text():
                return marks, stat, data
        raise Busy

    def _with(self, found: Found, texts: Mapping[str, Secret]) -> bytes:
        former = found.mine.names if found.mine else ()
        values = {name: json.dumps(text.reveal()) for name, text in texts.items()}
        return parse(_text(found.whole)).compose(values, drop=set(former) - set(texts)).encode()

    def _is_ours(self, mark: Mark) -> bool:
        return mark.belongs_to(self.spot.installation, self.spot.rotation_id)

    def _marks_path(self) -> str:
        return beside(self.spot.path, "rotator-marks")

    def _marks_text(self) -> bytes:
        return self.spot.disk.read(self._marks_path()) or b""

    def _save_marks(self, data: bytes) -> None:
        if data:
            replace(self.spot.disk, self._marks_path(), data, access=Access(0o600))
        else:
            self.spot.disk.unlink(self._marks_path())

    def _pairs(self, data: bytes) -> list[Pair]:
        try:
            entries = json.loads(data or b"[]")
            return [Pair(Mark.from_json(entry["now"]), Mark.from_json(entry["next"])) for entry in entries]
        except (ValueError, TypeError, KeyError, RecursionError):
            hint = f"Delete {self._marks_path()} and deliver once with adopt: true"
            raise Unfit("its marks cannot be read", hint=hint) from None

    def _marked(self, ours: Pair, *, keep: bool = False) -> bytes:
        """The hidden file with our pair; `keep`: what we are about to take from others is still theirs."""
        others = [pair for pair in self._pairs(self._marks_text()) if not self._is_ours_pair(pair)]
        names = ours.now.names if ours.now and not keep else ()
        pairs = [_without(pair, names) for pair in others] + [ours]
        entries = [
            {"now": pair.now.to_json() if pair.now else None, "next": pair.next.to_json() if pair.next else None}
            for pair in pairs
            if pair.now or pair.next
        ]
        return json.dumps(entries, indent=1).encode() + b"\n" if entries else b""

    def _is_ours_pair(self, pair: Pair) -> bool:
        return any(mark is not None and self._is_ours(mark) for mark in (pair.now, pair.next))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Unfit("it is not UTF-8 text", hint="It was left as it is; correct it or name another file") from None


def _digested(data: bytes, mark: Mark) -> Mark:
    return changed(mark, digest=_digest(parse(_text(data)), mark))


def _digest(members: Object, mark: Mark) -> str:
    marker = mark.marker
    return digest(members.content(mark.names), key=f"{marker.installation}/{marker.rotation_id}/{marker.key_id}")


def _without(pair: Pair, names: tuple[str, ...]) -> Pair:
    now, coming = (mark.without(names) if mark else None for mark in (pair.now, pair.next))
    return Pair(now if now and now.names else None, coming if coming and coming.names else None)
