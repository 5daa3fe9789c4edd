"""Does the plan reach its end from every prefix of every journal, doing nothing twice? (laws L1, L3, L4, L5, L7)"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rotator.domain import plan
from rotator.domain.model import DestinationRule, Entry, Mode
from tests.builders import a_file_destination, a_rotation, an_attempt
from tests.domain.plan_play import Play

VERDICTS = st.lists(st.sampled_from(["good", "good", "good", "bad", "unknown", "unfit"]), max_size=14)
DESTINATIONS = st.lists(st.tuples(st.booleans(), st.integers(0, 1)), max_size=3).map(
    lambda found: tuple(
        a_file_destination(f"/{n}", required=required, order=order) for n, (required, order) in enumerate(found)
    )
)
HOOKS = st.sampled_from([(), ("restart",), ("restart", "refresh")])
MODES = st.sampled_from(list(Mode))


def recorded(journal: Sequence[Entry], step: str, fact: str, phase: str = "outcome") -> list[object]:
    return [e.facts[fact] for e in journal if e.step == step and e.phase == phase and e.facts.get("ok", True)]


class Watched(Play):
    """Looks at every step before it is taken."""

    def perform(self, step: plan.Step) -> None:
        before = tuple(self.journal)
        match step:
            case plan.Issue():
                self.issued(step, before)
            case plan.Verify():
                assert step.key_id not in recorded(before, "verify", "key_id"), "proved twice"
            case plan.Deliver():
                assert step.key_id in recorded(before, "verify", "key_id"), "delivered before it was proved"
                assert not set(step.destinations) & self.bearing(before, step.key_id), "delivered twice"
            case plan.Promote():
                self.promoted(step, before)
            case plan.Notify():
                assert step.hook not in {e.facts["hook"] for e in before if (e.step, e.phase) == ("notify", "outcome")}
            case plan.RevokeOthers():
                assert self.attempt.mode is Mode.COMPROMISED
                assert recorded(before, "promote", "key_id"), "ended the others before the new one was current"
            case plan.Discard():
                assert step.key_id not in recorded(before, "promote", "key_id"), "ended what is current"
                assert step.key_id not in recorded(before, "discard", "key_id"), "ended twice"
        super().perform(step)

    def issued(self, step: plan.Issue, before: Sequence[Entry]) -> None:
        intents = recorded(before, "issue", "n", phase="intent")
        assert step.n not in intents, "the same number twice"
        answered = {e.facts["n"] for e in before if e.phase == "outcome" and e.step in {"issue", "reclaim"}}
        unknown = {e.facts["n"] for e in before if "unknown" in e.facts}
        looked_for = {e.facts["n"] for e in before if e.step == "reclaim"}
        assert set(intents) <= answered, "an issue was unanswered"
        assert unknown <= looked_for, "an unknown answer was not looked for"
        living = set(recorded(before, "issue", "key_id")) - set(recorded(before, "discard", "key_id"))
        assert not living, "a second pending credential"

    def promoted(self, step: plan.Promote, before: Sequence[Entry]) -> None:
        assert not recorded(before, "promote", "key_id"), "promoted twice"
        bearing = self.bearing(before, step.key_id)
        required = {rule.name for rule in self.rotation.destinations if rule.required}
        assert set(step.missing) == required - bearing
        assert not step.missing or (self.urgent and bearing), "promoted though a required destination lacks it"

    def bearing(self, journal: Sequence[Entry], key_id: str) -> set[object]:
        ours = [e for e in journal if e.facts.get("key_id") == key_id]
        return set(recorded(ours, "deliver", "destination"))


@given(verdicts=VERDICTS, rules=DESTINATIONS, hooks=HOOKS, mode=MODES, urgent=st.booleans())
def test_L3_every_prefix_of_every_journal_goes_on_to_its_end(
    *, verdicts: list[str], rules: tuple[DestinationRule, ...], hooks: tuple[str, ...], mode: Mode, urgent: bool
) -> None:
    attempt, rotation = an_attempt(mode=mode), a_rotation(destinations=rules)
    first = Watched(attempt, rotation, iter(verdicts), hooks=hooks, urgent=urgent)
    first.run()
    for length in range(len(first.journal) + 1):
        resumed = Watched(attempt, rotation, hooks=hooks, urgent=urgent, journal=first.journal[:length], now=first.now)
        end = resumed.run()
        assert promoted_or_clean(resumed), end


@given(VERDICTS, VERDICTS, DESTINATIONS, st.integers(0, 60))
def test_L3_a_second_crash_is_no_different_from_the_first(
    verdicts: list[str], again: list[str], rules: tuple[DestinationRule, ...], cut: int
) -> None:
    attempt, rotation = an_attempt(), a_rotation(destinations=rules)
    first = Watched(attempt, rotation, iter(verdicts))
    first.run()
    second = Watched(attempt, rotation, iter(again), journal=first.journal[:cut], now=first.now)
    second.run()
    for length in range(min(cut, len(first.journal)), len(second.journal) + 1):
        third = Watched(attempt, rotation, journal=second.journal[:length], now=second.now)
        third.run()
        assert promoted_or_clean(third)


def promoted_or_clean(played: Play) -> bool:
    """At the end every credential that was recorded is current or has been discarded."""
    made = set(recorded(played.journal, "issue", "key_id"))
    ended = set(recorded(played.journal, "discard", "key_id"))
    return made - ended == set(recorded(played.journal, "promote", "key_id"))
