"""Does the next slot come out as rotation.md section 4 works it out, and at the odd hours of the calendar?"""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from rotator.domain.schedule import Schedule

AT_0230 = Schedule(30, 2, 30)
DAILY_2350 = Schedule(1, 23, 50)
OSLO_0230 = Schedule(1, 2, 30, "Europe/Oslo")
APIA = "Pacific/Apia"
KWAJALEIN = "Pacific/Kwajalein"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "rotated", "how", "following"),
    [
        pytest.param(AT_0230, "2026-03-01 10:00", "manual", "2026-04-01 02:30", id="manual-after-the-slot"),
        pytest.param(AT_0230, "2026-03-01 01:00", "manual", "2026-03-31 02:30", id="manual-before-the-slot"),
        pytest.param(AT_0230, "2026-03-01 02:30:00", "manual", "2026-04-01 02:30", id="manual-at-the-slot"),
        pytest.param(AT_0230, "2026-03-01 02:30:07", "scheduled", "2026-03-31 02:30", id="scheduled-7-s-late"),
        pytest.param(AT_0230, "2026-03-01 09:15", "scheduled", "2026-03-31 02:30", id="scheduled-7-h-late"),
        pytest.param(
            DAILY_2350, "2026-03-02 00:04", "scheduled", "2026-03-02 23:50", id="late-past-midnight-no-day-lost"
        ),
        pytest.param(AT_0230, "2026-03-01 10:00", "creation", "2026-04-01 02:30", id="creation-issued-at-once"),
        pytest.param(OSLO_0230, "2026-03-28 01:30", "scheduled", "2026-03-29 01:00", id="oslo-into-the-spring-gap"),
        pytest.param(OSLO_0230, "2026-10-25 00:30", "scheduled", "2026-10-26 01:30", id="oslo-first-of-two-in-autumn"),
        pytest.param(OSLO_0230, "2026-10-25 01:10", "scheduled", "2026-10-26 01:30", id="oslo-late-between-the-two"),
    ],
)
def test_the_worked_table_of_the_specification(schedule: Schedule, rotated: str, how: str, following: str) -> None:
    next_after = schedule.after_scheduled if how == "scheduled" else schedule.after_manual
    assert next_after(utc(rotated)) == utc(following)


def test_a_slot_in_a_spring_gap_is_the_first_instant_that_exists() -> None:
    assert OSLO_0230.slot_on(date(2026, 3, 29)) == utc("2026-03-29 01:00")
    assert Schedule(1, 2, 0, "Europe/Oslo").slot_on(date(2026, 3, 29)) == utc("2026-03-29 01:00")
    assert Schedule(1, 3, 0, "Europe/Oslo").slot_on(date(2026, 3, 29)) == utc("2026-03-29 01:00")
    assert Schedule(1, 1, 59, "Europe/Oslo").slot_on(date(2026, 3, 29)) == utc("2026-03-29 00:59")


def test_a_slot_in_an_autumn_fold_is_the_first_of_the_two() -> None:
    assert OSLO_0230.slot_on(date(2026, 10, 25)) == utc("2026-10-25 00:30")


def test_the_second_of_the_two_is_no_slot() -> None:
    assert OSLO_0230.latest_slot(utc("2026-10-25 01:30")) == utc("2026-10-25 00:30")
    assert OSLO_0230.first_slot_after(utc("2026-10-25 00:30")) == utc("2026-10-26 01:30")


def test_a_gap_of_half_an_hour_is_left_where_it_ends() -> None:
    lord_howe = Schedule(1, 2, 10, "Australia/Lord_Howe")
    assert lord_howe.slot_on(date(2026, 10, 4)) == utc("2026-10-03 15:30")


def test_a_gap_at_midnight_stays_on_its_date() -> None:
    beirut = Schedule(1, 0, 0, "Asia/Beirut")
    assert beirut.slot_on(date(2026, 3, 29)) == utc("2026-03-28 22:00")


def test_a_fold_back_over_midnight_does_not_bring_yesterday_back() -> None:
    # St John's, 2006-10-29 00:01 became 2006-10-28 23:01: midnight came twice, the slot once.
    midnight = Schedule(1, 0, 0, "America/St_Johns")
    slot = utc("2006-10-29 02:30")
    assert midnight.slot_on(date(2006, 10, 29)) == slot
    assert midnight.latest_slot(utc("2006-10-29 02:45")) == slot
    assert midnight.first_slot_after(utc("2006-10-29 02:45")) == utc("2006-10-30 03:30")


