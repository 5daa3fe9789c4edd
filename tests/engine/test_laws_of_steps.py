"""Do laws L1, L2 and L5 hold: add, verify, deliver, promote, wait, revoke; intent before effect; proved first?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.events import Revoked
from rotator.domain.model import CredentialState, RotationStatus, VerifyRule
from rotator.errors import DirectoryUnavailable
from tests.builders import KEY, OBJECT
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing

QUICK = timedelta(seconds=5)


async def rotated(harness: Harness, **changes: object) -> None:
    """The first rotation is over and the second has just been promoted; the first secret retires."""
    await harness.define(billing(**{"overlap": 2 * DAY, **changes}))
    await harness.run_for(31 * DAY)
    assert harness.ours() == ["key-1", "key-2"]


class TestL1:
    """Nothing is revoked before its successor is proved, delivered to every required destination and read back."""

    async def test_L1_the_steps_of_an_attempt_come_in_their_order(self, harness: Harness) -> None:
        await harness.define(billing(overlap=timedelta(0)))
        await harness.run_for(31 * DAY)
        operations = [call for call in harness.entra.calls if call[0] in {"add_password", "prove", "remove_password"}]
        names = [operation for operation, _, about in operations if about != "text-0" or operation != "prove"]
        assert names[:5] == ["add_password", "add_password", "prove", "prove", "prove"]
        assert operations[-1] == ("remove_password", OBJECT, "key-1")

    async def test_L1_nothing_is_revoked_while_a_required_destination_cannot_be_read(self, harness: Harness) -> None:
        await rotated(harness)
        harness.places["vault"].down()
        await harness.run_for(10 * DAY)
        assert harness.ours() == ["key-1", "key-2"]
        retiring = (await harness.facts()).retiring[0]
        assert "vault: read: it does not answer" in retiring.revoke_message
        harness.places["vault"].up()
        await harness.run_for(2 * HOUR)
        assert harness.ours() == ["key-2"]

    async def test_L1_a_destination_that_went_back_to_the_old_secret_is_healed_before_the_revoke(
        self, harness: Harness
    ) -> None:
        await rotated(harness)
        vault, old = harness.places["vault"], (await harness.facts()).retiring[0]
        assert vault.marker is not None
        vault.overwritten("text-0", replace(vault.marker, key_id=old.key_id))
        await harness.run_for(3 * DAY)
        assert (vault.text, harness.ours()) == ("text-1", ["key-2"])

    async def test_L1_nothing_is_revoked_while_the_current_secret_does_not_sign_in(self, harness: Harness) -> None:
        await rotated(harness)
        harness.excused |= {"vault", "embedded"}
        harness.entra.living(OBJECT)[1].removed_at = harness.entra.time()
        harness.entra.removal_lag = 10 * DAY
        await harness.run_for(5 * DAY)
        assert "key-1" in harness.ours()
        assert "does not sign in" in (await harness.facts()).retiring[0].revoke_message

    async def test_L1_an_unread_promotion_does_not_happen(self, harness: Harness) -> None:
        await harness.define(billing())
        vault = harness.places["vault"]
        vault.during_write = lambda: setattr(vault, "broken", {"read": vault_is_down})
        vault_is_down = DirectoryUnavailable("read", "gone")
        await harness.run_for(HOUR)
        facts = await harness.facts()
        assert (facts.current, facts.pending and facts.pending.key_id) == (None, "key-1")


class TestL2:
    """Intent before effect, outcome after."""

    async def test_L2_the_journal_names_the_credential_before_graph_hears_of_it(self, harness: Harness) -> None:
        harness.entra.fail("add_password", RuntimeError("the process dies here"))
        await harness.define(billing())
        await harness.turn()
        facts = await harness.facts()
        assert [intent.display_name for intent in facts.intents] == [
            call[2] for call in harness.entra.calls if call[0] == "add_password"
        ]
        assert (facts.journal[-1].step, facts.journal[-1].phase) == ("issue", "intent")

    async def test_L2_the_journal_names_the_destination_before_it_is_written(self, harness: Harness) -> None:
        harness.places["vault"].broken = {"write": RuntimeError("the process dies here")}
        await harness.define(billing())
        await harness.turn()
        intended = [
            entry.facts["destination"]
            for entry in (await harness.facts()).journal
            if (entry.step, entry.phase) == ("deliver", "intent")
        ]
        assert intended == ["embedded", "vault"]

    async def test_L2_the_ledger_shows_the_revoke_before_graph_hears_of_it(self, harness: Harness) -> None:
        await rotated(harness)
        harness.entra.fail("remove_password", RuntimeError("the process dies here"), times=1000)
        await harness.run_for(44 * HOUR)
        (retiring,) = (await harness.facts()).retiring
        assert retiring.revoke_intent_at is not None
        assert harness.ours() == ["key-1", "key-2"]


class TestL5:
    """A secret nobody has proved is not delivered."""

    async def test_L5_sign_ins_must_succeed_in_a_row(self, harness: Harness) -> None:
        harness.entra.sign_in_delay = timedelta(seconds=18)
        await harness.define(billing(verify=VerifyRule(3, QUICK, 15 * MINUTE)))
        await harness.run_for(HOUR)
        proofs = [call for call in harness.entra.calls if call[0] == "prove"]
        assert len(proofs) == 4 + 3
        assert "proved in 7 sign-ins" in (await harness.facts()).standing.message

    async def test_L5_a_failure_after_a_success_begins_the_count_anew(self, harness: Harness) -> None:
        await harness.define(billing(verify=VerifyRule(3, QUICK, 15 * MINUTE)))
        flaps = iter([True, True, False, True, False, True, True, True])
        truth = harness.entra.valid
        harness.entra.valid = lambda text: next(flaps, True) and truth(text)  # type: ignore[method-assign]
        harness.excused |= {"vault", "embedded"}
        await harness.run_for(HOUR)
        assert "proved in 8 sign-ins" in (await harness.facts()).standing.message

    async def test_L5_a_secret_that_is_never_accepted_is_taken_away_and_the_old_one_stays(
        self, harness: Harness
    ) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        harness.entra.sign_in_delay = 30 * MINUTE
        harness.entra.living(OBJECT)[0].added_at -= DAY
        await harness.ask("rotate")
        await harness.run_for(16 * MINUTE)
        facts = await harness.facts()
        assert (facts.standing.status, facts.current and facts.current.key_id) == (RotationStatus.FAILED, "key-1")
        assert "could not be proved" in facts.standing.message
        assert harness.ours() == ["key-1"]
        assert harness.places["vault"].text == "text-0"
        steps = await harness.steps()
        assert steps.index("verify outcome", 12) < len(steps) - 1 - steps[::-1].index("revoke intent")

    async def test_L5_a_deadline_leaves_no_shorter_time_than_it_says(self, harness: Harness) -> None:
        harness.entra.sign_in_delay = 14 * MINUTE
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert (await harness.current()).key_id == "key-1"

    async def test_L5_an_interval_of_nothing_does_not_hammer(self, harness: Harness) -> None:
        harness.entra.sign_in_delay = timedelta(seconds=20)
        await harness.define(billing(verify=VerifyRule(1, timedelta(0), 15 * MINUTE)))
        await harness.run_for(HOUR)
        assert harness.entra.count("prove") <= 41

    async def test_L5_a_slow_proof_with_a_short_interval_makes_no_doubt_about_the_time(self, harness: Harness) -> None:
        harness.entra.sign_in_delay = 10 * MINUTE
        await harness.define(billing(verify=VerifyRule(2, timedelta(seconds=1), 15 * MINUTE)))
        await harness.run_for(HOUR)
        current = await harness.current()
        assert current.promoted_at is not None
        assert current.promoted_at >= harness.entra.living(OBJECT)[0].added_at + 10 * MINUTE
        assert (await harness.facts()).standing.alarms == ()


async def test_L1_everything_of_a_year_is_revoked_only_after_it_was_replaced(harness: Harness) -> None:
    await harness.define(billing(overlap=DAY))
    await harness.run_for(200 * DAY)
    gone = [event.key_id for event in harness.engine.events(Revoked)]
    assert gone == [f"key-{n}" for n in range(1, len(gone) + 1)]
    assert len(gone) == 6
    assert [c.state for c in (await harness.facts()).credentials] == [CredentialState.CURRENT]
    assert KEY not in gone
