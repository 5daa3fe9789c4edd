"""How are times, spans and states said to people? In UTC and in few words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def moment(at: datetime | None) -> str:
    """A time to the minute."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def local(at: datetime | None, zone: str) -> str:
    """A time to the minute on the clocks of that place, with the name of its time there."""
    return "-" if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def exact(at: datetime | None) -> str:
    """A time to the second."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def machine(at: datetime) -> str:
    """A time as programs read it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span(length: timedelta) -> str:
    """The two largest units of a span."""
    left = max(0, int(length.total_seconds()))
    said: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or (said and unit != "s"):
            said.append(f"{count} {unit}")
        if len(said) == 2:
            break
    return " ".join(each for each in said if not each.startswith("0 ")) or "0 s"


def seconds(count: float) -> str:
    """How long a step took."""
    return f"{count:.1f} s" if count < _UNITS[2][1] else span(timedelta(seconds=count))


def far(at: datetime | None, now: datetime) -> str:
    """How far away a time is."""
    if at is None:
        return "-"
    if abs(at - now) < timedelta(seconds=1):
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def many(count: int, one: str, more: str = "") -> str:
    """A number with its word."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def short(key_id: str) -> str:
    """The beginning of a key id, enough to know it by."""
    return key_id[:8]


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "local": local,
    "exact": exact,
    "machine": machine,
    "span": span,
    "seconds": seconds,
    "far": far,
    "many": many,
    "short": short,
}
