"""Whose are the names of one object that several rotations and strangers share? Marks stand in it beside the texts.

Mark and text are written as one, so neither is ever seen without the other. No network, no disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rotator.destinations.marks import Mark, digest
from rotator.destinations.options import FIELDS
from rotator.ports import Placed

if TYPE_CHECKING:
    from rotator.domain.model import Secret

#: The name in the object under which the marks stand, as text: it is a valid name wherever such objects are read.
SIDECAR = "_rotator"


@dataclass(frozen=True, slots=True)
class Seat:
    """Which rotation's names at which place."""

    place: str
    installation: str
    rotation_id: str
    #: In the order of the fields, so that an exchange of two names shows.
    names: tuple[str, ...]

    @classmethod
    def of(cls, place: str, installation: str, rotation_id: str, names: Mapping[str, str]) -> Seat:
        """For names by field."""
        return cls(place, installation, rotation_id, tuple(names[field] for field in FIELDS if field in names))

    def owns(self, mark: Mark) -> bool:
        """It is our rotation's mark."""
        return mark.belongs_to(self.installation, self.rotation_id)

    def version(self, content: Mapping[str, object], mark: Mark | None) -> str:
        """Changes with our texts, our names and the owner; not with what others keep, nor with the token alone."""
        owner = [mark.marker.installation, mark.marker.rotation_id, mark.marker.key_id] if mark else []
        return digest([self.names, dict(content), owner], key=f"{self.installation}/{self.rotation_id}/{self.place}")


@dataclass(frozen=True, slots=True)
class Shared:
    """The object taken apart: what consumers read, and the marks."""

    content: Mapping[str, object] = field(default_factory=dict, repr=False)
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, whole: Mapping[str, object]) -> Shared:
        """Of the object as it stands; what cannot be read as marks counts as none."""
        content = {name: value for name, value in whole.items() if name != SIDECAR}
        return cls(content, tuple(_marks(whole.get(SIDECAR))))

    def whole(self) -> dict[str, object]:
        """The object as it is to stand."""
        if not self.marks:
            return dict(self.content)
        return {**self.content, SIDECAR: json.dumps([mark.to_json() for mark in self.marks], separators=(",", ":"))}

    def same_as(self, other: Shared) -> bool:
        """Nothing would change: the order of marks and of names says nothing."""
        ordered = [sorted(each.marks, key=repr) for each in (self, other)]
        return ordered[0] == ordered[1] and dict(self.content) == dict(other.content)

    def mine(self, seat: Seat) -> Mark | None:
        """Our rotation's mark."""
        return next((mark for mark in self.marks if seat.owns(mark)), None)

    def placed(self, seat: Seat) -> Placed | None:
        """None if no name of ours exists; our marker only if nobody else has any of our names."""
        mine = self.mine(seat)
        names = (*seat.names, *(mine.names if mine else ()))
        found = {name: self.content[name] for name in names if name in self.content}
        if not found:
            return None
        owners = [self._owner(name, mine) for name in seat.names if name in found]
        strangers = [owner for owner in owners if owner is None or owner is not mine]
        mark = mine if not strangers else None if None in strangers else strangers[0]
        return Placed(mark.marker if mark else None, seat.version(found, mark))

    def having(self, texts: Mapping[str, Secret], mark: Mark) -> Shared:
        """The object with these texts and that mark; names that our former mark lists beyond them go."""
        marker = mark.marker
        former = next((each for each in self.marks if each.belongs_to(marker.installation, marker.rotation_id)), None)
        gone = set(former.names if former else ()) - set(texts)
        content = {name: value for name, value in self.content.items() if name not in gone}
        content |= {name: text.reveal() for name, text in texts.items()}
        others = [each.without(texts) for each in self.marks if each is not former]
        return Shared(content, (*(each for each in others if each.names), mark))

    def without(self, mine: Mark) -> Shared:
        """The object after our names and our mark have left it."""
        content = {name: value for name, value in self.content.items() if name not in mine.names}
        return Shared(content, tuple(mark for mark in self.marks if mark is not mine))

    def _owner(self, name: str, mine: Mark | None) -> Mark | None:
        ordered = ((mine,) if mine else ()) + tuple(mark for mark in self.marks if mark is not mine)
        return next((mark for mark in ordered if name in mark.names), None)


def differs_in_token_alone(there: Shared, wanted: Shared) -> bool:
    """The texts are there already, and the marks but for fencing tokens."""

    def untokened(marks: Iterable[Mark]) -> set[Mark]:
        return {replace(mark, marker=replace(mark.marker, token=0)) for mark in marks}

    return dict(there.content) == dict(wanted.content) and untokened(there.marks) == untokened(wanted.marks)


def _marks(text: object) -> list[Mark]:
    try:
        plain = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    found = [Mark.from_json(each) for each in plain] if isinstance(plain, list) else []
    return [mark for mark in found if mark is not None]
