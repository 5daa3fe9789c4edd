"""Do L9, unknown is never due, and L14, the blast radius is bounded, hold for what is due?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.due import Due, NotDue, Reason, due, spread
from rotator.domain.model import FreezeWindow, Initial, Standing
from tests.builders import a_credential, an_attempt
from tests.domain.due_facts import (
    DAY,
    EPOCH,
    HOUR,
    MINUTE,
    NEAR,
    SLOT,
    STORM,
    ZERO,
    failed,
    new,
    reason,
    rotated,
    ruled,
    switched,
)
from tests.fakes import START


class TestL9:
    """Unknown is never due; nothing is skipped and no storm is made."""

    @pytest.mark.parametrize("anchor", [None, ZERO, EPOCH, START + 400 * DAY, datetime.max.replace(tzinfo=UTC)])
    def test_L9_a_missing_zero_or_future_time_of_the_last_rotation_is_never_due(self, anchor: datetime | None) -> None:
        facts = replace(rotated(anchor_at=anchor), credentials=())
        assert reason(due(facts, SLOT + 300 * DAY)) == "NOT_YET"

    @pytest.mark.parametrize("expires_at", [ZERO, EPOCH])
    def test_L9_a_zero_expiry_is_never_near(self, expires_at: datetime) -> None:
        facts = replace(rotated(), credentials=(a_credential(expires_at=expires_at),))
        assert due(facts, START + DAY) == NotDue(Reason.NOT_YET, SLOT, SLOT)

    @pytest.mark.parametrize("retry_at", [None, ZERO, EPOCH])
    def test_L9_a_missing_or_zero_retry_time_is_no_reason_to_retry(self, retry_at: datetime | None) -> None:
        facts = replace(rotated(failures=2, retry_at=retry_at))
        assert reason(due(facts, START + DAY)) == "NOT_YET"

    def test_L9_a_first_rotation_that_failed_without_a_retry_time_is_not_due(self) -> None:
        facts = replace(new(), standing=Standing("rotation-1", failures=1))
        assert due(facts, START + 900 * DAY) == NotDue(Reason.NOT_YET)

    @pytest.mark.parametrize("created_at", [ZERO, EPOCH, START + 900 * DAY])
    def test_L9_a_zero_or_future_creation_makes_no_first_slot_due(self, created_at: datetime) -> None:
        facts = switched(new(initial=Initial.WAIT), created_at=created_at)
        assert reason(due(facts, START + 600 * DAY)) == "NOT_YET"

    def test_L9_never_rotated_follows_from_the_recorded_state_alone(self) -> None:
        unknown = Standing("rotation-1", state="active")
        assert due(replace(new(), standing=unknown), START + 900 * DAY) == NotDue(Reason.NOT_YET)
        assert reason(due(switched(new(), created_at=ZERO), START)) == "NEVER_ROTATED"

    def test_L9_a_new_name_on_a_living_credential_does_not_rotate_it_at_once(self) -> None:
        facts = replace(new(), credentials=(a_credential(),))
        assert due(facts, START + DAY) == NotDue(Reason.NOT_YET, NEAR, NEAR)

    def test_L9_a_definition_that_waits_is_due_at_the_first_slot_after_its_creation(self) -> None:
        first = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
        facts = new(initial=Initial.WAIT)
        assert due(facts, START) == NotDue(Reason.NOT_YET, first, first)
        assert due(facts, first) == Due(Reason.NEVER_ROTATED, manual=True)
        assert reason(due(ruled(facts, auto=False), first)) == "AUTO_ROTATION_OFF"

    def test_L9_a_definition_that_adopts_never_issues_by_itself(self) -> None:
        assert due(new(initial=Initial.ADOPT), START + 900 * DAY) == NotDue(Reason.NOT_YET)

    def test_L9_an_edit_that_lands_in_the_past_is_due_at_the_next_slot(self) -> None:
        edited = SLOT + 5 * DAY + HOUR
        following = SLOT + 6 * DAY
        facts = switched(rotated(), changed_at=edited)
        assert due(facts, edited) == NotDue(Reason.NOT_YET, following, following)
        assert due(facts, following + DAY) == Due(Reason.INTERVAL_ELAPSED, following)

    def test_L9_an_edit_before_the_slot_moves_nothing(self) -> None:
        assert reason(due(switched(rotated(), changed_at=SLOT - MINUTE), SLOT)) == "INTERVAL_ELAPSED"

    def test_L9_an_edit_at_the_very_slot_waits_for_the_next_one(self) -> None:
        assert due(switched(rotated(), changed_at=SLOT), SLOT) == NotDue(Reason.NOT_YET, SLOT + DAY, SLOT + DAY)

    def test_L9_a_resume_long_after_a_failure_is_due_at_the_next_slot(self) -> None:
        resumed = SLOT + 5 * DAY + HOUR
        facts = switched(failed(SLOT, SLOT + HOUR), changed_at=resumed)
        assert reason(due(facts, resumed)) == "NOT_YET"
        assert reason(due(facts, SLOT + 6 * DAY)) == "RETRY"

    def test_L9_a_resume_does_not_delay_what_is_lost_or_near_its_end(self) -> None:
        assert reason(due(switched(rotated(), changed_at=NEAR), NEAR)) == "NEAR_EXPIRY"
        assert reason(due(switched(rotated(current_lost=True), changed_at=SLOT), SLOT)) == "CURRENT_LOST"

    def test_L9_an_old_credential_that_is_adopted_is_due_at_the_next_slot_and_not_at_once(self) -> None:
        facts = switched(rotated(anchor_at=START - 200 * DAY), created_at=START)
        following = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
        assert due(facts, START) == NotDue(Reason.NOT_YET, following, following)

    def test_L9_a_long_outage_skips_nothing_and_is_caught_up_once(self) -> None:
        late = SLOT + 20 * DAY
        assert due(rotated(), late) == Due(Reason.INTERVAL_ELAPSED, SLOT)
        facts = replace(rotated(anchor_at=late), credentials=(a_credential(expires_at=late + 63 * DAY),))
        assert due(facts, late) == NotDue(Reason.NOT_YET, late + 30 * DAY, late + 30 * DAY)


class TestL14:
    """The blast radius is bounded."""

    def test_L14_the_spread_is_stable_and_different_for_each(self) -> None:
        assert spread("rotation-1", 100) == spread("rotation-1", 100)
        assert len({spread(f"rotation-{n}", 1000) for n in range(1000)}) == 1000

    @pytest.mark.parametrize(("same", "window"), [(0, 0), (1, 0.1), (1000, 100), (9000, 900), (100_000, 900)])
    def test_L14_the_spread_grows_with_the_number_up_to_15_minutes(self, same: int, window: float) -> None:
        phases = [spread(f"rotation-{n}", same) for n in range(500)]
        assert min(phases) >= timedelta(0)
        assert max(phases) <= timedelta(seconds=window)
        assert max(phases) >= timedelta(seconds=window) * 0.98

    def test_L14_the_spread_is_even(self) -> None:
        quarters = [int(spread(f"rotation-{n}", 9000) / timedelta(seconds=225)) for n in range(4000)]
        assert all(900 < quarters.count(quarter) < 1100 for quarter in range(4))

    def test_L14_ten_rotations_a_second_stay_within_the_write_quota_of_graph(self) -> None:
        begun = sorted(spread(f"rotation-{n}", 5000) for n in range(5000))
        busiest = max(sum(1 for at in begun if start <= at < start + timedelta(seconds=150)) for start in begun[::50])
        assert busiest * 2 <= 3000 * 1.1  # addPassword and removePassword, and a little for chance

    def test_L14_jitter_never_moves_the_gate(self) -> None:
        facts = rotated()
        assert spread(facts.rotation.id, 9000) > timedelta(0)
        assert reason(due(facts, SLOT)) == "INTERVAL_ELAPSED"

    def test_L14_a_storm_holds_first_rotations_and_retries_too(self) -> None:
        assert reason(due(replace(new(), health=STORM), START)) == "STORM_LIMIT"
        assert reason(due(replace(failed(START, START + MINUTE), health=STORM), START + MINUTE)) == "STORM_LIMIT"

    def test_L14_a_storm_does_not_stop_what_has_been_begun(self) -> None:
        facts = replace(rotated(), health=STORM, attempt=an_attempt())
        assert reason(due(facts, START)) == "ATTEMPT_OPEN"
        assert reason(due(facts, START, freeze=[FreezeWindow(START, SLOT)])) == "ATTEMPT_OPEN"
