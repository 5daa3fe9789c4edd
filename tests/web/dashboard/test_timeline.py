"""Is as much time drawn as a rotation's interval asks for, and does nothing lie upon anything else?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.overview import Life
from rotator.domain.schedule import Schedule
from rotator.web.dashboard.timeline import Span, lane
from rotator.web.dashboard.words import seconds
from tests.builders import a_credential, a_rotation, an_attempt, some_facts
from tests.fakes import START

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("interval", "zoom"),
    [(1, "week"), (2, "week"), (3, "month"), (10, "month"), (11, "year"), (60, "year"), (3650, "year")],
)
def test_a_rotations_page_shows_its_next_two_or_a_year(interval: int, zoom: str) -> None:
    span, found = Span.fitting(START, Schedule(interval, 2, 30, "UTC"))
    assert found == zoom
    assert span == Span.around(START, zoom)
    assert span.holds(START + 2 * interval * DAY) or zoom == "year"


def test_marks_lie_above_the_bars_and_bars_that_overlap_below_one_another() -> None:
    facts = some_facts(replace(a_rotation(), schedule=Schedule(30, 2, 30, "UTC")))
    old = a_credential(starts_at=START - 3 * DAY, expires_at=START + 9 * DAY)
    new = replace(old, key_id="another", starts_at=START - DAY)
    drawn = lane(facts, Life((old, new), (an_attempt(started_at=START - DAY),)), Span.around(START, "month"))

    first, second = drawn.bars
    assert second.y >= first.y + 8  # as high as a bar is drawn
    assert drawn.marks_at + 5 <= first.y
    assert drawn.height >= second.y + 8
    assert {mark.kind for mark in drawn.marks} >= {"open"}


@pytest.mark.parametrize(
    ("count", "said"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min"), (365.6, "6 min 5 s"), (3700, "1 h 1 min")]
)
def test_a_long_step_is_told_in_minutes(count: float, said: str) -> None:
    assert seconds(count) == said
