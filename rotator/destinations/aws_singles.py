"""How is a credential delivered to AWS as a secret for each name? Plain texts, whose tags tell whose they are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotator.destinations import singles
from rotator.destinations.aws_tags import Note, note_of, outlived, tags_of
from rotator.destinations.marks import Mark, refuse_changed, refuse_stale, texts
from rotator.destinations.several import Several
from rotator.destinations.singles import Single

if TYPE_CHECKING:
    from rotator.destinations.aws_secret import AwsSecret
    from rotator.destinations.sidecar import Seat
    from rotator.domain.model import Secret
    from rotator.ports import Marker, Parcel, Placed


@dataclass(frozen=True, slots=True)
class _Found:
    """A secret as it stands: which version readers get, empty: none yet; and its tags."""

    version_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def note(self) -> Note | None:
        """What its tags say of that version."""
        return note_of(self.version_id, self.tags) if self.version_id else None

    @property
    def single(self) -> Single:
        """As `singles` compares it."""
        note = self.note
        return Single(note.mark, note.text) if note else Single(None, f"version {self.version_id}")


class AwsSingles(Several[_Found]):
    """One rotation's secrets of one region.

    The tags of a version are written before the label AWSCURRENT moves to it, from the very version that was read; so
    of two writers AWS refuses one, and no text is ever fetched to know whose it is.
    """

    def __init__(
        self, at: Callable[[str], AwsSecret], seat: Seat, names: Mapping[str, str], *, turn: asyncio.Lock
    ) -> None:
        super().__init__(seat, names.get("clientSecret", ""), place=seat.place, turn=turn)
        self._at = at
        self._names = dict(names)

    async def check(self) -> None:
        """Asks AWS to store nothing at all in those that are there."""
        for name in await self._listed(self._seat.names, "check"):
            await self._at(name).may_change(self._seat.rotation_id)

    async def close(self) -> None:
        """Connections are kept for the next opening."""

    async def _write(self, parcel: Parcel, over: Placed | None) -> Placed:
        found = await self._look("write")
        now = self._placed(found)
        refuse_stale(now.marker if now else None, parcel.marker, destination=self._place)
        wanted = texts(parcel, self._names)
        changes = [name for name in self._ordered(wanted) if self._differs(found.get(name), wanted[name], parcel)]
        gone = singles.dropped(self._singles(found), self._seat)
        if (changes or gone) and not self._half_done(found, parcel.marker):
            refuse_changed(now, over, destination=self._place)
        for name in changes:
            found[name] = await self._bring(name, found.get(name), wanted[name], parcel)
        for name in gone:
            await self._take("write", name, found.pop(name))
        placed = self._placed(found)
        assert placed is not None, "it holds what was just written"
        return placed

    async def _listed(self, names: Collection[str], operation: str) -> dict[str, _Found]:
        told = await asyncio.gather(*(self._at(name).described(operation) for name in names))
        rows = zip(names, told, strict=True)
        return {name: _Found(each.version_id, each.tags) for name, each in rows if each is not None}

    def _singles(self, found: Mapping[str, _Found]) -> dict[str, Single]:
        """A secret without any text yet, as Terraform makes them, is nobody's."""
        return {name: each.single for name, each in found.items() if each.version_id}

    def _ours(self, found: _Found | None) -> Note | None:
        note = found.note if found else None
        return note if note and self._seat.owns(note.mark) else None

    def _differs(self, found: _Found | None, text: Secret, parcel: Parcel) -> bool:
        note = self._ours(found)
        if note is None or note.text != self._digest(text):
            return True
        return (note.mark.marker, note.mark.names) != (parcel.marker, self._seat.names)

    def _half_done(self, found: Mapping[str, _Found], marker: Marker) -> bool:
        """A write of this very credential that was cut off is finished, not taken for a stranger's."""
        marks = [each.single.mark for each in found.values() if each.version_id]
        return bool(marks) and all(mark is not None and mark.marker == marker for mark in marks)

    async def _bring(self, name: str, found: _Found | None, text: Secret, parcel: Parcel) -> _Found:
        before, secret = self._ours(found), self._at(name)
        made = before.mark.made if before else found is None
        note = Note(Mark(parcel.marker, self._seat.names, made=made), self._digest(text))
        old = found.version_id if found else ""
        kept = before is not None and before.text == note.text
        new = old if kept else self._version_id(name, old, note, parcel.attempt_id)
        tags = tags_of(new, note)
        if found is None:
            await secret.make("write", new, text, tags)
            return _Found(new, tags)
        await secret.tag("write", tags)
        if not kept:
            await secret.replace("write", old, new, text)
        # Only what stood there when we looked: whoever writes at this moment keeps the tags of theirs.
        gone = outlived(found.tags, {old, new})
        if gone:
            await secret.untag("write", gone)
        return _Found(new, {**found.tags, **tags})

    async def _take(self, operation: str, name: str, found: _Found) -> None:
        """One that we made goes at once; one that we took over is scheduled for deletion."""
        note = self._ours(found)
        if note is not None:
            await self._at(name).delete(operation, at_once=note.mark.made)

    def _version_id(self, name: str, old: str, note: Note, attempt_id: str) -> str:
        """The same write repeated bears the same id, which AWS takes for done."""
        return hashlib.sha256(f"{attempt_id}/{old}/{name}/{note.text}".encode()).hexdigest()[:32]
