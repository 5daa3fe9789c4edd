"""Which options are known, but not available in this version? Each is refused by name, never silently ignored."""

from __future__ import annotations

#: Options of a rotation (and of `defaults`) that come later.
_ROTATION = frozenset({"revokeWhen", "revokeDeadline"})


def later(path: tuple[str | int, ...]) -> str:
    """The refusal of the key at that path when it is one of a later version, else nothing."""
    match path:
        case ("defaults", key) | ("rotations", int(), key):
            known = _ROTATION
        case _:
            return ""
    return "known, but not available in this version (leave it out)" if key in known else ""
