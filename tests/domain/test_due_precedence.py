"""What do near expiry and a person's word beat, and what beats them (rotation.md section 3)?"""

from __future__ import annotations

from dataclasses import replace

from rotator.domain.due import Due, NotDue, Reason, due
from rotator.domain.model import FreezeWindow, Mode
from tests.builders import a_request, a_rotation, an_attempt, an_entry
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
    reason,
    rotated,
    ruled,
    switched,
)
from tests.fakes import START


class TestNearExpiry:
    """What the end of the current credential beats, and what beats it."""

    def test_it_beats_not_yet(self) -> None:
        facts = ruled(rotated(), schedule=replace(a_rotation().schedule, interval=365))
        assert reason(due(facts, NEAR)) == "NEAR_EXPIRY"

    def test_it_beats_a_back_off_that_was_begun_before_it(self) -> None:
        facts = failed(NEAR - 10 * MINUTE, NEAR + 50 * MINUTE)
        assert reason(due(facts, NEAR - MINUTE)) == "BACKING_OFF"
        assert due(facts, NEAR - MINUTE) == NotDue(Reason.BACKING_OFF, NEAR + 50 * MINUTE, NEAR)
        assert reason(due(facts, NEAR)) == "NEAR_EXPIRY"

    def test_a_failure_since_waits_for_the_retry_table_so_that_nothing_spins(self) -> None:
        facts = failed(NEAR + MINUTE, NEAR + 3 * MINUTE)
        assert due(facts, NEAR + 2 * MINUTE) == NotDue(
            Reason.BACKING_OFF, NEAR + 3 * MINUTE, NEAR + 3 * MINUTE, near_expiry=True
        )
        assert reason(due(facts, NEAR + 3 * MINUTE)) == "NEAR_EXPIRY"

    def test_it_resumes_an_open_attempt_that_waits(self) -> None:
        facts = replace(rotated(), attempt=an_attempt(started_at=NEAR - DAY, resume_at=NEAR + HOUR))
        assert due(facts, NEAR - MINUTE) == NotDue(Reason.BACKING_OFF, NEAR + HOUR, NEAR)
        assert reason(due(facts, NEAR)) == "NEAR_EXPIRY"
        tried = replace(facts, journal=(an_entry(at=NEAR + MINUTE),))
        assert reason(due(tried, NEAR + 2 * MINUTE)) == "BACKING_OFF"

    def test_it_beats_the_storm_limit(self) -> None:
        assert reason(due(replace(rotated(), health=replace(STORM, oldest_attempt_at=NEAR)), NEAR)) == "NEAR_EXPIRY"

    def test_it_beats_a_freeze_window(self) -> None:
        assert reason(due(rotated(), NEAR, freeze=[FreezeWindow(START, NEAR + DAY)])) == "NEAR_EXPIRY"

    def test_it_passes_a_broken_connection_without_being_its_probe(self) -> None:
        assert due(broken(rotated(), NEAR), NEAR) == Due(Reason.NEAR_EXPIRY, limited=False)

    def test_it_does_not_beat_pause_approval_or_automatic_rotation_off_and_is_to_be_alarmed(self) -> None:
        for facts, hold in (
            (switched(rotated(), paused=True), Reason.PAUSED),
            (ruled(rotated(), auto=False), Reason.AUTO_ROTATION_OFF),
            (ruled(rotated(), requires_approval=True), Reason.AWAITING_APPROVAL),
        ):
            assert due(facts, NEAR) == NotDue(hold, near_expiry=True)
            before = due(facts, NEAR - MINUTE)
            assert isinstance(before, NotDue)
            assert (before.near_expiry, before.again_at) == (False, NEAR)

    def test_a_freeze_window_that_would_contain_the_expiry_draws_the_rotation_before_it(self) -> None:
        facts = ruled(rotated(), schedule=replace(a_rotation().schedule, interval=365))
        window = FreezeWindow(EXPIRY - 10 * DAY, EXPIRY + 10 * DAY)
        drawn = window.start - 1.5 * DAY
        assert due(facts, drawn - MINUTE, freeze=[window]) == NotDue(Reason.NOT_YET, drawn, drawn)
        assert reason(due(facts, drawn, freeze=[window])) == "NEAR_EXPIRY"

    def test_within_a_freeze_window_only_the_expiry_itself_counts(self) -> None:
        facts = failed(EXPIRY - 10 * DAY - MINUTE, EXPIRY - 9 * DAY)
        window = FreezeWindow(EXPIRY - 10 * DAY, EXPIRY + 10 * DAY)
        assert reason(due(facts, EXPIRY - 8 * DAY, freeze=[window])) == "FREEZE_WINDOW"
        assert reason(due(facts, NEAR, freeze=[window])) == "NEAR_EXPIRY"

    def test_a_freeze_window_that_ends_before_the_expiry_draws_nothing(self) -> None:
        facts = ruled(rotated(), schedule=replace(a_rotation().schedule, interval=365))
        window = FreezeWindow(EXPIRY - 20 * DAY, EXPIRY - 10 * DAY)
        assert reason(due(facts, window.start - MINUTE, freeze=[window])) == "NOT_YET"


