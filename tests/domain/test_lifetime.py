"""How long does a secret have to live, and what does a tenant's policy leave of it? (rotation.md section 5, law L10)"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.lifetime import allowed_lifetime, least_lifetime, longest_interval, margin
from rotator.domain.schedule import Schedule
from tests.builders import a_rotation

DAY = timedelta(days=1)


@pytest.mark.parametrize(("interval", "expected"), [(1, 3), (30, 3), (31, 3.1), (60, 6), (365, 36.5)])
def test_the_margin_is_three_days_or_a_tenth_of_the_interval(interval: int, expected: float) -> None:
    assert margin(interval * DAY) == expected * DAY


@pytest.mark.parametrize(
    ("interval", "overlap", "expected"),
    [(30, None, 63 * DAY), (30, 2 * DAY, 35 * DAY), (30, 0 * DAY, 33 * DAY), (60, None, 126 * DAY)],
)
def test_L10_a_secret_outlives_interval_overlap_and_margin(
    interval: int, overlap: timedelta | None, expected: timedelta
) -> None:
    assert least_lifetime(interval * DAY, overlap) == expected


def test_without_a_cap_the_rotation_has_the_lifetime_it_asks_for() -> None:
    assert allowed_lifetime(a_rotation(), None) == 63 * DAY


def test_a_cap_above_the_lifetime_changes_nothing() -> None:
    assert allowed_lifetime(a_rotation(), 180 * DAY) == 63 * DAY


def test_a_cap_below_the_lifetime_is_taken_while_a_late_rotation_is_no_outage() -> None:
    assert allowed_lifetime(a_rotation(lifetime=180 * DAY), 90 * DAY) == 90 * DAY


def test_L10_a_cap_below_interval_overlap_and_margin_is_refused() -> None:
    assert allowed_lifetime(a_rotation(), 62 * DAY) is None


@pytest.mark.parametrize(("cap", "overlap", "expected"), [(63, None, 30), (180, None, 85), (33, 0, 30), (2, None, 0)])
def test_the_longest_interval_under_a_cap_is_told(cap: int, overlap: int | None, expected: int) -> None:
    rotation = a_rotation(overlap=None if overlap is None else overlap * DAY)
    assert longest_interval(rotation, cap * DAY) == expected


@given(st.integers(0, 800), st.one_of(st.none(), st.integers(0, 100)))
def test_the_longest_interval_works_and_one_more_day_does_not(cap: int, overlap: int | None) -> None:
    rotation = a_rotation(overlap=None if overlap is None else overlap * DAY, lifetime=5000 * DAY)
    days = longest_interval(rotation, cap * DAY)

    def fits(interval: int) -> bool:
        schedule = Schedule(interval, 2, 30)
        return allowed_lifetime(replace(rotation, schedule=schedule), cap * DAY) is not None

    assert days == 0 or fits(days)
    assert days >= 3650 or not fits(days + 1)
