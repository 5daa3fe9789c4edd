"""What do a request to the simulator and its answer look like, whatever carries them?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Headers: TypeAlias = tuple[tuple[str, str], ...]

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_JSON_TYPE = ("content-type", "application/json; charset=utf-8")


@dataclass(frozen=True, slots=True)
class SimRequest:
    """One request: `headers` have lower-case names, `query` is raw, `path` is decoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SimResponse:
    """One answer; `delay` is the seconds of real time to wait before it is sent."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer ever comes; the client has to give up."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is torn down without an answer."""


Answer: TypeAlias = SimResponse | Hang | Reset


def json_response(status: int, body: object, headers: Headers = ()) -> SimResponse:
    """An answer with a JSON body."""
    return SimResponse(status, (_JSON_TYPE, *headers), _encode(body).encode())


def graph_time(moment: datetime) -> str:
    """A moment that a client sent, as Graph gives it back: without needless zeros."""
    text = moment.isoformat(timespec="seconds")[:19]
    return f"{text}.{moment.microsecond:06d}".rstrip("0") + "Z" if moment.microsecond else f"{text}Z"


def stamp_time(moment: datetime) -> str:
    """A moment that Graph itself stamped: with seven fractional digits, because it counts in 100 ns.

    The seventh is never zero: clients that parse only six must be found.
    """
    return f"{moment.isoformat(timespec='seconds')[:19]}.{moment.microsecond:06d}1Z"


def parse_time(text: str) -> datetime:
    """A moment as clients write it; one without a zone is UTC. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
