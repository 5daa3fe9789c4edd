"""Is there any configuration that ends in a traceback, or in words of the libraries below?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import yaml

from rotator.config import example, load
from rotator.errors import ConfigError
from tests.config.writing import Folder

ODD: tuple[Any, ...] = (
    None,
    5,
    -1,
    10**30,
    1.5,
    True,
    "x",
    "",
    [],
    {},
    [1],
    [[]],
    [None],
    [{}],
    {"a": {"b": [1]}},
    "\u00e9\u2028",
    "/" * 300,
    "https://a:99999",
    "http://[",
    "::",
    [{"kind": ["x"]}],
    {"env": ["x"]},
    {"file": "\u0000"},
)
#: The blocks that are read with an eye on others; the rest stand for themselves.
TOGETHER = ("state", "daemon", "clouds", "connections", "defaults", "rotations")
JARGON = ("input should", "value error", "pydantic", "nonetype", "_type", "traceback", "valid dict", "valid list")


def test_an_odd_value_anywhere_is_accepted_or_told(folder: Folder) -> None:
    whole = yaml.safe_load(example())
    odd = cycle(ODD)

    for path in _paths(whole):
        near = {name: block for name, block in whole.items() if name in {*TOGETHER, path[0]}}
        # Two values each, other ones for each path: 23 is odd.
        for value in islice(odd, 2):
            _accepted_or_told(folder, json.dumps(_with(near, path, value)))


def test_a_list_beside_an_odd_value_still_has_something_to_compare_it_with() -> None:
    whole = {"a": [1, 2, 3], "b": [{"c": [4, 5, 6]}, 7, 8]}

    assert _with(whole, ("b", 0, "c", 2), "odd") == {"a": [1, 2], "b": [{"c": ["odd", 4]}, 7]}
    assert _with(whole, ("a", 0), "odd") == {"a": ["odd", 2], "b": [{"c": [4, 5]}, 7]}


def test_a_file_that_ends_anywhere_is_accepted_or_told(folder: Folder) -> None:
    text = example()

    for end in range(0, len(text), 61):
        # What ends within a comment says what it says before it.
        if not re.search(r"(^|\s)#", text[:end].rpartition("\n")[2]):
            _accepted_or_told(folder, text[:end])


def _accepted_or_told(folder: Folder, text: str) -> None:
    folder.write(text)
    try:
        load("config.yaml", check_references=False)
    except ConfigError as exc:
        for line in exc.problems:
            assert line.startswith("config.yaml:")
            assert line.isprintable()
            assert not any(word in line.lower() for word in JARGON), line


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield (*path, step)
        yield from _paths(each, (*path, step))


def _with(block: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy with that at this place; of a list on the way there, its own item and another one.

    What is odd about a rotation meets all its destinations: each kind asks something else of its names.
    """
    if not path:
        return odd
    step, changed = path[0], _with(block[path[0]], path[1:], odd)
    if isinstance(block, dict):
        met = {name: each for name, each in block.items() if name == "destinations"}
        return {**_short(block), **met, step: changed}
    beside = [each for n, each in enumerate(block) if n != step]
    return [changed, *_short(beside[:1])]


def _short(value: Any) -> Any:
    """No list is longer than two."""
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    return [_short(each) for each in value[:2]] if isinstance(value, list) else value
