"""Does a rotation wake when there is work, and never sooner than it finds any?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.domain import agenda
from rotator.domain.due import Due, NotDue, Reason
from rotator.domain.model import CredentialState, Facts
from tests.builders import a_credential, a_delivery, an_attempt
from tests.domain.due_facts import DAY, HOUR, MINUTE, SLOT, rotated, switched
from tests.fakes import START

SIX = 6 * HOUR
NOT_YET = NotDue(Reason.NOT_YET, SLOT, SLOT)
RETIRING = CredentialState.RETIRING


def reconciled(**standing: Any) -> Facts:
    facts = rotated(**{"reconciled_at": START, **standing})
    return replace(facts, deliveries=(a_delivery(),))


def retiring(**changes: Any) -> Facts:
    facts = reconciled()
    old = a_credential(key_id="old", state=RETIRING, retired_at=START, **changes)
    return replace(facts, credentials=(*facts.credentials, old))


def wakes(facts: Facts, verdict: Due | NotDue = NOT_YET, **given: Any) -> timedelta:
    """How long after START."""
    now = given.pop("now", START)
    plain: dict[str, Any] = {"stumbled": {}, "reconcile_every": SIX}
    return agenda.next_visit(facts, verdict, now, **{**plain, **given}) - START


def test_it_wakes_for_the_next_comparison() -> None:
    assert wakes(reconciled()) == SIX


def test_it_wakes_for_its_slot_when_that_is_sooner() -> None:
    assert wakes(reconciled(), NotDue(Reason.NOT_YET, START + HOUR, START + HOUR)) == HOUR


def test_it_wakes_when_the_answer_may_change_though_the_reason_ends_later() -> None:
    assert wakes(reconciled(), NotDue(Reason.NOT_YET, START + 3 * HOUR, START + HOUR)) == HOUR


def test_what_has_passed_already_is_no_time_to_wake_for() -> None:
    assert wakes(reconciled(), NotDue(Reason.PAUSED, None, START - HOUR)) == SIX


def test_what_is_due_still_is_looked_at_after_a_breath() -> None:
    assert wakes(reconciled(), Due(Reason.REQUESTED)) == timedelta(seconds=1)


def test_an_open_attempt_is_resumed_when_it_said() -> None:
    facts = replace(reconciled(), attempt=an_attempt(resume_at=START + MINUTE))
    assert wakes(facts, Due(Reason.ATTEMPT_OPEN)) == MINUTE


def test_a_rotation_that_stumbled_waits() -> None:
    assert wakes(reconciled(), Due(Reason.RETRY), stumbled={"rotate": START + MINUTE}) == MINUTE


def test_second_looks_and_owed_comparisons_are_waited_for() -> None:
    assert wakes(reconciled(), second_looks=[START + 3 * MINUTE], comparisons=[START + 2 * MINUTE]) == 2 * MINUTE
    assert wakes(reconciled(), second_looks=[START + MINUTE], comparisons=[START + 2 * MINUTE]) == MINUTE


def test_a_comparison_that_stumbled_waits_though_it_is_overdue() -> None:
    assert wakes(reconciled(), now=START + 7 * HOUR, stumbled={"reconcile": START + 8 * HOUR}) == 8 * HOUR


def test_a_comparison_made_in_the_future_does_not_put_off_the_next() -> None:
    facts = reconciled(reconciled_at=START + 365 * DAY)
    assert agenda.reconcile_due(facts, START, SIX)
    assert wakes(facts) <= SIX


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"revoke_at": START + HOUR}, HOUR),
        ({"revoke_at": START + HOUR, "revoke_retry_at": START + 2 * HOUR}, 2 * HOUR),
        ({"revoke_at": START + 9 * HOUR, "revoke_intent_at": START - HOUR}, timedelta(seconds=1)),
        ({"revoke_at": START + 90 * HOUR, "expires_at": START + HOUR}, HOUR),
        ({"expires_at": START + 2 * HOUR}, 2 * HOUR),
        ({}, SIX),
    ],
)
def test_it_wakes_when_a_retiring_credential_is_to_go(changes: dict[str, Any], expected: timedelta) -> None:
    assert wakes(retiring(**changes)) == expected


def test_a_hold_is_not_woken_for_what_it_forbids() -> None:
    facts = retiring(revoke_at=START)
    facts = replace(facts, deliveries=(a_delivery(message="down", retry_at=START),))
    held = replace(facts, standing=replace(facts.standing, hold="STATE_OLDER_THAN_ENTRA"))
    assert wakes(held, NotDue(Reason.STATE_OLDER_THAN_ENTRA)) == SIX


def test_a_destinations_retry_is_waited_for() -> None:
    facts = replace(reconciled(), deliveries=(a_delivery(message="down", retry_at=START + MINUTE),))
    assert wakes(facts) == MINUTE
    assert not agenda.reconcile_due(facts, START, SIX)
    assert agenda.reconcile_due(facts, START + MINUTE, SIX)


def test_no_destination_is_waited_for_while_the_current_key_is_an_adopted_one_without_text() -> None:
    facts = replace(reconciled(), deliveries=(a_delivery(message="drifted", retry_at=START),))
    adopted = replace(facts, credentials=tuple(replace(c, has_text=False) for c in facts.credentials))
    assert not agenda.reconcile_due(adopted, START, SIX)
    assert wakes(adopted) == SIX


def test_an_open_attempt_sees_to_its_destinations_itself() -> None:
    facts = replace(reconciled(), deliveries=(a_delivery(message="down", retry_at=START),), attempt=an_attempt())
    assert wakes(facts, NotDue(Reason.BACKING_OFF, START + HOUR)) == HOUR


def test_a_retired_rotation_is_left_alone() -> None:
    facts = switched(retiring(revoke_at=START), retired_at=START)
    assert agenda.next_visit(facts, NotDue(Reason.PAUSED), START, stumbled={}, reconcile_every=SIX) == agenda.NEVER


@pytest.mark.parametrize(
    ("facts", "owed"),
    [
        (reconciled(), False),
        (reconciled(reconciled_at=None), True),
        (reconciled(reconciled_at=START - SIX), True),
        (switched(reconciled(), changed_at=START), True),
        (switched(reconciled(), changed_at=START - HOUR), False),
        (replace(reconciled(), deliveries=()), True),
        (replace(reconciled(), deliveries=(a_delivery(), a_delivery(destination="gone"))), True),
        (replace(reconciled(), deliveries=(a_delivery(), a_delivery(destination="gone", removed=True))), False),
    ],
    ids=["fresh", "never", "long-ago", "edited", "edited-before", "added", "left", "left-and-told"],
)
def test_a_comparison_is_owed(facts: Facts, owed: bool) -> None:  # noqa: FBT001 - a row of the table
    assert agenda.reconcile_due(facts, START, SIX) is owed
