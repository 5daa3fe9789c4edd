"""How is one line of a dotenv file changed without touching the others? Bytes in, bytes out, no disk.

Understood are `NAME=text`, `export NAME=text`, quoted text over several lines, LF and CRLF; other bytes are let be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rotator.destinations.formats.atomic import Unfit
from rotator.destinations.marks import Mark

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(rb"([ \t]*(?:export[ \t]+)?)([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*")
_MARK = re.compile(rb"# rotator: (\{.*\})[ \t]*")
_ROW = re.compile(rb"[^\n]*\n?")
#: A quote counts if it is closed, with nothing but a comment behind it, within 64 KiB: as dotenv libraries see it.
_QUOTED = re.compile(rb"""(?:'[^']{0,65536}'|"(?:[^"\\]|\\[\s\S]){0,65536}")[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)""")
#: Means the same to every reader without quotes: systemd, docker, compose, shells, dotenv libraries.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,-][A-Za-z0-9_./:@%+=,~-]*")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the file, of more than one line where a quoted text is. `end` is its line end, empty at the end."""

    raw: bytes
    end: bytes
    name: str = ""
    #: `export `, if that stands before the name.
    prefix: bytes = b""
    mark: Mark | None = None


def parse(data: bytes) -> list[Line]:
    """The file's entries; joined again they are the file. Raises Unfit for what is no text."""
    if b"\0" in data:
        raise Unfit("it is not a text file", hint="A dotenv file holds lines NAME=text")
    lines = []
    at = 0
    while at < len(data):
        end = _entry_end(data, at)
        lines.append(_line(data[at:end]))
        at = end
    return lines


def content(lines: Sequence[Line], names: Collection[str]) -> dict[str, bytes]:
    """Of these names those that are assigned, as written; of a name assigned twice both, for the last one counts."""
    found: dict[str, bytes] = {}
    for line in lines:
        if line.name in names:
            found[line.name] = found.get(line.name, b"") + line.raw + b"\n"
    return found


def compose(lines: Sequence[Line], texts: Mapping[str, str], mark: Mark | None, *, drop: Collection[str] = ()) -> bytes:
    """The file with these texts in their old lines, new ones at the end, the mark before the first of them.

    `drop`: names that go. Other rotations' marks lose names that are ours now. With a mark of None only removes.
    """
    end = lines[0].end if lines and lines[0].end else b"\n"
    open_ended = bool(lines) and not lines[-1].end
    kept: list[Line] = []
    waiting = dict(texts)
    for line in lines:
        if line.name in waiting:
            kept.append(replace(line, raw=line.prefix + _assignment(line.name, waiting.pop(line.name))))
        elif line.name not in texts and line.name not in drop:
            kept.extend(_others(line, mark, texts))
    kept += [Line(_assignment(name, text), end, name) for name, text in waiting.items()]
    if mark is not None:
        first = next(at for at, line in enumerate(kept) if line.name in texts)
        kept.insert(first, Line(b"# rotator: " + json.dumps(mark.to_json()).encode(), end))
    closed = [line.raw + (line.end or end) for line in kept]
    return b"".join(closed[:-1]) + (kept[-1].raw if open_ended else closed[-1]) if kept else b""


def without_mark(lines: Sequence[Line], installation: str, rotation_id: str) -> list[Line]:
    """All but the marks of that rotation."""
    return [line for line in lines if not (line.mark and line.mark.belongs_to(installation, rotation_id))]


def quoted(text: str) -> str:
    """The text as dotenv readers take it back; what Entra issues needs no quotes. Unfit: control characters."""
    if any(character < " " or character == "\x7f" for character in text):
        raise Unfit("a text with control characters cannot be written as dotenv", hint="Use format: json")
    if _PLAIN.fullmatch(text):
        return text
    if "'" not in text and "\\" not in text:
        return f"'{text}'"
    return '"' + re.sub(r'([\\"$`])', r"\\\1", text) + '"'


def _assignment(name: str, text: str) -> bytes:
    return f"{name}={quoted(text)}".encode()


def _others(line: Line, mark: Mark | None, texts: Mapping[str, str]) -> list[Line]:
    if line.mark is None or mark is None or not set(line.mark.names) & set(texts):
        return [line]
    left = line.mark.without(texts)
    return [replace(line, raw=b"# rotator: " + json.dumps(left.to_json()).encode())] if left.names else []


def _entry_end(data: bytes, at: int) -> int:
    found = _ASSIGNMENT.match(data, at)
    quoted_text = _QUOTED.match(data, found.end()) if found else None
    row = quoted_text or _ROW.match(data, at)
    assert row is not None, "_ROW matches anything"
    return row.end()


def _line(row: bytes) -> Line:
    end = b"\r\n" if row.endswith(b"\r\n") else b"\n" if row.endswith(b"\n") else b""
    raw = row.removesuffix(end)
    if found := _ASSIGNMENT.match(raw):
        return Line(raw, end, found[2].decode(), found[1])
    if marked := _MARK.fullmatch(raw):
        return Line(raw, end, mark=_mark(marked[1]))
    return Line(raw, end)


def _mark(text: bytes) -> Mark | None:
    try:
        return Mark.from_json(json.loads(text))
    except ValueError:
        return None
