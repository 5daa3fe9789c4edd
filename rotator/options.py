"""What do all options have in common? Their form, and the small types whose refusals say what is allowed.

Every adapter declares its options with these; `rotator.config` joins them. Outside, names are camelCase.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rotator.redaction import redact_shapes

#: A hundred years: longer spans are typing errors, and dates must stay within the calendar.
LONGEST = timedelta(days=36_500)
_SPAN = re.compile(r"(?P<count>\d{1,12})(?P<unit>[dhms])")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class Options(BaseModel):
    """A block of options: frozen, camelCase outside, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


def refuse(value: object, allowed: str) -> NoReturn:
    """Refuse a value, in the one form in which all refusals are put: `4000 is not allowed (a whole number …)`."""
    problem(f"{shown(value)} is not allowed", allowed)


def problem(what: str, allowed: str) -> NoReturn:
    """Refuse without showing the value, which may be a secret."""
    raise PydanticCustomError("refused", "{what} ({allowed})", {"what": what, "allowed": allowed})


def shown(value: object) -> str:
    """A value as its writer knows it, cut to 40 characters; what looks like a secret is not shown."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(redact_shapes(value) if isinstance(value, str) else value)
    return text if len(text) <= 40 else f"{text[:36]}...{text[-1]}"


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Annotates a field: `check` returns the value or refuses it, `schema` says the same as JSON Schema."""

    check: Callable[[object], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def whole(least: int, most: int, unit: str = "") -> Rule:
    """A whole number within bounds, both allowed."""
    allowed = f"a whole number from {least} to {most}" + (f" {unit}" if unit else "")

    def check(value: object) -> int:
        return value if type(value) is int and least <= value <= most else refuse(value, allowed)

    return Rule(check, {"type": "integer", "minimum": least, "maximum": most})


def text(most: int = 1024, *, least: int = 0) -> Rule:
    """One line of text of at most `most` characters."""
    allowed = f"text of {least or 'at most'}{' to' if least else ''} {most} characters on one line"

    def check(value: object) -> str:
        if not isinstance(value, str):
            refuse(value, f"{allowed}; in quotes if it looks like something else")
        if not least <= len(value) <= most:
            problem(f"{len(value)} characters are not allowed", allowed)
        return value if value.isprintable() else refuse(value, allowed)

    return Rule(check, {"type": "string", "maxLength": most} | ({"minLength": least} if least else {}))


def one_of(*choices: str) -> Rule:
    """One of these words."""
    allowed = " | ".join(choices)

    def check(value: object) -> object:
        return value if isinstance(value, str) and value in choices else refuse(value, allowed)

    return Rule(check, {"enum": list(choices)})


def span(least: timedelta = timedelta(0), most: timedelta = LONGEST) -> Rule:
    """A span of time within bounds, both allowed: `30d`, `48h`, `15m`, `5s`, `0`."""
    allowed = f"a span such as 30d, 48h, 15m or 5s, from {show_span(least)} to {show_span(most)}"

    def check(value: object) -> timedelta:
        parsed = parse_span(value)
        return parsed if parsed is not None and least <= parsed <= most else refuse(value, allowed)

    return Rule(
        check, {"type": ["string", "integer"], "pattern": r"^(0|[0-9]{1,12}[dhms])$", "maximum": 0, "minimum": 0}
    )


def parse_span(value: object) -> timedelta | None:
    """`30d`, `48h`, `15m`, `5s` or `0` as a timedelta; None for anything else."""
    if value == "0" or (type(value) is int and value == 0):
        return timedelta(0)
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    seconds = int(found["count"]) * _SECONDS[found["unit"]]
    return timedelta(seconds=min(seconds, 2 * int(LONGEST.total_seconds())))


def show_span(value: timedelta) -> str:
    """A timedelta as one would write it: in the largest unit that leaves no rest."""
    seconds = int(value.total_seconds())
    unit = next((unit for unit, size in _SECONDS.items() if seconds and seconds % size == 0), "s")
    return f"{seconds // _SECONDS[unit]}{unit}"


def _flag(value: object) -> bool:
    return value if isinstance(value, bool) else refuse(value, "true | false")


def is_slug(value: object) -> bool:
    """Tell whether it is 1 to 64 of a-z, 0-9 and '-'."""
    return isinstance(value, str) and _SLUG.fullmatch(value) is not None


def _slug(value: object) -> str:
    if is_slug(value):
        return str(value)
    refuse(value, "1 to 64 of a-z, 0-9 and '-', not beginning or ending with '-'")


def _uuid(value: object) -> str:
    try:
        if isinstance(value, str) and len(value) == 36:
            return str(UUID(value))
    except ValueError:
        pass
    refuse(value, "an id such as 00000000-0000-4000-8000-000000000000")


def _https(value: object) -> str:
    allowed = "an address such as https://example.com"
    if not isinstance(value, str):
        refuse(value, allowed)
    try:
        parts = urlsplit(value)
        well = parts.scheme == "https" and bool(parts.hostname) and not parts.username and (parts.port or 1) > 0
    except ValueError:
        well = False
    return value.rstrip("/") if well and value.isprintable() and " " not in value else refuse(value, allowed)


def _zone(value: object) -> str:
    from zoneinfo import ZoneInfo

    try:
        if isinstance(value, str) and value:
            ZoneInfo(value)
            return value
    except (ValueError, OSError, LookupError):
        pass
    refuse(value, "an IANA name such as Europe/Oslo")


#: The types that most options are made of.
Flag = Annotated[bool, Rule(_flag, {"type": "boolean"})]
Slug = Annotated[str, Rule(_slug, {"type": "string", "pattern": f"^{_SLUG.pattern}$", "maxLength": 64})]
Id = Annotated[str, Rule(_uuid, {"type": "string", "format": "uuid"})]
Address = Annotated[str, Rule(_https, {"type": "string", "format": "uri", "pattern": "^https://"})]
Line = Annotated[str, text()]
Name = Annotated[str, text(256, least=1)]
Description = Annotated[str, text(256)]
FilePath = Annotated[str, text(4096, least=1)]
Span = Annotated[timedelta, span()]
Zone = Annotated[str, Rule(_zone, {"type": "string"})]


class UtcTime(Options):
    """A time of day in UTC."""

    hours: Annotated[int, whole(0, 23)] = 0
    minutes: Annotated[int, whole(0, 59)] = 0


class ZonedTime(UtcTime):
    """A time of day on the clock of a place."""

    time_zone: Zone = Field(description="An IANA name such as Europe/Oslo.")
