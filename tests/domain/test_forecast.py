"""Are the runs to come those that `due` would bring about?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rotator.domain.forecast import Run, forecast
from rotator.domain.model import Initial, Limits, Standing
from tests.builders import a_credential, a_request, a_rotation, some_facts
from tests.fakes import START

LIMITS = Limits()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_a_new_one_comes_now_and_then_a_full_interval_later() -> None:
    runs = forecast(some_facts(), START, 3, limits=LIMITS)
    assert runs == [
        Run(START, "NEVER_ROTATED"),
        Run(utc(2026, 4, 1, 2, 30), "INTERVAL_ELAPSED"),
        Run(utc(2026, 5, 1, 2, 30), "INTERVAL_ELAPSED"),
    ]


def test_one_that_has_rotated_comes_at_its_slot_and_every_interval_after_it() -> None:
    standing = Standing("rotation-1", state="active", anchor_at=utc(2026, 3, 1, 2, 30), last_rotated_at=START)
    facts = some_facts(standing=standing, credentials=(a_credential(),))
    runs = forecast(facts, START, 2, limits=LIMITS)
    assert [run.at for run in runs] == [utc(2026, 3, 31, 2, 30), utc(2026, 4, 30, 2, 30)]


def test_a_request_comes_first() -> None:
    standing = Standing("rotation-1", state="active", anchor_at=START, last_rotated_at=START)
    facts = some_facts(standing=standing, credentials=(a_credential(),), requests=(a_request(at=START),))
    assert forecast(facts, START + timedelta(minutes=1), 1, limits=LIMITS)[0].reason == "REQUESTED"


def test_what_nothing_brings_about_has_no_time() -> None:
    paused = some_facts(switches=replace(some_facts().switches, paused=True))
    assert forecast(paused, START, 5, limits=LIMITS) == [Run(None, "PAUSED")]


def test_without_auto_rotation_there_is_no_next_one() -> None:
    facts = some_facts(a_rotation(auto=False, initial=Initial.ROTATE))
    assert len(forecast(facts, START, 5, limits=LIMITS)) == 1
