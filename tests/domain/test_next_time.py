"""What are people shown as the time of the next rotation?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rotator.domain.due import next_rotation_at
from rotator.domain.model import Initial
from tests.builders import a_rotation, an_attempt
from tests.domain.due_facts import (
    DAY,
    HOUR,
    NEAR,
    SLOT,
    failed,
    new,
    rotated,
    ruled,
    switched,
)
from tests.fakes import START


class TestNextRotationAt:
    """What people are shown."""

    def test_it_is_the_next_slot(self) -> None:
        assert next_rotation_at(rotated()) == SLOT
        assert next_rotation_at(rotated(last_manual=True)) == SLOT + DAY

    def test_it_is_the_retry_when_failed(self) -> None:
        assert next_rotation_at(failed(SLOT, SLOT + HOUR)) == SLOT + HOUR
        assert next_rotation_at(replace(rotated(), attempt=an_attempt(resume_at=SLOT + HOUR))) == SLOT + HOUR

    def test_it_is_none_when_automatic_rotation_is_off(self) -> None:
        assert next_rotation_at(ruled(rotated(), auto=False)) is None
        assert next_rotation_at(ruled(failed(SLOT, SLOT + HOUR), auto=False)) is None

    def test_it_is_none_while_paused_and_once_the_definition_is_gone(self) -> None:
        assert next_rotation_at(switched(rotated(), paused=True)) is None
        assert next_rotation_at(switched(rotated(), retired_at=START)) is None

    def test_it_is_the_creation_or_the_first_slot_before_the_first_rotation(self) -> None:
        assert next_rotation_at(new()) == START
        assert next_rotation_at(new(auto=False)) == START
        assert next_rotation_at(new(initial=Initial.WAIT)) == datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
        assert next_rotation_at(new(initial=Initial.ADOPT)) is None

    def test_it_is_the_turn_to_near_expiry_where_that_comes_first(self) -> None:
        assert next_rotation_at(ruled(rotated(), schedule=replace(a_rotation().schedule, interval=365))) == NEAR

    def test_it_is_unknown_where_nothing_is_known(self) -> None:
        assert next_rotation_at(replace(rotated(anchor_at=None), credentials=())) is None

    def test_it_follows_an_edit_that_lands_in_the_past(self) -> None:
        facts = switched(rotated(), changed_at=SLOT + HOUR)
        assert next_rotation_at(facts) == SLOT + DAY
