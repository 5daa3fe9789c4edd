"""Of which values are requests made? Small types; what they refuse is answered with 422 and what would be allowed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from rotator.options import Description, Rule, Slug, refuse, text, whole

#: A secret path without what would lead elsewhere.
_PATH = "a path such as / or /team/billing"
_PATH_FORM = "^/(?:[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*/?)?$"


class Body(BaseModel):
    """The body of a request: camelCase, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    def given(self) -> dict[str, object]:
        """What was sent, under the names it was sent by."""
        return self.model_dump(by_alias=True, exclude_unset=True)


def number(least: int, most: int, unit: str = "") -> Rule:
    """A whole number, also when it is written as 11.0 or "11"."""
    strict = whole(least, most, unit)

    def check(value: object) -> object:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        return strict.check(value)

    return Rule(check, strict.schema)


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or len(value) > 1024:
        refuse(value, _PATH)
    parts = value.removesuffix("/").split("/")[1:]
    good = all(part and part.isascii() and part.replace("-", "").replace("_", "").isalnum() for part in parts)
    return "/" + "/".join(parts) if good else refuse(value, _PATH)


def _true_or_false(value: object) -> bool:
    known = {"true": True, "false": False, True: True, False: False}
    return known[value] if isinstance(value, str | bool) and value in known else refuse(value, "true | false")


def _none(value: object) -> None:
    return None if value is None else refuse(value, "null")


def _false(value: object) -> bool:
    return False if value is False else refuse(value, "false")


SecretPath = Annotated[str, Rule(_path, {"type": "string", "pattern": _PATH_FORM, "maxLength": 1024})]
Switch = Annotated[bool, Rule(_true_or_false, {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]})]
Nothing = Annotated[None, Rule(_none, {"type": "null"})]
OnlyFalse = Annotated[bool, Rule(_false, {"const": False})]
ProjectRef = Annotated[str, text(64, least=1)]
SecretName = Annotated[str, text(256, least=1)]
Note = Description | None
Interval = Annotated[int, number(1, 3650, "days")]
Limit = Annotated[int, number(1, 1000)]
Offset = Annotated[int, number(0, 1_000_000)]
__all__ = [
    "Body", "Interval", "Limit", "Note", "Nothing", "Offset", "OnlyFalse", "ProjectRef", "SecretName", "SecretPath",
    "Slug", "Switch", "TimeOfDay", "ZonedTimeOfDay",
]  # fmt: skip


class TimeOfDay(Body):
    """A time of day in UTC."""

    hours: Annotated[int, number(0, 23)] = 0
    minutes: Annotated[int, number(0, 59)] = 0


class ZonedTimeOfDay(TimeOfDay):
    """A time of day on the clock of a place."""

    time_zone: Annotated[str, text(64, least=1)]