class TestRequests:
    """What a person's word beats."""

    def test_a_request_ignores_the_interval(self) -> None:
        assert reason(due(asked(rotated(), START), START)) == "REQUESTED"

    def test_a_request_ignores_the_back_off_of_an_earlier_failure(self) -> None:
        facts = asked(failed(SLOT, SLOT + HOUR), SLOT + MINUTE)
        assert reason(due(facts, SLOT + MINUTE)) == "REQUESTED"

    def test_a_request_that_has_failed_since_backs_off_so_that_nothing_spins(self) -> None:
        facts = asked(failed(SLOT + MINUTE, SLOT + HOUR), SLOT)
        assert reason(due(facts, SLOT + 2 * MINUTE)) == "BACKING_OFF"

    def test_a_request_made_at_the_instant_of_a_failure_does_not_wait(self) -> None:
        assert reason(due(asked(failed(SLOT, SLOT + HOUR), SLOT), SLOT)) == "REQUESTED"

    def test_a_request_resumes_an_open_attempt_that_waits(self) -> None:
        waiting = replace(rotated(), attempt=an_attempt(started_at=SLOT, resume_at=SLOT + HOUR))
        assert reason(due(asked(waiting, SLOT + MINUTE), SLOT + MINUTE)) == "REQUESTED"

    def test_a_request_that_the_open_attempt_has_seen_waits_with_it(self) -> None:
        waiting = replace(
            rotated(),
            attempt=an_attempt(started_at=SLOT, resume_at=SLOT + HOUR),
            journal=(an_entry(at=SLOT + 2 * MINUTE),),
        )
        assert reason(due(asked(waiting, SLOT + MINUTE), SLOT + 3 * MINUTE)) == "BACKING_OFF"
        assert reason(due(asked(waiting, SLOT + 2 * MINUTE), SLOT + 3 * MINUTE)) == "BACKING_OFF"
        unwritten = replace(waiting, journal=())
        assert reason(due(asked(unwritten, SLOT - MINUTE), SLOT + MINUTE)) == "BACKING_OFF"

    def test_what_other_duties_note_meanwhile_does_not_make_a_request_old(self) -> None:
        noted = (an_entry(at=SLOT), an_entry(step="adopt", at=SLOT + HOUR), an_entry(step="close", at=SLOT + HOUR))
        waiting = replace(rotated(), attempt=an_attempt(started_at=SLOT, resume_at=SLOT + DAY), journal=noted)
        assert reason(due(asked(waiting, SLOT + MINUTE, "compromised"), SLOT + HOUR)) == "REQUESTED"

    def test_a_request_that_the_open_attempt_works_on_is_not_made_twice(self) -> None:
        facts = asked(replace(rotated(), attempt=an_attempt(request_id="request-1")), SLOT)
        assert reason(due(facts, SLOT)) == "ATTEMPT_OPEN"

    def test_a_request_does_not_pass_the_storm_limit(self) -> None:
        assert due(asked(replace(rotated(), health=STORM), START), START) == NotDue(
            Reason.STORM_LIMIT, START + HOUR, START + HOUR
        )

    def test_a_request_passes_the_storm_limit_where_an_attempt_is_open_already(self) -> None:
        facts = replace(rotated(), health=STORM, attempt=an_attempt(resume_at=START + DAY))
        assert reason(due(asked(facts, START + MINUTE), START + MINUTE)) == "REQUESTED"

    def test_a_request_passes_a_broken_connection_without_being_its_probe(self) -> None:
        facts = asked(broken(rotated(), SLOT - HOUR), SLOT)
        assert due(facts, SLOT) == Due(Reason.REQUESTED, manual=True, request=facts.requests[0])

    def test_a_compromised_request_passes_storm_limit_breaker_and_freeze_window(self) -> None:
        facts = asked(broken(rotated(), START, attempts_last_hour=600, oldest_attempt_at=START), START, "compromised")
        answer = due(facts, START, freeze=[FreezeWindow(START, SLOT)])
        assert isinstance(answer, Due)
        assert (answer.reason, answer.limited) == (Reason.REQUESTED, False)

    def test_a_compromised_request_does_not_wait_for_an_open_attempt(self) -> None:
        facts = replace(rotated(), attempt=an_attempt(mode=Mode.ROTATE, resume_at=SLOT + DAY))
        answer = due(asked(facts, SLOT, "compromised"), SLOT)
        assert isinstance(answer, Due)
        assert (answer.reason, answer.request) == (Reason.REQUESTED, a_request(kind="compromised", at=SLOT))

    def test_a_held_request_does_not_hide_that_something_else_is_due(self) -> None:
        facts = asked(replace(rotated(), health=STORM), NEAR)
        assert reason(due(facts, NEAR)) == "NEAR_EXPIRY"

    def test_a_request_leaves_the_hold_of_a_state_older_than_entra(self) -> None:
        facts = rotated(hold="STATE_OLDER_THAN_ENTRA", held_at=SLOT)
        assert reason(due(asked(facts, SLOT + MINUTE), SLOT + MINUTE)) == "REQUESTED"

    def test_L16_a_request_from_the_restored_database_does_not_leave_that_hold(self) -> None:
        facts = rotated(hold="STATE_OLDER_THAN_ENTRA", held_at=SLOT)
        assert reason(due(asked(facts, SLOT - MINUTE), SLOT + MINUTE)) == "STATE_OLDER_THAN_ENTRA"
