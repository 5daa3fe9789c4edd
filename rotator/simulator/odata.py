"""Which of many objects does an OData query ask for, and which of their fields?"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from rotator.simulator.refusals import GraphRefusal, bad_request
from rotator.simulator.wire import Json

DEFAULT_PAGE = 100
MAX_PAGE = 999

Item = TypeVar("Item")

_TOKEN = re.compile(
    r"\s*(?:(?P<any>(?P<many>\w+)/any\(\s*(?P<var>\w+)\s*:\s*(?P=var)\s+eq\s+'(?P<anyvalue>(?:[^']|'')*)'\s*\))"
    r"|(?P<start>startswith\(\s*(?P<startfield>\w+)\s*,\s*'(?P<startvalue>(?:[^']|'')*)'\s*\))"
    r"|(?P<field>\w+)\s+(?P<operator>eq|ne)\s+(?:'(?P<value>(?:[^']|'')*)'|(?P<word>[\w.-]+))"
    r"|(?P<join>and|or)\b|(?P<bracket>[()]))",
    re.IGNORECASE,
)


class Comparison(NamedTuple):
    """One test of one field: `operator` is `eq`, `ne`, `startswith` or `any` (of a collection)."""

    field: str
    operator: str
    value: str

    def holds(self, fields: Json) -> bool:
        """Whether an object with these fields passes."""
        actual = fields.get(self.field)
        wanted = self.value.casefold()
        if self.operator == "any":
            return any(str(one).casefold() == wanted for one in actual or ())
        text = str(actual).casefold()
        if self.operator == "startswith":
            return text.startswith(wanted)
        return (text == wanted) is (self.operator == "eq")


class Filter(NamedTuple):
    """Alternatives, each a chain of tests that must all hold."""

    alternatives: tuple[tuple[Comparison, ...], ...]

    def holds(self, fields: Json) -> bool:
        """Whether an object with these fields is asked for."""
        return any(all(test.holds(fields) for test in chain) for chain in self.alternatives)

    def only(self, field: str) -> str | None:
        """The value, when the filter says nothing but that this field equals it."""
        if len(self.alternatives) == 1 and len(self.alternatives[0]) == 1:
            test = self.alternatives[0][0]
            if (test.field, test.operator) == (field, "eq"):
                return test.value
        return None


class Page(NamedTuple):
    """One page of a list, and the token of the next."""

    items: list[Json]
    next_token: str | None
    total: int


def parse_filter(text: str) -> Filter:
    """`eq`, `ne`, `startswith`, `any` joined by `and` and `or`, without brackets. Raises `GraphRefusal` (400)."""
    chains: list[list[Comparison]] = [[]]
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            msg = f"Invalid filter clause: syntax error at position {position} in '{text}'."
            raise bad_request(msg)
        position = match.end()
        if (match["join"] or "").lower() == "or":
            chains.append([])
        elif not match["join"] and not match["bracket"]:
            chains[-1].append(_comparison(match))
    if not all(chains):
        msg = f"Invalid filter clause: '{text}'."
        raise bad_request(msg)
    return Filter(tuple(tuple(chain) for chain in chains))


def page_of(items: Iterator[Item], query: dict[str, str], *, show: Callable[[Item], Json]) -> Page:
    """The page that `$top`, `$skiptoken` and `$filter` ask for. Raises `GraphRefusal` (400)."""
    wanted = parse_filter(query["$filter"]) if query.get("$filter") else None
    size, start = page_size(query), _position(query.get("$skiptoken"))
    shown: list[Json] = []
    total = 0
    for item in items:
        fields = show(item) if wanted is not None or start <= total < start + size else None
        if wanted is not None and not wanted.holds(fields or {}):
            continue
        if start <= total < start + size and fields is not None:
            shown.append(fields)
        total += 1
    following = start + size
    return Page(shown, _skip_token(following) if following < total else None, total)


def page_size(query: dict[str, str]) -> int:
    """What `$top` asks for. Raises `GraphRefusal` (400)."""
    text = query.get("$top", str(DEFAULT_PAGE))
    if not text.isdigit() or not 1 <= int(text) <= MAX_PAGE:
        raise GraphRefusal(
            400,
            "Request_UnsupportedQuery",
            f"Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive.",
        )
    return int(text)


def select(fields: Json, query: dict[str, str]) -> Json:
    """Only the fields that `$select` names, or all."""
    wanted = query.get("$select")
    if not wanted:
        return fields
    names = [name.strip() for name in wanted.split(",")]
    return {name: fields[name] for name in names if name in fields}


def _comparison(match: re.Match[str]) -> Comparison:
    if match["any"]:
        return Comparison(match["many"], "any", match["anyvalue"].replace("''", "'"))
    if match["start"]:
        return Comparison(match["startfield"], "startswith", match["startvalue"].replace("''", "'"))
    value = match["value"] if match["value"] is not None else match["word"]
    return Comparison(match["field"], match["operator"].lower(), value.replace("''", "'"))


def _skip_token(position: int) -> str:
    return base64.urlsafe_b64encode(f"m~{position}".encode()).decode().rstrip("=")


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().removeprefix("m~"))
    except ValueError:
        msg = "The provided skip token is not valid."
        raise bad_request(msg, "Directory_ExpiredPageToken") from None
