"""Does every step follow from what the journal proves, in the order of rotation.md section 2? (laws L1 to L5, L7)"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rotator.domain import plan
from rotator.domain.model import DestinationRule, Mode, Outcome
from rotator.domain.plan import (
    Close,
    Deliver,
    Discard,
    Issue,
    Notify,
    Preflight,
    Promote,
    Reclaim,
    RevokeOthers,
    Verify,
)
from tests.builders import a_file_destination, a_rotation, an_attempt, an_embedded_destination
from tests.domain.plan_play import MINUTE, Play
from tests.fakes import START


def play(*script: str, **changes: Any) -> Play:
    return Play(an_attempt(), a_rotation(), iter(script), **changes)


def to(*rules: DestinationRule, script: tuple[str, ...] = (), **changes: Any) -> Play:
    return Play(an_attempt(), a_rotation(destinations=rules), iter(script), **changes)


def steps(played: Play) -> list[plan.Step]:
    played.run()
    return [step for step in played.steps if not isinstance(step, plan.Wait)]


def compromised(**changes: Any) -> Any:
    return an_attempt(mode=Mode.COMPROMISED, **changes)


FIRST, SECOND = a_file_destination("/first"), a_file_destination("/second")
A, B = FIRST.name, SECOND.name


def test_all_steps_come_in_their_order() -> None:
    assert steps(play(hooks=("restart", "refresh"))) == [
        Preflight(),
        Issue(1),
        Verify("key-1"),
        Deliver("key-1", ("embedded",)),
        Promote("key-1"),
        Notify("restart"),
        Notify("refresh"),
        Close(Outcome.SUCCEEDED, "promoted restart was told. refresh was told."),
    ]


def test_an_attempt_that_has_ended_has_no_next_step() -> None:
    ended = an_attempt(ended_at=START)
    assert plan.next_step(plan.progress(ended, ()), a_rotation(), START) is None


def test_a_refused_preflight_closes_with_its_message_and_issues_nothing() -> None:
    assert steps(play("bad")) == [Preflight(), Close(Outcome.FAILED, "refused")]


def test_a_refused_issue_closes_with_nothing_to_clean() -> None:
    assert steps(play("good", "bad")) == [Preflight(), Issue(1), Close(Outcome.FAILED, "Graph said no")]


def test_an_unknown_answer_is_looked_for_before_a_new_issue_and_waited_for() -> None:
    played = play("good", "unknown")
    assert steps(played)[1:4] == [Issue(1), Reclaim(1), Issue(2)]
    assert plan.Wait(START + MINUTE, "issue") in played.steps


def test_an_intent_without_any_answer_is_an_unknown_answer() -> None:
    played = play()
    played.write("preflight", "outcome", ok=True)
    played.write("issue", "intent", n=1)
    assert steps(played)[:3] == [Reclaim(1), Issue(2), Verify("key-2")]


def test_an_earlier_wait_is_not_shortened_by_a_look() -> None:
    played = play()
    played.write("preflight", "outcome", ok=True)
    played.write("issue", "intent", n=1)
    played.write("issue", "outcome", n=1, unknown="429", issue_after=(START + 60 * MINUTE).isoformat())
    played.write("reclaim", "outcome", n=1, issue_after=(START + MINUTE).isoformat())
    assert played.next() == plan.Wait(START + 60 * MINUTE, "issue")


def test_a_text_that_is_not_fit_is_discarded_unseen_and_issued_anew() -> None:
    assert steps(play("good", "unfit"))[1:4] == [Issue(1), Discard("key-1", unseen=True), Issue(2)]


def test_an_unproved_secret_is_discarded_and_never_delivered() -> None:
    assert steps(play("good", "good", "bad"))[2:] == [
        Verify("key-1"),
        Discard("key-1", unseen=True),
        Close(Outcome.FAILED, "not proved"),
    ]


def test_destinations_of_one_order_are_served_side_by_side() -> None:
    assert Deliver("key-1", (A, B)) in steps(to(FIRST, SECOND))


def test_a_later_order_waits_for_the_required_ones_of_an_earlier_one() -> None:
    played = to(FIRST, replace(SECOND, order=1), script=("good", "good", "good", "bad"))
    delivered = [step for step in steps(played) if isinstance(step, Deliver)]
    assert delivered == [Deliver("key-1", (A,)), Deliver("key-1", (A,)), Deliver("key-1", (B,))]


def test_a_later_order_does_not_wait_for_an_optional_one() -> None:
    played = to(replace(FIRST, required=False), replace(SECOND, order=1), script=("good", "good", "good", "bad"))
    delivered = [step for step in steps(played) if isinstance(step, Deliver)]
    assert delivered == [Deliver("key-1", (A,)), Deliver("key-1", (B,))]


def test_only_the_destination_that_failed_is_tried_again() -> None:
    played = to(FIRST, SECOND, script=("good", "good", "good", "bad", "good"))
    assert [step for step in steps(played) if isinstance(step, Deliver)] == [
        Deliver("key-1", (A, B)),
        Deliver("key-1", (A,)),
    ]


def test_a_failed_optional_destination_does_not_hold_the_promotion() -> None:
    played = to(FIRST, replace(SECOND, required=False), script=("good", "good", "good", "good", "bad"))
    assert Promote("key-1") in steps(played)


class TestAMissingDestination:
    """One required destination is served, the other is dead."""

    def halfway(self, **changes: Any) -> Play:
        played = to(FIRST, SECOND, script=("good", "good", "good", "good", "bad"), **changes)
        while not isinstance(played.next(), Deliver):
            step = played.next()
            assert step is not None
            played.perform(step)
        step = played.next()
        assert step is not None
        played.perform(step)
        return played

    def test_it_is_waited_for(self) -> None:
        assert self.halfway().next() == plan.Wait(START + MINUTE, "deliver")

    def test_it_does_not_become_an_outage_when_time_is_short(self) -> None:
        assert self.halfway(urgent=True).next() == Promote("key-1", (B,))

    def test_it_is_passed_by_when_a_person_accepts_the_outage(self) -> None:
        played = self.halfway()
        played.attempt = compromised(accept_outage=(B,))
        assert played.next() == Promote("key-1", (B,))

    def test_one_repaired_in_the_definition_is_used_by_the_open_attempt(self) -> None:
        played = self.halfway()
        third = a_file_destination("/third")
        played.rotation = replace(played.rotation, destinations=(FIRST, third))
        assert played.next() == Deliver("key-1", (third.name,))

    def test_one_taken_out_of_the_definition_is_no_longer_waited_for(self) -> None:
        played = self.halfway()
        played.rotation = replace(played.rotation, destinations=(FIRST,))
        assert played.next() == Promote("key-1")


def test_nothing_is_promoted_when_no_destination_has_it_however_short_the_time() -> None:
    played = to(FIRST, script=("good", "good", "good", "bad"), urgent=True)
    assert plan.Wait(START + MINUTE, "deliver") in (steps(played) and played.steps)


def test_a_rotation_without_destinations_is_promoted_once_proved() -> None:
    assert steps(to())[2:4] == [Verify("key-1"), Promote("key-1")]


def test_a_compromised_attempt_ends_the_others_after_the_hooks() -> None:
    played = play(hooks=("restart",))
    played.attempt = compromised()
    assert steps(played)[-3:] == [Notify("restart"), RevokeOthers("key-1"), Close(Outcome.SUCCEEDED, "ended")]


@pytest.mark.parametrize("after", range(1, 6))
def test_an_attempt_that_is_to_close_discards_its_key_first(after: int) -> None:
    played = play()
    for _ in range(after):
        step = played.next()
        assert step is not None
        played.perform(step)
    promoted = isinstance(played.next(), Close)
    played.write("close", "intent", outcome="superseded", message="too old")
    rest = steps(played)
    assert rest[-1] == (Close(Outcome.SUCCEEDED, "promoted") if promoted else Close(Outcome.SUPERSEDED, "too old"))
    key_stands = any(entry.step == "issue" and entry.phase == "outcome" for entry in played.journal)
    approached = any(entry.step == "deliver" for entry in played.journal)
    assert (Discard("key-1", unseen=not approached) in rest) is (key_stands and not promoted)


def test_closing_waits_for_the_answer_of_an_open_issue() -> None:
    played = play()
    played.write("preflight", "outcome", ok=True)
    played.write("issue", "intent", n=1)
    played.write("close", "intent", outcome="superseded", message="asked for")
    assert steps(played) == [Reclaim(1), Close(Outcome.SUPERSEDED, "asked for")]


def test_a_mode_or_outcome_of_another_version_is_loud() -> None:
    played = play()
    played.write("close", "intent", outcome="abandoned")
    with pytest.raises(ValueError, match="abandoned"):
        played.next()


def test_embedded_is_a_destination_like_the_others() -> None:
    assert Deliver("key-1", ("embedded", A)) in steps(to(an_embedded_destination(), FIRST))
