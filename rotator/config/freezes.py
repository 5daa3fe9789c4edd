"""When are changes to rest? Each entry of `freeze`, as a calendar range or as a window that comes back every week."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from rotator.config.problems import Problems, Spot
from rotator.domain.freeze import FreezeRule, Weekly, joined
from rotator.domain.model import FreezeWindow
from rotator.domain.schedule import Schedule
from rotator.options import Description, Options, Rule, Zone, problem, refuse, shown

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FORM = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}|[A-Za-z]{3,9})(?:[ T](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}))?"
)
_ALLOWED = "a date such as 2026-12-18 or a weekday such as friday, with a time such as 17:00 or without"
_SCHEMA = {
    "type": "string",
    "pattern": f"^{_FORM.pattern.replace('?P<day>', '?:').replace('?P<hour>', '?:').replace('?P<minute>', '?:')}$",
}
#: Any Monday: a weekly window is tried on the weeks around it.
_SOME_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_WEEK = timedelta(days=7)
_LONGEST = timedelta(days=366)

#: A date, or the number of a weekday; then hours and minutes, None for a day without a time.
Moment = tuple[date | int, tuple[int, int] | None]


def _moment(value: object) -> Moment:
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    day = _day(found["day"]) if found else None
    if found is None or day is None:
        refuse(value, _ALLOWED)
    if found["hour"] is None:
        return day, None
    hour, minute = int(found["hour"]), int(found["minute"])
    return (day, (hour, minute)) if hour < 24 and minute < 60 else refuse(value, _ALLOWED)


def _day(text: str) -> date | int | None:
    if text[0].isdigit():
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    named = [n for n, day in enumerate(_DAYS) if text.lower() in {day, day[:3]}]
    return named[0] if named else None


class Freeze(Options):
    """A span in which nothing is rotated unless expiry forces it."""

    time_zone: Zone = Field(default="UTC", description="An IANA name such as Europe/Oslo; default UTC.")
    start: Annotated[Moment, Rule(_moment, _SCHEMA)] = Field(
        alias="from", description="A date or a weekday, with a time; without one the day's beginning."
    )
    end: Annotated[Moment, Rule(_moment, _SCHEMA)] = Field(
        alias="to", description="Of the same form, with a time; without one the day's end."
    )
    description: Description = ""

    @field_validator("end", mode="after")
    @classmethod
    def _after_the_start(cls, end: Moment, info: ValidationInfo) -> Moment:
        start, zone = info.data.get("start"), info.data.get("time_zone")
        if start is None or zone is None:
            return end
        if isinstance(start[0], date) != isinstance(end[0], date):
            problem("one is a date and the other a weekday", "two dates, or two weekdays")
        rule = _rule(start, end, zone)
        if isinstance(rule, FreezeWindow) and rule.end <= rule.start:
            problem("it ends before it begins", "a later time than from")
        if isinstance(rule, FreezeWindow) and rule.end - rule.start > _LONGEST:
            problem("it is longer than a year", "at most 366 days; isAutoRotationEnabled: false rests for good")
        return end

    @property
    def rule(self) -> FreezeRule:
        """As the engine knows it."""
        return _rule(self.start, self.end, self.time_zone)


def read_freezes(spot: Spot, raw: object, context: Mapping[str, object], problems: Problems) -> tuple[FreezeRule, ...]:
    """All entries; what is wrong with one is told and the others are read."""
    if raw is not None and not isinstance(raw, list):
        problems.add(spot, f"{shown(raw)} is not allowed (a list)")
        return ()
    rules: list[FreezeRule] = []
    for n, entry in enumerate(raw or ()):
        try:
            rules.append(Freeze.model_validate(entry, context=context).rule)
        except ValidationError as exc:
            problems.blame(spot / n, Freeze, exc)
    if _never_thaws(rules):
        problems.add(spot, "the weekly windows leave no hour of the week (isAutoRotationEnabled: false rests for good)")
    return tuple(rules)


def _rule(start: Moment, end: Moment, zone: str) -> FreezeRule:
    (first, begins), (last, ends) = start, end
    hour, minute = begins or (0, 0)
    if isinstance(first, date) and isinstance(last, date):
        until = Schedule(1, *ends, zone).slot_on(last) if ends else Schedule(1, zone=zone).slot_on(_next(last))
        return FreezeWindow(Schedule(1, hour, minute, zone).slot_on(first), until)
    assert isinstance(first, int)
    assert isinstance(last, int)
    last = last if ends else (last + 1) % len(_DAYS)
    return Weekly(first, hour, minute, last, *(ends or (0, 0)), zone=zone)


def _next(day: date) -> date:
    return day + timedelta(days=1)


def _never_thaws(rules: list[FreezeRule]) -> bool:
    weekly = [rule for rule in rules if isinstance(rule, Weekly)]
    windows = joined(window for rule in weekly for window in rule.around(_SOME_MONDAY))
    return any(each.end - each.start > _WEEK for each in windows)
