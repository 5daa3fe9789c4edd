"""How is one member of a JSON object changed without touching the others? Text in, text out, no disk.

Numbers, spacing, order and escapes of other members stay as they are: nothing is parsed and printed again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rotator.destinations.formats.atomic import Unfit

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Member:
    """One `"name": value` with the space before its name (`lead`) and before the comma behind it (`tail`)."""

    name: str
    lead: str
    #: The name as written, with the colon and all space around it.
    head: str
    value: str
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Object:
    """A whole text that is one object: what stands before its members, they, and what stands behind."""

    before: str
    members: tuple[Member, ...]
    behind: str

    def content(self, names: Collection[str]) -> dict[str, str]:
        """Of these names those that exist -> the value as written; of a name that stands there twice both."""
        found: dict[str, str] = {}
        for member in self.members:
            if member.name in names:
                found[member.name] = found.get(member.name, "") + member.value
        return found

    def compose(self, values: Mapping[str, str], *, drop: Collection[str] = ()) -> str:
        """The text with these values (as written), new names at the end, those of `drop` gone."""
        waiting = dict(values)
        kept = []
        for member in self.members:
            if member.name in waiting:
                kept.append(replace(member, value=waiting.pop(member.name)))
            elif member.name not in values and member.name not in drop:
                kept.append(member)
        lead, colon = _style(self.members)
        kept += [Member(name, lead, json.dumps(name) + colon, value) for name, value in waiting.items()]
        behind = "\n" + self.behind if kept and not self.members and self.behind.startswith("}") else self.behind
        return self.before + ",".join(m.lead + m.head + m.value + m.tail for m in kept) + behind


def parse(text: str) -> Object:
    """Empty text counts as an empty object. Raises Unfit for all that is no JSON object; quotes none of it."""
    if not text.strip():
        return Object("{", (), "\n}\n")
    try:
        return _object(text)
    except (ValueError, IndexError, RecursionError):
        raise Unfit(
            "it holds no valid JSON object", hint="It was left as it is; correct it or name another file"
        ) from None


def _object(text: str) -> Object:
    at = _space(text, 1 if text.startswith("\ufeff") else 0)
    before = text[: _past(text, at, "{")]
    members: list[Member] = []
    at = len(before)
    while text[_space(text, at)] != "}":
        if members:
            comma = _space(text, at)
            members[-1] = replace(members[-1], tail=text[at:comma])
            at = _past(text, comma, ",")
        member = _member(text, at)
        at += len(member.lead + member.head + member.value)
        members.append(member)
    if text[_past(text, _space(text, at), "}") :].strip():
        raise ValueError
    return Object(before, tuple(members), text[at:])


def _member(text: str, at: int) -> Member:
    start = _space(text, at)
    name, end = _value(text, start)
    if not isinstance(name, str):
        raise ValueError  # noqa: TRY004 - caught by `parse`, as all that is no JSON
    value_at = _space(text, _past(text, _space(text, end), ":"))
    _, value_end = _value(text, value_at)
    return Member(name, text[at:start], text[start:value_at], text[value_at:value_end])


def _value(text: str, at: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except ValueError:
        raise ValueError from None


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _past(text: str, at: int, character: str) -> int:
    if text[at] != character:
        raise ValueError
    return at + 1


def _style(members: Sequence[Member]) -> tuple[str, str]:
    if not members:
        return "\n  ", ": "
    last = members[-1]
    colon = last.head[last.head.rindex(":") :]
    return last.lead, colon
