"""How does a mark stand in the tags of a key vault's secret? At most 15 tags, of 256 characters each."""

from __future__ import annotations

from collections.abc import Mapping

from rotator.destinations.marks import Mark
from rotator.ports import Marker

_OURS = "rotator-"
#: https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-types-vaults-and-managed-hsm
_MOST, _LONGEST = 15, 256


def tags_of(mark: Mark, *, rotation: str, attempt: str) -> dict[str, str]:
    """The mark, with the rotation's name and the attempt for people who look at the secret."""
    marker = mark.marker
    plain = {
        "installation": marker.installation,
        "rotation": marker.rotation_id,
        "key": marker.key_id,
        "token": str(marker.token),
        "name": rotation,
        "attempt": attempt,
    }
    names = " ".join(mark.names)
    pieces = [names[at : at + _LONGEST] for at in range(0, len(names), _LONGEST)]
    return {_OURS + key: value for key, value in plain.items()} | {
        f"{_OURS}names{n or ''}": piece for n, piece in enumerate(pieces)
    }


def text_tag(digest: str, position: int) -> dict[str, str]:
    """A fingerprint of the text, and how many versions stood there before this one was made."""
    return {_OURS + "text": digest, _OURS + "position": str(position)}


def text_of(tags: Mapping[str, str]) -> str:
    """The fingerprint; empty when there is none."""
    return tags.get(_OURS + "text", "")


def position_of(tags: Mapping[str, str]) -> int | None:
    """How many versions stood there before; None when it is not one of ours."""
    text = tags.get(_OURS + "position", "")
    return int(text) if text.isdecimal() else None


def mark_of(tags: Mapping[str, str]) -> Mark | None:
    """None when the tags are no mark of this program."""
    try:
        marker = Marker(
            tags[_OURS + "installation"], tags[_OURS + "rotation"], tags[_OURS + "key"], int(tags[_OURS + "token"])
        )
    except (KeyError, ValueError):
        return None
    pieces = (tags.get(f"{_OURS}names{n or ''}", "") for n in range(3))
    return Mark(marker, tuple("".join(pieces).split()))


def carried(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Our tags, and those that others had put there as far as there is room."""
    kept = [(key, value) for key, value in theirs.items() if not key.startswith(_OURS)]
    return {**dict(kept[: max(0, _MOST - len(ours))]), **ours}
