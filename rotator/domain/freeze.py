"""When do changes rest? Calendar ranges and weekly windows, as the spans that matter for one rotation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rotator.domain.model import Facts, FreezeWindow
from rotator.domain.next_time import known
from rotator.domain.schedule import Schedule

_DAY = timedelta(days=1)
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Weekly:
    """A window that comes back every week, on the clock of `zone`; days count from Monday, 0."""

    start_day: int
    start_hour: int
    start_minute: int
    end_day: int
    end_hour: int
    end_minute: int
    zone: str = "UTC"

    def around(self, at: datetime) -> Iterator[FreezeWindow]:
        """The windows that begin in the week before that time and in the one after it."""
        begins = Schedule(1, self.start_hour, self.start_minute, self.zone)
        ends = Schedule(1, self.end_hour, self.end_minute, self.zone)
        today = at.astimezone(ZoneInfo(self.zone)).date()
        since = (today.weekday() - self.start_day) % _WEEK
        for weeks in (-1, 0, 1):
            day = today + (weeks * _WEEK - since) * _DAY
            start = begins.slot_on(day)
            end = ends.slot_on(day + (self.end_day - self.start_day) % _WEEK * _DAY)
            # From an hour of a day to an earlier one of the same day: nearly a whole week.
            yield FreezeWindow(start, end if end > start else ends.slot_on(day + _WEEK * _DAY))


FreezeRule = FreezeWindow | Weekly


def spans(rules: Sequence[FreezeRule], facts: Facts, now: datetime) -> tuple[FreezeWindow, ...]:
    """The freezes that a decision about this rotation at this time may meet, for `due`."""
    if not rules:
        return ()
    expires_at = known(facts.current.expires_at) if facts.current else None
    return at_times(rules, [now] if expires_at is None else [now, expires_at])


def at_times(rules: Sequence[FreezeRule], times: Collection[datetime]) -> tuple[FreezeWindow, ...]:
    """The ranges, and the weekly windows around those times and around the ends of the ranges; joined where they meet.

    A window that a range runs into prolongs it: whoever must act before the range must act before that window.
    """
    ranges = [rule for rule in rules if isinstance(rule, FreezeWindow)]
    edges = {*times, *(edge for each in ranges for edge in (each.start, each.end))}
    weekly = (window for rule in rules if isinstance(rule, Weekly) for at in edges for window in rule.around(at))
    return joined([*ranges, *weekly])


def thawed(rules: Sequence[FreezeRule], at: datetime) -> datetime:
    """That time, or the end of the freeze it falls into."""
    if not rules:
        return at
    return next((span.end for span in at_times(rules, [at]) if span.start <= at < span.end), at)


def joined(windows: Iterable[FreezeWindow]) -> tuple[FreezeWindow, ...]:
    """The same in order, those that meet or overlap as one."""
    found: list[FreezeWindow] = []
    for window in sorted(windows, key=lambda each: (each.start, each.end)):
        if found and window.start <= found[-1].end:
            found[-1] = FreezeWindow(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return tuple(found)
