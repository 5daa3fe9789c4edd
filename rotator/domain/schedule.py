"""When is the next slot? From an interval in days and a time of day, on the clock of a zone, to an instant.

A *slot* is the instant of that time of day on one local date. It is the first instant at which the
local clock shows that time or a later one; so in a spring gap it is the first instant that exists,
in an autumn fold the first of the two, and on a date that a zone skipped altogether (Pacific/Apia,
30 December 2011) the instant of the skip. Defined so, slots never run backwards as dates advance.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

MIN_INTERVAL = 1
MAX_INTERVAL = 3650
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every `interval` local dates at `hour`:`minute` on the clock of `zone`, an IANA name.

    `interval` is in whole days, 1 to 3650. Raises ValueError, in words fit for a user, when a value
    is out of range or the zone is unknown. Instants given must be aware; those returned are in UTC.
    """

    interval: int
    hour: int = 0
    minute: int = 0
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse what could never be met."""
        _whole("interval", self.interval, least=MIN_INTERVAL, most=MAX_INTERVAL)
        _whole("hours", self.hour, least=0, most=23)
        _whole("minutes", self.minute, least=0, most=59)
        _zone(self.zone)

    def slot_on(self, day: date) -> datetime:
        """Return the slot of that local date; OverflowError at the very ends of the calendar."""
        wall = datetime.combine(day, time(self.hour, self.minute))
        if self.zone == "UTC":
            return wall.replace(tzinfo=UTC)
        zone = _zone(self.zone)
        # fold=0 is the first of two in a fold; in a gap it counts with the offset before the
        # change, and fold=1 with the one after, which is then the larger (PEP 495).
        before = wall.replace(tzinfo=zone).astimezone(UTC)
        after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if after >= before:
            return before
        return _end_of_gap(wall, zone, early=after, late=before)

    def latest_slot(self, t: datetime) -> datetime:
        """Return the latest slot at or before `t`."""
        return self.slot_on(self._date_of_latest(t))

    def first_slot_after(self, t: datetime) -> datetime:
        """Return the first slot strictly after `t`."""
        return self._slot_later(t, dates=1)

    def after_scheduled(self, t: datetime) -> datetime:
        """Return the slot `interval` local dates after that of the latest slot at or before `t`.

        `t` is when the promoted credential was issued; give the slot it ran for where that is
        later. A late run does not push the rhythm back.
        """
        return self._slot_later(t, dates=self.interval)

    def after_manual(self, t: datetime) -> datetime:
        """Return the next slot after a manual rotation, or a creation, at `t`.

        One date further than after a scheduled one, so that a full interval passes, up to what the
        zone may shift its clock by.
        """
        return self._slot_later(t, dates=self.interval + 1)

    def _slot_later(self, t: datetime, *, dates: int) -> datetime:
        return self.slot_on(self._date_of_latest(t) + dates * _DAY)

    def _date_of_latest(self, t: datetime) -> date:
        if t.tzinfo is None:
            raise ValueError(f"{t.isoformat()} has no time zone")
        # A fold across midnight shows yesterday's date again after today's slot has passed:
        # so the search begins a day ahead. It ends within three steps.
        day = t.astimezone(_zone(self.zone)).date() + _DAY
        while self.slot_on(day) > t:
            day -= _DAY
        return day


def _end_of_gap(wall: datetime, zone: tzinfo, *, early: datetime, late: datetime) -> datetime:
    """Find, by halving, the change of clocks that jumps over `wall`; it lies in (early, late]."""
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late


def _whole(name: str, value: int, *, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name}: {value!r} is not allowed (a whole number from {least} to {most})")


@cache
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"time zone: {name!r} is unknown (an IANA name such as Europe/Oslo)") from None
