"""Do the properties of rotation.md section 4 hold in every zone, across every change of clocks of 2024 to 2030?

The changes are enumerated; zones that agree on all of them are tried once. Intervals of 1 day to 3650
are dealt round, so that each is tried against several changes, both leaving one and landing on one.
"""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rotator.domain.schedule import MAX_INTERVAL, MIN_INTERVAL, Schedule

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FIRST = datetime(2023, 12, 31, tzinfo=UTC)
LAST = datetime(2031, 1, 2, tzinfo=UTC)
ZONES = sorted(zoneinfo.available_timezones())


@dataclass(frozen=True)
class Change:
    """From `at` on, the clock stands `after` ahead of UTC instead of `before`."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True)
class Rules:
    """What distinguishes one zone from another in these years."""

    offset: timedelta
    changes: tuple[Change, ...]

    @property
    def most_shifted(self) -> timedelta:
        offsets = {self.offset, *(change.after for change in self.changes)}
        return max(offsets) - min(offsets)


def test_every_zone_has_its_changes_enumerated() -> None:
    assert sum(len(zones) for zones in zones_by_rules().values()) == len(ZONES) > 400
    oslo = next(rules for rules, zones in zones_by_rules().items() if "Europe/Oslo" in zones)
    assert len(oslo.changes) == 14
    assert oslo.changes[0] == Change(datetime(2024, 3, 31, 1, 0, tzinfo=UTC), timedelta(hours=1), timedelta(hours=2))


def test_a_slot_is_the_first_instant_at_which_the_clock_has_reached_its_time() -> None:
    tried = 0
    for zone, _, change in changes():
        for hour, minute in times_around(change):
            schedule = Schedule(1, hour, minute, zone)
            for days in (-1, 0, 1):
                assert_first_instant(schedule, (change.at + change.before).date() + days * DAY)
                tried += 1
    assert tried > 1000


def test_the_next_slot_keeps_its_promises_when_leaving_a_change_of_clocks() -> None:
    intervals = count(0, 7)  # 7 and 3650 have no common divisor: every interval has its turn
    tried = set()
    for zone, rules, change in changes():
        for hour, minute in times_around(change):
            schedule = Schedule(next(intervals) % MAX_INTERVAL + MIN_INTERVAL, hour, minute, zone)
            tried.add(schedule.interval)
            for t in instants_around(change.at):
                assert_promises(schedule, t, rules.most_shifted)
    assert len(tried) > 1500


def test_the_next_slot_keeps_its_promises_when_landing_on_a_change_of_clocks() -> None:
    intervals = count(3, 11)
    for zone, rules, change in changes():
        for hour, minute in times_around(change):
            days_before = next(intervals) % (change.at - FIRST).days + MIN_INTERVAL
            schedule = Schedule(days_before, hour, minute, zone)
            departure = schedule.slot_on((change.at + change.before).date() - days_before * DAY)
            for t in (departure - SECOND, departure, departure + SECOND, departure + DAY / 2):
                assert_promises(schedule, t, rules.most_shifted)


def test_every_interval_keeps_its_promises() -> None:
    zones = [min(names) for names in zones_by_rules().values()]
    shifts = [rules.most_shifted for rules in zones_by_rules()]
    for interval in range(MIN_INTERVAL, MAX_INTERVAL + 1):
        pick = interval % len(zones)
        schedule = Schedule(interval, interval % 24, interval % 60, zones[pick])
        t = FIRST + interval * DAY * 0.7
        assert_promises(schedule, t, max(shifts[pick], timedelta(hours=1)))


@settings(deadline=None, max_examples=300)
@given(
    zone=st.sampled_from(ZONES),
    interval=st.integers(MIN_INTERVAL, MAX_INTERVAL),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    t=st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31)).map(lambda naive: naive.replace(tzinfo=UTC)),  # noqa: DTZ001
)
def test_any_schedule_keeps_its_promises_at_any_instant(
    zone: str, interval: int, hour: int, minute: int, t: datetime
) -> None:
    # Two hours: Antarctica/Troll, the most that any zone shifts in these years.
    assert_promises(Schedule(interval, hour, minute, zone), t, timedelta(hours=2))


def assert_promises(schedule: Schedule, t: datetime, most_shifted: timedelta) -> None:
    slot = schedule.latest_slot(t)
    assert slot <= t < schedule.first_slot_after(t)
    day = date_of(schedule, slot)
    scheduled = schedule.after_scheduled(t)
    manual = schedule.after_manual(t)
    case = f"{schedule} after {t}: slot {slot}, scheduled {scheduled}, manual {manual}"
    assert t < scheduled < manual, case
    assert scheduled == schedule.slot_on(day + schedule.interval * DAY), case
    assert manual == schedule.slot_on(day + (schedule.interval + 1) * DAY), case
    assert manual - t >= schedule.interval * DAY - most_shifted, case


def assert_first_instant(schedule: Schedule, day: date) -> None:
    slot = schedule.slot_on(day)
    wall = datetime.combine(day, datetime.min.time()).replace(hour=schedule.hour, minute=schedule.minute)
    assert local(schedule, slot) >= wall, f"{schedule} on {day}: {slot} is too early"
    earlier = (slot - SECOND, *(slot - n * timedelta(minutes=15) for n in range(1, 40)))
    assert all(local(schedule, t) < wall for t in earlier), f"{schedule} on {day}: {slot} is too late"


def date_of(schedule: Schedule, slot: datetime) -> date:
    """Name the latest local date that has this slot, found without the code under test's own search."""
    shown = local(schedule, slot).date()
    return max(day for day in (shown - DAY, shown, shown + DAY) if schedule.slot_on(day) == slot)


