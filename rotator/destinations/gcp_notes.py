"""What stands beside a secret of Google's, and what does it say of its latest version? One annotation, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rotator.destinations.marks import Mark

#: The annotation; all of a secret's together may have 16 KiB.
NAME = "rotator"
#: So many versions of ours are remembered, newest first.
_MOST = 10


@dataclass(frozen=True, slots=True)
class Note:
    """Whose version is the latest; `next`: whose is about to follow, or did if we were cut off."""

    mark: Mark | None = None
    next: Mark | None = None
    #: The version that `mark` belongs to, and the fingerprint of its text.
    version: int = 0
    text: str = ""
    #: The latest version, of whomever, when `next` was announced.
    base: int = 0
    #: We made the secret itself.
    made: bool = False
    #: Versions of ours with their key ids, newest first.
    history: tuple[tuple[int, str], ...] = ()

    def mark_of(self, latest: int) -> Mark | None:
        """The mark of that version, which is the latest; None: somebody else made it."""
        if not latest:
            return None
        if self.version == latest:
            return self.mark
        # Announced, and one has followed: it is ours, only that its number was never written down.
        return self.next if latest == self.base + 1 else None

    def after(self, version: int, mark: Mark, text: str) -> Note:
        """That version was made."""
        history = ((version, mark.marker.key_id), *self.history)[:_MOST]
        return Note(mark, None, version, text, made=self.made, history=history)

    def outlived(self) -> tuple[list[int], Note]:
        """Versions that hold neither the current secret nor the one before it, and the note without them."""
        keys = list(dict.fromkeys(key for _, key in self.history))[:2]
        gone = [number for number, key in self.history if key not in keys]
        return gone, replace(self, history=tuple(row for row in self.history if row[1] in keys))

    def beside(self, annotations: Mapping[str, str]) -> dict[str, str]:
        """The annotations with it; an empty note goes from them."""
        others = {name: value for name, value in annotations.items() if name != NAME}
        return others if self == Note() else {**others, NAME: self._text()}

    def _text(self) -> str:
        plain: dict[str, object] = {
            name: mark.to_json() for name, mark in (("mark", self.mark), ("next", self.next)) if mark
        }
        plain |= {"version": self.version, "text": self.text, "base": self.base}
        plain |= {"made": self.made, "history": self.history}
        return json.dumps(plain, separators=(",", ":"))


def noted(annotations: Mapping[str, str]) -> Note:
    """The note among annotations; what cannot be read counts as none."""
    try:
        plain = json.loads(annotations.get(NAME, "{}"))
        return Note(
            Mark.from_json(plain.get("mark")),
            Mark.from_json(plain.get("next")),
            int(plain.get("version", 0)),
            str(plain.get("text", "")),
            int(plain.get("base", 0)),
            plain.get("made") is True,
            tuple((int(number), str(key)) for number, key in plain.get("history", ())),
        )
    except (ValueError, TypeError, AttributeError):
        return Note()
