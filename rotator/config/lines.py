"""What does each line of a file of definitions define? JSON Lines, by the rules of definitions made through the API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

from rotator.config.api_reach import Allowed
from rotator.config.from_api import rotation_from
from rotator.domain.model import Rotation
from rotator.entra.options import AnyConnection
from rotator.errors import ConfigError
from rotator.options import shown

#: Far more than a definition needs, in bytes; a longer line would have to be held in memory.
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty; without a rotation when something is wrong with it."""

    number: int
    rotation: Rotation | None
    #: `path: what is wrong (what is allowed)`.
    problems: tuple[str, ...] = ()


def read_lines(file: BinaryIO, connections: Mapping[str, AnyConnection], allowed: Allowed) -> Iterator[Line]:
    """Each line of the file, one at a time. A line that is too long is the last."""
    number = 0
    while raw := file.readline(_LONGEST + 1):
        number += 1
        if raw.strip():
            try:
                yield Line(number, _rotation(raw, connections, allowed))
            except ConfigError as problem:
                yield Line(number, None, tuple(problem.problems))
        if len(raw) > _LONGEST:
            return


def _rotation(raw: bytes, connections: Mapping[str, AnyConnection], allowed: Allowed) -> Rotation:
    values = _read(raw)
    if not isinstance(values, dict):
        _refuse(f"{shown(values)} is not a definition (a JSON object)")
    if "replaces" in values:
        _refuse("replaces: not allowed here (it belongs in a configuration file)")
    name = values.get("connection")
    if not isinstance(name, str):
        _refuse("connection: missing (the name of a connection)")
    if name not in connections:
        known = " | ".join(sorted(connections)) or "none is defined"
        _refuse(f"connection: {name!r} is not a connection ({known})")
    return rotation_from(values, connections[name], allowed)


def _read(raw: bytes) -> Any:
    if len(raw) > _LONGEST:
        _refuse(f"the line is too long, what follows it was not read (at most {_LONGEST:,} bytes)")
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        _refuse(f"not UTF-8 at byte {error.start + 1}")
    except json.JSONDecodeError as error:
        _refuse(f"not valid JSON: {error.msg} (column {error.colno})")
    except RecursionError:
        _refuse("nested too deeply")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        _refuse(f"{next(name for name in names if names.count(name) > 1)}: a second time in this object (once)")
    return found


def _no_number(word: str) -> NoReturn:
    _refuse(f"{word} is not allowed (a number)")


def _refuse(why: str) -> NoReturn:
    raise ConfigError([why])
