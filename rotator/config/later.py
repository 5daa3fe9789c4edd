"""Which options are known, but not available in this version? Each is refused by name, never silently ignored."""

from __future__ import annotations

#: Top-level blocks and options of a rotation (and of `defaults`) that come later.
_BLOCKS = frozenset({"dashboard", "notifications"})
_ROTATION = frozenset({"revokeWhen", "revokeDeadline"})
_FILE = frozenset({"template"})
FORMATS = ("template",)


def later(path: tuple[str | int, ...]) -> str:
    """The refusal of the key at that path when it is one of a later version, else nothing."""
    match path:
        case (key,):
            known = _BLOCKS
        case ("defaults", key) | ("rotations", int(), key):
            known = _ROTATION
        case ("defaults", "destinations", int(), key) | ("rotations", int(), "destinations", int(), key):
            known = _FILE
        case _:
            return ""
    return "known, but not available in this version (leave it out)" if key in known else ""


def later_value(value: str) -> str:
    """The beginning of the refusal of a value that is one of a later version."""
    return f"{value!r} is known, but not available in this version"
