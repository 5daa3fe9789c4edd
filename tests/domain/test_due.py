"""Is a rotation due exactly when rotation.md section 3 says, and for that reason?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.due import Due, NotDue, Reason, due
from rotator.domain.model import FreezeWindow, Limits, Standing
from tests.builders import a_rotation, an_attempt
from tests.domain.due_facts import (
    DAY,
    EXPIRY,
    HOUR,
    MINUTE,
    NEAR,
    SLOT,
    STORM,
    asked,
    broken,
    failed,
    new,
    reason,
    rotated,
    ruled,
    switched,
)
from tests.fakes import START

CODES = """
    REQUESTED NEVER_ROTATED ATTEMPT_OPEN INTERVAL_ELAPSED NEAR_EXPIRY CURRENT_LOST RETRY
    PAUSED AUTO_ROTATION_OFF NOT_YET BACKING_OFF STORM_LIMIT FREEZE_WINDOW AWAITING_APPROVAL CLOCK_SUSPECT
    STATE_OLDER_THAN_ENTRA CONNECTION_BROKEN
"""


def test_the_codes_are_those_of_the_specification() -> None:
    assert {reason.value for reason in Reason} == set(CODES.split())


class TestDue:
    """One test a reason to rotate."""

    def test_a_new_rotation_is_due_at_once_and_counts_as_manual(self) -> None:
        assert due(new(), START) == Due(Reason.NEVER_ROTATED, manual=True)

    def test_a_request_is_due_at_once_and_counts_as_manual(self) -> None:
        facts = asked(rotated(), START + DAY)
        assert due(facts, START + DAY) == Due(Reason.REQUESTED, manual=True, request=facts.requests[0])

    @pytest.mark.parametrize("kind", ["revoke", "deliver", "adopt", "forget"])
    def test_a_request_for_something_else_makes_no_rotation_due(self, kind: str) -> None:
        assert reason(due(asked(rotated(), START, kind), START)) == "NOT_YET"

    def test_a_compromised_request_comes_before_an_older_plain_one(self) -> None:
        facts = asked(asked(rotated(), START), START + HOUR, "compromised", "request-2")
        answer = due(facts, START + HOUR)
        assert isinstance(answer, Due)
        assert answer.request is facts.requests[1]

    def test_the_interval_is_over_at_its_slot_and_not_before(self) -> None:
        assert due(rotated(), SLOT - timedelta(microseconds=1)) == NotDue(Reason.NOT_YET, SLOT, SLOT)
        assert due(rotated(), SLOT) == Due(Reason.INTERVAL_ELAPSED, SLOT)

    def test_the_slot_it_runs_for_stays_the_same_however_late_it_runs(self) -> None:
        assert due(rotated(), SLOT + 9 * DAY) == Due(Reason.INTERVAL_ELAPSED, SLOT)

    def test_after_a_manual_rotation_a_full_interval_passes(self) -> None:
        assert due(rotated(last_manual=True), SLOT) == NotDue(Reason.NOT_YET, SLOT + DAY, SLOT + DAY)

    def test_a_credential_with_less_than_half_its_margin_left_is_due(self) -> None:
        facts = ruled(rotated(), schedule=replace(a_rotation().schedule, interval=365))
        assert due(facts, NEAR - timedelta(seconds=1)) == NotDue(Reason.NOT_YET, NEAR, NEAR)
        assert due(facts, NEAR) == Due(Reason.NEAR_EXPIRY, limited=False)

    def test_renew_before_sets_how_near_the_expiry_may_come(self) -> None:
        facts = ruled(rotated(), renew_before=40 * DAY)
        assert reason(due(facts, EXPIRY - 40 * DAY)) == "NEAR_EXPIRY"

    def test_an_expired_credential_is_still_due(self) -> None:
        assert reason(due(rotated(), EXPIRY + 100 * DAY)) == "NEAR_EXPIRY"

    def test_a_current_credential_recorded_as_lost_is_due(self) -> None:
        assert due(rotated(current_lost=True), START + DAY) == Due(Reason.CURRENT_LOST)

    def test_a_current_credential_merely_missed_once_is_not_due(self) -> None:
        assert reason(due(rotated(missing_since=START), START + DAY)) == "NOT_YET"

    def test_a_failed_rotation_is_due_again_at_its_retry(self) -> None:
        facts = failed(SLOT, SLOT + 4 * MINUTE)
        assert due(facts, SLOT + 4 * MINUTE) == Due(Reason.RETRY, SLOT)

    def test_the_retry_of_a_manual_rotation_is_manual(self) -> None:
        facts = failed(START + DAY, START + DAY + MINUTE)
        assert due(facts, START + DAY + MINUTE) == Due(Reason.RETRY, manual=True)

    def test_the_retry_of_a_first_rotation_is_manual(self) -> None:
        facts = replace(new(), standing=Standing("rotation-1", failures=1, retry_at=START + MINUTE))
        assert due(facts, START + MINUTE) == Due(Reason.RETRY, manual=True)

    def test_an_open_attempt_is_resumed_at_once_with_its_own_slot(self) -> None:
        facts = replace(rotated(), attempt=an_attempt(manual=False, due_slot=SLOT))
        assert due(facts, SLOT + HOUR) == Due(Reason.ATTEMPT_OPEN, SLOT, manual=False, limited=False)

    def test_an_open_attempt_that_waits_is_resumed_when_it_said(self) -> None:
        facts = replace(rotated(), attempt=an_attempt(resume_at=SLOT + HOUR))
        assert due(facts, SLOT) == NotDue(Reason.BACKING_OFF, SLOT + HOUR, SLOT + HOUR)
        assert reason(due(facts, SLOT + HOUR)) == "ATTEMPT_OPEN"


class TestHeld:
    """One test a reason not to rotate."""

    def test_a_paused_rotation_is_not_due_for_anything(self) -> None:
        facts = switched(asked(asked(failed(START, SLOT), SLOT), SLOT, "compromised", "request-2"), paused=True)
        assert due(facts, NEAR) == NotDue(Reason.PAUSED, near_expiry=True)
        assert reason(due(replace(facts, attempt=an_attempt()), NEAR)) == "PAUSED"

    def test_a_rotation_whose_definition_is_gone_is_not_due_for_anything(self) -> None:
        facts = switched(asked(rotated(), SLOT), retired_at=START)
        assert reason(due(facts, SLOT)) == "PAUSED"

    def test_a_suspect_clock_holds_everything(self) -> None:
        facts = asked(asked(rotated(), SLOT), SLOT, "compromised", "request-2")
        assert due(facts, SLOT, clock_suspect=True) == NotDue(Reason.CLOCK_SUSPECT, again_at=NEAR)
        assert reason(due(facts, NEAR, clock_suspect=True)) == "CLOCK_SUSPECT"
        assert reason(due(replace(facts, attempt=an_attempt()), SLOT, clock_suspect=True)) == "CLOCK_SUSPECT"

    def test_automatic_rotation_off_holds_what_nobody_asked_for(self) -> None:
        off = ruled(rotated(), auto=False)
        assert due(off, SLOT) == NotDue(Reason.AUTO_ROTATION_OFF, again_at=NEAR)
        assert reason(due(ruled(failed(SLOT, SLOT + MINUTE), auto=False), SLOT + HOUR)) == "AUTO_ROTATION_OFF"
        assert reason(due(replace(off, standing=replace(off.standing, current_lost=True)), SLOT)) == "AUTO_ROTATION_OFF"

    def test_automatic_rotation_off_holds_neither_a_request_nor_an_open_attempt(self) -> None:
        off = ruled(rotated(), auto=False)
        assert reason(due(asked(off, SLOT), SLOT)) == "REQUESTED"
        assert reason(due(replace(off, attempt=an_attempt()), SLOT)) == "ATTEMPT_OPEN"

    def test_automatic_rotation_off_does_not_hold_the_first_rotation_of_a_definition_nor_its_retry(self) -> None:
        facts = new(auto=False)
        assert reason(due(facts, START)) == "NEVER_ROTATED"
        once = Standing("rotation-1", state="active", failures=1, retry_at=START + MINUTE)
        assert reason(due(replace(facts, standing=once), START + MINUTE)) == "RETRY"

    def test_automatic_rotation_off_holds_the_retry_of_what_was_once_rotated_or_adopted(self) -> None:
        ledger_lost = replace(failed(START, START + MINUTE), credentials=())
        adopted = failed(START, START + MINUTE, anchor_at=None, last_rotated_at=None)
        for facts in (ledger_lost, adopted):
            assert reason(due(ruled(facts, auto=False), START + HOUR)) == "AUTO_ROTATION_OFF"

    def test_a_rotation_that_is_not_due_says_when_it_will_be(self) -> None:
        assert due(rotated(), START + DAY) == NotDue(Reason.NOT_YET, SLOT, SLOT)

    def test_a_failed_rotation_backs_off_although_its_interval_is_over(self) -> None:
        retry_at = SLOT + 32 * MINUTE
        assert due(failed(SLOT, retry_at), SLOT + MINUTE) == NotDue(Reason.BACKING_OFF, retry_at, retry_at)

    def test_a_back_off_written_under_a_wrong_clock_holds_nothing_back(self) -> None:
        assert reason(due(failed(SLOT, SLOT + 400 * DAY), SLOT + MINUTE)) == "INTERVAL_ELAPSED"

    def test_a_retry_time_left_over_from_before_a_success_holds_nothing(self) -> None:
        assert reason(due(rotated(failures=0, retry_at=SLOT + HOUR), SLOT)) == "INTERVAL_ELAPSED"

    def test_a_lost_credential_backs_off_after_a_failure(self) -> None:
        facts = failed(START + DAY, START + DAY + HOUR, current_lost=True)
        assert reason(due(facts, START + DAY + MINUTE)) == "BACKING_OFF"
        assert reason(due(facts, START + DAY + HOUR)) == "CURRENT_LOST"

    def test_the_storm_limit_holds_until_the_oldest_attempt_is_an_hour_old(self) -> None:
        health = replace(STORM, oldest_attempt_at=SLOT - 20 * MINUTE)
        until = SLOT + 40 * MINUTE
        assert due(replace(rotated(), health=health), SLOT) == NotDue(Reason.STORM_LIMIT, until, until)
        fewer = replace(health, attempts_last_hour=599)
        assert reason(due(replace(rotated(), health=fewer), SLOT)) == "INTERVAL_ELAPSED"

    def test_a_freeze_window_holds_until_its_end(self) -> None:
        window = FreezeWindow(SLOT - DAY, SLOT + DAY)
        assert due(rotated(), SLOT, freeze=[window]) == NotDue(Reason.FREEZE_WINDOW, SLOT + DAY, SLOT + DAY)
        assert reason(due(rotated(), SLOT + DAY, freeze=[window])) == "INTERVAL_ELAPSED"
        assert reason(due(asked(rotated(), SLOT), SLOT, freeze=[window])) == "FREEZE_WINDOW"

    def test_approval_is_asked_for_when_the_rotation_is_due_and_not_before(self) -> None:
        facts = ruled(rotated(), requires_approval=True)
        assert reason(due(facts, SLOT - DAY)) == "NOT_YET"
        assert due(facts, SLOT) == NotDue(Reason.AWAITING_APPROVAL, again_at=NEAR)
        assert reason(due(asked(facts, SLOT), SLOT)) == "AWAITING_APPROVAL"

    def test_an_approval_counts_for_one_rotation(self) -> None:
        facts = ruled(rotated(), requires_approval=True)
        assert reason(due(switched(facts, approved_at=START - HOUR), SLOT)) == "AWAITING_APPROVAL"
        assert reason(due(switched(facts, approved_at=START + HOUR), SLOT)) == "INTERVAL_ELAPSED"

    def test_an_open_attempt_needs_no_second_approval(self) -> None:
        facts = replace(ruled(rotated(), requires_approval=True), attempt=an_attempt())
        assert reason(due(facts, SLOT)) == "ATTEMPT_OPEN"

    def test_a_broken_connection_holds_until_its_probe(self) -> None:
        opened = SLOT - 5 * MINUTE
        probe = SLOT + 10 * MINUTE
        assert due(broken(rotated(), opened), SLOT) == NotDue(Reason.CONNECTION_BROKEN, probe, probe)
        assert reason(due(replace(broken(rotated(), opened), attempt=an_attempt()), SLOT)) == "CONNECTION_BROKEN"
        assert reason(due(broken(rotated(), opened, probe_at=SLOT + HOUR), probe)) == "CONNECTION_BROKEN"
        assert reason(due(broken(rotated(), opened, probe_at=SLOT + 400 * DAY), SLOT)) != "CONNECTION_BROKEN"

    def test_a_half_open_connection_lets_a_probe_pass_and_says_that_it_is_one(self) -> None:
        facts = broken(rotated(), SLOT - 15 * MINUTE)
        assert due(facts, SLOT) == Due(Reason.INTERVAL_ELAPSED, SLOT, probe=True)
        taken = broken(rotated(), SLOT - 15 * MINUTE, probe_at=SLOT + 15 * MINUTE)
        assert reason(due(taken, SLOT)) == "CONNECTION_BROKEN"

    def test_how_long_a_broken_connection_waits_for_its_probe_is_a_limit(self) -> None:
        facts = broken(rotated(), SLOT)
        assert reason(due(facts, SLOT + HOUR, limits=Limits(probe_after=2 * HOUR))) == "CONNECTION_BROKEN"

    def test_a_state_older_than_entra_holds_all_that_comes_by_itself(self) -> None:
        facts = rotated(hold="STATE_OLDER_THAN_ENTRA", held_at=SLOT)
        assert due(facts, NEAR) == NotDue(Reason.STATE_OLDER_THAN_ENTRA, near_expiry=True)
        assert reason(due(replace(facts, attempt=an_attempt()), SLOT)) == "STATE_OLDER_THAN_ENTRA"

    def test_the_next_look_is_no_later_than_the_turn_to_near_expiry(self) -> None:
        window = FreezeWindow(SLOT - DAY, EXPIRY + 100 * DAY)
        facts = rotated()
        assert due(facts, SLOT, freeze=[window]) == NotDue(Reason.FREEZE_WINDOW, window.end, NEAR)
