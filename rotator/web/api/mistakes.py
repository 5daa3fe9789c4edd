"""How are mistakes told that only the rules of the configuration find? As 422, with their paths, like all others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi.exceptions import RequestValidationError

from rotator.errors import ConfigError

_LINE = re.compile(r"(?P<path>[A-Za-z]\w*(?:\[\d+\]|\.\w+)*): (?P<what>.*)", re.DOTALL)


@contextmanager
def told_as_invalid() -> Iterator[None]:
    """Turn the ConfigError of a definition into a refusal of the request's body."""
    try:
        yield
    except ConfigError as problem:
        raise RequestValidationError([_issue(line) for line in problem.problems]) from None


def _issue(line: str) -> dict[str, object]:
    found = _LINE.fullmatch(line)
    path = re.findall(r"\w+", found["path"]) if found else []
    return {"type": "refused", "loc": ("body", *path), "msg": found["what"] if found else line}