def local(schedule: Schedule, t: datetime) -> datetime:
    return t.astimezone(zoneinfo.ZoneInfo(schedule.zone)).replace(tzinfo=None)


def times_around(change: Change) -> list[tuple[int, int]]:
    """Give times of day in the gap or fold, at its edges and beyond them."""
    edges = sorted([change.at + change.before, change.at + change.after])
    middle = edges[0] + (edges[1] - edges[0]) / 2
    times = [edges[0] - timedelta(minutes=1), edges[0], middle, edges[1], edges[1] + timedelta(minutes=1)]
    return [(time.hour, time.minute) for time in times]


def instants_around(at: datetime) -> list[datetime]:
    hours = (-24, -2, -1, -0.5, 0, 0.5, 1, 2, 24)
    return [*(at + timedelta(hours=hour) for hour in hours), at - SECOND]


def changes() -> Iterator[tuple[str, Rules, Change]]:
    for rules, zones in zones_by_rules().items():
        for change in rules.changes:
            yield min(zones), rules, change


@cache
def zones_by_rules() -> dict[Rules, tuple[str, ...]]:
    found: dict[Rules, tuple[str, ...]] = {}
    known: dict[bytes, Rules] = {}  # by what describes the zone: every third is another by a second name
    for name in ZONES:
        described = description(name)
        rules = known[described] = known.get(described) or rules_of(zoneinfo.ZoneInfo(name))
        found[rules] = (*found.get(rules, ()), name)
    return found


def description(zone: str) -> bytes:
    """The file that zoneinfo reads: of the machine, else of the package tzdata."""
    kept = [Path(folder, zone) for folder in zoneinfo.TZPATH]
    file = next((path for path in kept if path.is_file()), None) or files("tzdata.zoneinfo").joinpath(zone)
    return file.read_bytes()


def rules_of(zone: zoneinfo.ZoneInfo) -> Rules:
    days = [FIRST + n * DAY for n in range((LAST - FIRST).days)]
    offsets = [offset(zone, day) for day in days]
    pairs = zip(days, offsets, offsets[1:], strict=False)
    return Rules(offsets[0], tuple(change_within(zone, day) for day, before, after in pairs if before != after))


def change_within(zone: zoneinfo.ZoneInfo, day: datetime) -> Change:
    early, late = day, day + DAY
    before, after = offset(zone, early), offset(zone, late)
    while late - early > SECOND:
        middle = early + (late - early) // SECOND // 2 * SECOND
        early, late = (middle, late) if offset(zone, middle) == before else (early, middle)
    return Change(late, before, after)


def offset(zone: zoneinfo.ZoneInfo, t: datetime) -> timedelta:
    found = t.astimezone(zone).utcoffset()
    assert found is not None
    return found
