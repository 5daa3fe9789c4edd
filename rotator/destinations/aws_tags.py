"""How does the mark of a version stand in the tags of its AWS secret? Under the id of that version, which we choose.

So it can be written before the version is there, speaks of nothing that follows it, and two writers never share a tag.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rotator.destinations.marks import Mark
from rotator.ports import Marker

#: https://docs.aws.amazon.com/secretsmanager/latest/userguide/managing-secrets_tagging.html
_LONGEST = 256
_OURS = re.compile(r"rotator-([0-9a-f]{32})(?:-names\d*)?")


@dataclass(frozen=True, slots=True)
class Note:
    """Whose a version is, and the fingerprint of its text."""

    mark: Mark
    text: str


def tags_of(version_id: str, note: Note) -> dict[str, str]:
    """One tag for the mark, and as many as the names need."""
    names = " ".join(note.mark.names)
    pieces = [names[at : at + _LONGEST] for at in range(0, len(names), _LONGEST)]
    marker, made = note.mark.marker, "made" if note.mark.made else "found"
    told = (marker.installation, marker.rotation_id, marker.key_id, marker.token, note.text, made, len(pieces))
    rows = {f"{_key(version_id)}-names{n or ''}": piece for n, piece in enumerate(pieces)}
    return {_key(version_id): ":".join(map(str, told)), **rows}


def note_of(version_id: str, tags: Mapping[str, str]) -> Note | None:
    """None when the tags say nothing of that version, so that it is somebody else's."""
    match tags.get(_key(version_id), "").split(":"):
        case [installation, rotation, key, token, text, made, pieces] if token.isdecimal() and pieces.isdecimal():
            names = "".join(tags.get(f"{_key(version_id)}-names{n or ''}", "") for n in range(min(int(pieces), 50)))
            marker = Marker(installation, rotation, key, int(token))
            return Note(Mark(marker, tuple(names.split()), made=made == "made"), text)
    return None


def outlived(tags: Mapping[str, str], kept: Collection[str]) -> list[str]:
    """The tags that speak of other versions than these."""
    return [key for key in tags if (found := _OURS.fullmatch(key)) and found[1] not in kept]


def _key(version_id: str) -> str:
    return f"rotator-{version_id}"
