"""How does Infisical put a secret, and how does our mark stand in its metadata?

Metadata stay when somebody changes the text, so the mark also names the version that it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rotator.destinations.marks import Mark

_KEY = "rotator"
#: A value of metadata holds at most 1,020 characters.
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One secret of a listing, without its text."""

    name: str
    version: int
    mark: Mark | None
    #: The version that our mark belongs to.
    marked: int
    #: Metadata of others, as they stand.
    others: tuple[dict[str, Any], ...] = ()

    @property
    def is_untouched(self) -> bool:
        """Nobody has changed it since we marked it."""
        return self.mark is not None and self.version == self.marked


def row_of(listed: object) -> Row | None:
    """None for what is no secret that all readers share."""
    if not isinstance(listed, dict) or listed.get("type", "shared") != "shared":
        return None
    name, version = listed.get("secretKey"), listed.get("version")
    rows = [each for each in listed.get("secretMetadata") or () if isinstance(each, dict)]
    ours = {str(each.get("key")): str(each.get("value")) for each in rows if _is_ours(each)}
    if not isinstance(name, str) or not isinstance(version, int):
        return None
    mark, marked = _mark("".join(ours[key] for key in sorted(ours)))
    return Row(name, version, mark, marked, tuple(each for each in rows if not _is_ours(each)))


def metadata(mark: Mark, *, version: int, others: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As it is to stand: the mark for that version, in pieces, beside what others keep there."""
    whole = json.dumps({**mark.to_json(), "version": version}, separators=(",", ":"))
    pieces = [whole[at : at + _LONGEST] for at in range(0, len(whole), _LONGEST)]
    return [*others, *({"key": f"{_KEY}-{n}", "value": piece} for n, piece in enumerate(pieces))]


def _is_ours(row: dict[str, Any]) -> bool:
    return str(row.get("key")).startswith(f"{_KEY}-")


def _mark(text: str) -> tuple[Mark | None, int]:
    try:
        plain = json.loads(text) if text else None
    except ValueError:
        return None, 0
    marked = plain.get("version") if isinstance(plain, dict) else None
    return Mark.from_json(plain), marked if isinstance(marked, int) else 0
