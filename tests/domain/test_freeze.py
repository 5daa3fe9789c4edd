"""When do changes rest, on which clock, and what is joined?"""

from __future__ import annotations

from datetime import UTC, datetime

from rotator.domain.due import due
from rotator.domain.freeze import FreezeRule, Weekly, at_times, joined, spans, thawed
from rotator.domain.model import FreezeWindow
from tests.domain.due_facts import DAY, EXPIRY, HOUR, MINUTE, SLOT, reason, rotated

#: Friday 18:00 to Monday 06:00.
WEEKEND = Weekly(4, 18, 0, 0, 6, 0)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_weekly_window_comes_back_every_week() -> None:
    for friday in ("2026-03-06", "2026-03-13"):
        start = at(f"{friday} 18:00")
        assert thawed([WEEKEND], start - MINUTE) == start - MINUTE
        assert thawed([WEEKEND], start) == thawed([WEEKEND], start + 59 * HOUR) == start + 60 * HOUR
        assert thawed([WEEKEND], start + 60 * HOUR) == start + 60 * HOUR


def test_a_window_within_one_day_ends_that_day_and_one_to_an_earlier_hour_a_week_later() -> None:
    noon = Weekly(2, 11, 0, 2, 13, 0)
    most = Weekly(2, 13, 0, 2, 11, 0)

    assert thawed([noon], at("2026-03-04 12:00")) == at("2026-03-04 13:00")
    assert thawed([most], at("2026-03-04 13:00")) == at("2026-03-11 11:00")
    assert thawed([most], at("2026-03-04 12:00")) == at("2026-03-04 12:00")


def test_a_weekly_window_follows_the_clock_of_its_zone_over_a_change() -> None:
    oslo = Weekly(4, 18, 0, 0, 6, 0, zone="Europe/Oslo")

    [weekend] = [span for span in at_times([oslo], [at("2026-03-28 12:00")]) if span.start.day == 27]

    assert (weekend.start, weekend.end) == (at("2026-03-27 17:00"), at("2026-03-30 04:00"))


def test_windows_that_meet_or_overlap_are_one() -> None:
    first, second, apart = (FreezeWindow(SLOT + n * DAY, SLOT + m * DAY) for n, m in ((0, 2), (2, 3), (4, 5)))

    assert joined([apart, second, first]) == (FreezeWindow(SLOT, SLOT + 3 * DAY), apart)


def test_a_range_that_a_weekly_window_runs_into_begins_with_that_window() -> None:
    # Monday 05:00, within the weekend, to a Wednesday.
    range_ = FreezeWindow(at("2026-03-09 05:00"), at("2026-03-11 00:00"))

    assert FreezeWindow(at("2026-03-06 18:00"), range_.end) in at_times([range_, WEEKEND], [at("2026-01-01 00:00")])


def test_what_comes_due_in_a_weekly_window_is_rotated_at_its_end() -> None:
    facts = rotated()
    # The slot is a Tuesday at 02:30.
    rules: list[FreezeRule] = [Weekly(0, 0, 0, 2, 0, 0)]

    assert reason(due(facts, SLOT, freeze=spans(rules, facts, SLOT))) == "FREEZE_WINDOW"
    end = thawed(rules, SLOT)
    assert end == at("2026-04-01 00:00")
    assert reason(due(facts, end, freeze=spans(rules, facts, end))) == "INTERVAL_ELAPSED"


def test_an_expiry_in_a_weekly_window_to_come_draws_the_rotation_before_it() -> None:
    facts = rotated(anchor_at=None)
    rules: list[FreezeRule] = [Weekly(*_around(EXPIRY))]
    drawn = EXPIRY - HOUR - facts.rotation.renew_before

    assert reason(due(facts, drawn - MINUTE, freeze=spans(rules, facts, drawn - MINUTE))) == "NOT_YET"
    assert reason(due(facts, drawn, freeze=spans(rules, facts, drawn))) == "NEAR_EXPIRY"


def test_without_rules_nothing_rests() -> None:
    assert spans([], rotated(), SLOT) == ()


def _around(moment: datetime) -> tuple[int, int, int, int, int, int]:
    """From an hour before to an hour after."""
    before, after = moment - HOUR, moment + HOUR
    return (before.weekday(), before.hour, before.minute, after.weekday(), after.hour, after.minute)
