"""Whose are several objects, one for each name, that each bear a mark of their own? No network, no disk.

For places that keep one object a name and let a few words stand beside each: nothing makes them true together, so the
secret's own object is written last, and one mark that lags behind the others shows as a key id that is not certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.ports import Marker, Placed

if TYPE_CHECKING:
    from rotator.destinations.marks import Mark
    from rotator.destinations.sidecar import Seat


@dataclass(frozen=True, slots=True)
class Single:
    """One object as it stands. `content` changes with its text; it is never the text itself."""

    mark: Mark | None
    content: str


def placed(singles: Mapping[str, Single], seat: Seat) -> Placed | None:
    """None if no name of ours exists; our marker only if nobody else has any of our names."""
    found = {name: singles[name] for name in former(singles, seat) | {*seat.names} if name in singles}
    if not found:
        return None
    strangers = [found[name].mark for name in seat.names if name in found and not _is_ours(found[name], seat)]
    if strangers:
        mark = None if None in strangers else strangers[0]
        marker = mark.marker if mark else None
    else:
        marker = _agreed([single.mark.marker for single in found.values() if single.mark])
    owner = [marker.installation, marker.rotation_id, marker.key_id] if marker else []
    content = {name: single.content for name, single in found.items()}
    return Placed(marker, seat.version({"content": content, "owner": owner}, None))


def former(singles: Mapping[str, Single], seat: Seat) -> set[str]:
    """The names that our marks list."""
    marks = (single.mark for single in singles.values())
    return {name for mark in marks if mark is not None and seat.owns(mark) for name in mark.names}


def dropped(singles: Mapping[str, Single], seat: Seat) -> list[str]:
    """Objects of ours under names that are mapped no longer."""
    left = sorted(former(singles, seat) - set(seat.names))
    return [name for name in left if name in singles and _is_ours(singles[name], seat)]


def _is_ours(single: Single, seat: Seat) -> bool:
    return single.mark is not None and seat.owns(single.mark)


def _agreed(markers: list[Marker]) -> Marker:
    keys = {marker.key_id for marker in markers}
    first = markers[0]
    key = first.key_id if len(keys) == 1 else ""
    return Marker(first.installation, first.rotation_id, key, max(marker.token for marker in markers))
