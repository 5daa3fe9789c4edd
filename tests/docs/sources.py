"""Which words does the program itself know? Its texts, its codes, and the options of its configuration."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rotator.config import schema
from tests.docs.pages import ROOT

_HOLE = "\x00"
#: An f-string of less could be anything.
_LEAST = 12
_CODE = re.compile(r"[A-Z]+(?:_[A-Z]+)*")


@cache
def everything() -> str:
    """All source text of the program."""
    return "\n".join(_modules().values())


def is_told(piece: str) -> bool:
    """Whether the program has a text with that piece; a number of AADSTS is put before its meaning at run time."""
    if piece.startswith("AADSTS"):
        return f'"{piece[6:]}"' in everything()
    # Where it stands as it is, one module tells; where it is put together, any of them may.
    likely = [path for path, source in _modules().items() if piece in source]
    return any(piece in text for path in [*likely, *_modules()] for text in _told(path)) or any(
        _fills(text, piece) for path in _modules() for text in _told(path)
    )


def _fills(text: str, piece: str) -> bool:
    """Whether the piece can be made of that f-string."""
    if _HOLE not in text or len(text) < _LEAST or not all(part in piece for part in text.split(_HOLE)):
        return False
    return re.fullmatch(re.escape(text).replace(_HOLE, ".+"), piece) is not None


@cache
def _modules() -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in sorted((ROOT / "rotator").rglob("*.py"))}


@cache
def _told(path: Path) -> frozenset[str]:
    """All string constants of a module; what an f-string fills in is a hole."""
    return frozenset(_texts(ast.parse(_modules()[path])))


def alarm_codes() -> set[str]:
    """The codes of alarms: what `alarms.py` names, and the holds that it passes on."""
    return _upper(ROOT / "rotator" / "domain" / "alarms.py") | _upper(ROOT / "rotator" / "engine" / "survey.py")


@cache
def options() -> frozenset[str]:
    """The name of every option of the configuration, in whatever block."""
    whole = schema()
    blocks = [whole, *whole["$defs"].values()]
    return frozenset(name for block in blocks for name in block.get("properties", {}))


def _upper(path: Path) -> set[str]:
    constants = (node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str) and len(text) > 3 and _CODE.fullmatch(text)}


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if _is_text(part) else _HOLE for part in node.values)  # type: ignore[attr-defined]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_text(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and isinstance(part.value, str)