def test_a_fold_up_to_midnight_has_one_slot() -> None:
    # Santiago, 2026-04-05 00:00 becomes 2026-04-04 23:00.
    late = Schedule(1, 23, 30, "America/Santiago")
    slot = utc("2026-04-05 02:30")
    assert late.slot_on(date(2026, 4, 4)) == slot
    assert late.latest_slot(utc("2026-04-05 03:10")) == slot
    assert late.first_slot_after(utc("2026-04-05 03:10")) == utc("2026-04-06 03:30")


@pytest.mark.parametrize(
    ("zone", "skipped", "skip"),
    [(APIA, date(2011, 12, 30), "2011-12-30 10:00"), (KWAJALEIN, date(1993, 8, 21), "1993-08-21 12:00")],
)
def test_a_date_that_a_zone_skipped_has_its_slot_at_the_skip(zone: str, skipped: date, skip: str) -> None:
    daily = Schedule(1, 2, 30, zone)
    day = timedelta(days=1)
    assert daily.slot_on(skipped) == utc(skip)
    assert daily.after_scheduled(daily.slot_on(skipped - day)) == utc(skip)
    assert daily.after_scheduled(utc(skip)) == daily.slot_on(skipped + day) > utc(skip)


def test_where_the_skipped_midnight_and_the_next_are_one_instant_nothing_is_due_twice() -> None:
    daily = Schedule(1, 0, 0, APIA)
    skip = utc("2011-12-30 10:00")
    assert daily.slot_on(date(2011, 12, 30)) == daily.slot_on(date(2011, 12, 31)) == skip
    assert daily.after_scheduled(skip) == daily.slot_on(date(2012, 1, 1)) > skip


def test_a_date_that_a_zone_lived_twice_has_one_slot() -> None:
    daily = Schedule(1, 2, 30, KWAJALEIN)  # 30 September 1969 came twice, the clock going back by 23 hours
    first = daily.slot_on(date(1969, 9, 30))
    assert first == utc("1969-09-29 15:30")
    assert daily.first_slot_after(first) == daily.slot_on(date(1969, 10, 1)) == utc("1969-10-01 14:30")
    assert daily.latest_slot(utc("1969-10-01 00:00")) == first


def test_a_gap_of_odd_seconds_is_found_to_the_second() -> None:
    monrovia = Schedule(1, 0, 30, "Africa/Monrovia")  # 1972-01-07 00:00:00 became 00:44:30
    assert monrovia.slot_on(date(1972, 1, 7)) == utc("1972-01-07 00:44:30")


def test_the_longest_interval_ends_ten_years_on() -> None:
    assert Schedule(3650).after_scheduled(utc("2026-01-01 00:00")) == utc("2035-12-30 00:00")


def test_an_instant_may_be_given_in_any_zone() -> None:
    elsewhere = datetime(2026, 3, 1, 11, 0, tzinfo=timezone(timedelta(hours=9)))
    assert AT_0230.after_manual(elsewhere) == AT_0230.after_manual(elsewhere.astimezone(UTC))
    assert AT_0230.after_manual(elsewhere).tzinfo is UTC
    assert OSLO_0230.after_manual(elsewhere).tzinfo is UTC


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        AT_0230.latest_slot(datetime(2026, 3, 1, 10, 0))  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"interval": 0}, r"interval: 0 .*1 to 3650"),
        ({"interval": 4000}, r"interval: 4000 .*1 to 3650"),
        ({"interval": 1.5}, r"interval: 1.5 .*whole number"),
        ({"interval": True}, r"interval: True .*whole number"),
        ({"interval": 1, "hour": 24}, r"hours: 24 .*0 to 23"),
        ({"interval": 1, "minute": -1}, r"minutes: -1 .*0 to 59"),
        ({"interval": 1, "zone": "Europe/Olso"}, "'Europe/Olso' is unknown"),
        ({"interval": 1, "zone": ""}, "'' is unknown"),
        ({"interval": 1, "zone": "../etc/passwd"}, "is unknown"),
        ({"interval": 1, "zone": "Europe"}, "'Europe' is unknown"),
        ({"interval": 1, "zone": "a\0b"}, "is unknown"),
    ],
)
def test_values_that_can_never_be_met_are_refused_in_plain_words(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Schedule(**values)  # type: ignore[arg-type]
