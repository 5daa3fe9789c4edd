"""How does one definition of a destination serve many rotations? `{rotation.name}` in its texts stands for the name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rotator.config.reading import Row, Table

_SLOT = re.compile(r"\{rotation\.(\w*)\}")
#: What may stand in the braces, and what it is where a default is read that no rotation uses yet.
SAMPLES: Mapping[str, str] = {"name": "name", "project": "default", "environment": "prod"}
_FALLBACKS = {key: value for key, value in SAMPLES.items() if key != "name"}


def filled(row: object, values: Mapping[str, object]) -> object:
    """The destination with each slot replaced by that value of its rotation, all places kept."""
    known = {**_FALLBACKS, **{key: value for key in SAMPLES if isinstance(value := values.get(key), str)}}

    def replace(value: Any) -> Any:
        if isinstance(value, str):
            return _SLOT.sub(lambda found: known.get(found[1], found[0]), value)
        if isinstance(value, Table):
            return _same_table(value, replace)
        return _same_row(value, replace) if isinstance(value, Row) else value

    return replace(row)


def unknown_slots(row: object) -> list[str]:
    """What is wrong with the slots that nothing can fill, one line each."""
    allowed = " | ".join(f"{{rotation.{key}}}" for key in SAMPLES)
    found = [each for each in _texts(row) for name in _SLOT.findall(each) if name not in SAMPLES]
    return [f"{each!r} holds what nothing stands for ({allowed})" for each in found]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _same_table(table: Table, replace: Any) -> Table:
    new = Table(table.place)
    new.keys_at, new.values_at = table.keys_at, table.values_at
    new.update({key: replace(value) for key, value in table.items()})
    return new


def _same_row(row: Row, replace: Any) -> Row:
    new = Row(row.place)
    new.items_at = row.items_at
    new.extend(map(replace, row))
    return new
