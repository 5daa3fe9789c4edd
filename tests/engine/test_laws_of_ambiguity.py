"""Do laws L4 and L6 hold: an ambiguous answer is neither failure nor success; only ours is ever revoked?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain.events import OrphanFound, Reclaimed
from rotator.domain.model import CredentialState, RotationStatus
from rotator.errors import DirectoryThrottled, DirectoryUnavailable, OutcomeUnknown, PermissionDenied
from tests.builders import OBJECT
from tests.engine.fake_entra import unknown
from tests.engine.harness import DAY, HOUR, MINUTE, PREFIX, Harness, billing


def issues(harness: Harness) -> list[str]:
    return [call[2] for call in harness.entra.calls if call[0] == "add_password"]


class TestL4:
    """Look for the credential by its display name, reclaim it, then issue anew."""

    @pytest.mark.parametrize("after", [False, True], ids=["before-commit", "after-commit"])
    async def test_L4_an_unknown_answer_leaves_one_credential_and_no_orphan(
        self, harness: Harness, *, after: bool
    ) -> None:
        harness.entra.fail("add_password", unknown(), after=after)
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert len(harness.ours()) == 1
        assert harness.places["vault"].text == harness.entra.living(OBJECT)[0].text
        assert len(harness.engine.events(Reclaimed)) == after

    async def test_L4_it_is_never_repeated_at_once_and_never_under_the_same_name(self, harness: Harness) -> None:
        harness.entra.fail("add_password", unknown(), after=True)
        await harness.define(billing())
        await harness.run_for(timedelta(seconds=50))
        assert len(issues(harness)) == 1
        assert "addPassword: the service is unavailable" in (await harness.facts()).standing.message
        await harness.run_for(MINUTE)
        first, second = issues(harness)
        assert first != second
        assert (first.split("/")[2].split(".")[1][0], second.split("/")[2].split(".")[1][0]) == ("1", "2")

    async def test_L4_waits_grow_with_every_unknown_answer(self, harness: Harness) -> None:
        harness.entra.fail("add_password", unknown(), times=4)
        await harness.define(billing())
        await harness.run_for(13 * MINUTE)
        assert len(issues(harness)) == 4
        await harness.run_for(HOUR)
        assert len(harness.ours()) == 1

    async def test_L4_the_service_may_ask_for_a_longer_wait(self, harness: Harness) -> None:
        error = OutcomeUnknown("addPassword", "throttled", status=429, retry_after=30 * MINUTE)
        harness.entra.fail("add_password", error, after=True)
        await harness.define(billing())
        await harness.run_for(29 * MINUTE)
        assert len(issues(harness)) == 1
        await harness.run_for(2 * MINUTE)
        assert len(issues(harness)) == 2

    async def test_L4_one_that_the_first_look_missed_is_found_by_the_second(self, harness: Harness) -> None:
        harness.entra.listing_delay = 90 * timedelta(seconds=1)
        harness.entra.fail("add_password", unknown(), after=True)
        await harness.define(billing())
        await harness.run_for(20 * MINUTE)
        assert len(harness.ours()) == 1
        assert (await harness.current()).key_id in harness.ours()
        assert (await harness.facts()).intents == ()

    async def test_L4_an_intent_is_closed_only_by_a_look_after_the_propagation_time(self, harness: Harness) -> None:
        harness.entra.fail("add_password", unknown(), after=False)
        await harness.define(billing())
        await harness.run_for(timedelta(seconds=180))
        assert len((await harness.facts()).intents) == 1
        await harness.run_for(timedelta(seconds=30))
        assert (await harness.facts()).intents == ()

    async def test_L4_one_that_shows_up_after_the_second_look_is_revoked_all_the_same(self, harness: Harness) -> None:
        harness.entra.listing_delay = 20 * MINUTE
        harness.entra.fail("add_password", unknown(), after=True)
        await harness.define(billing())
        await harness.run_for(3 * DAY)
        assert harness.ours() == [(await harness.current()).key_id]

    async def test_L4_an_answer_that_never_came_is_looked_for_by_the_next_process(self, harness: Harness) -> None:
        harness.entra.fail("add_password", RuntimeError("the process dies"), after=True)
        await harness.define(billing())
        await harness.turn()
        harness.start("node-2")
        await harness.run_for(timedelta(seconds=130))
        assert (harness.ours(), len(issues(harness))) == ([], 1)
        await harness.run_for(HOUR)
        assert harness.ours() == [(await harness.current()).key_id] == ["key-2"]

    async def test_L4_a_refusal_is_an_answer_and_leaves_nothing_to_look_for(self, harness: Harness) -> None:
        harness.entra.fail("add_password", PermissionDenied("addPassword", "no", code="Authorization_RequestDenied"))
        await harness.define(billing())
        await harness.run_for(timedelta(seconds=30))
        facts = await harness.facts()
        assert (facts.standing.status, facts.intents, facts.attempt) == (RotationStatus.FAILED, (), None)
        assert "Authorization_RequestDenied" in facts.standing.message

    async def test_L4_a_look_that_fails_does_not_end_the_search(self, harness: Harness) -> None:
        harness.entra.fail("add_password", unknown(), after=True)
        await harness.define(billing())
        harness.entra.faults.append(
            harness.entra.faults[0].__class__("registration", DirectoryUnavailable("get", "no"), times=0)
        )
        count = iter(range(100))

        def gone() -> None:
            if next(count) == 0:
                harness.entra.faults[1].times = 3

        harness.entra.after_effect = gone
        await harness.run_for(2 * HOUR)
        assert harness.ours() == [(await harness.current()).key_id]

    async def test_L4_a_removal_that_was_throttled_is_repeated(self, harness: Harness) -> None:
        harness.entra.fail("add_password", unknown(), after=True)
        harness.entra.fail("remove_password", DirectoryThrottled("removePassword", retry_after=MINUTE))
        await harness.define(billing())
        await harness.run_for(2 * HOUR)
        assert harness.ours() == [(await harness.current()).key_id]


class TestL6:
    """We revoke only what the ledger holds, or what Reclaim proves ours."""

    async def test_L6_foreign_credentials_live_through_a_year_of_rotations(self, harness: Harness) -> None:
        await harness.define(billing(overlap=DAY))
        theirs = {
            harness.entra.put(OBJECT, days=900).key_id,
            harness.entra.put(OBJECT, "rotator/zzzz7777/x", days=900).key_id,
        }
        await harness.run_for(200 * DAY)
        assert theirs <= {password.key_id for password in harness.entra.living(OBJECT)}

    async def test_L6_a_display_name_alone_does_not_make_a_credential_ours(self, harness: Harness) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(HOUR)
        copied = harness.entra.put(OBJECT, harness.entra.living(OBJECT)[0].display_name, days=900)
        await harness.run_for(100 * DAY)
        assert copied.removed_at is None
        assert {event.key_id for event in harness.engine.events(OrphanFound)} == {copied.key_id}

    async def test_L6_the_last_valid_secret_is_not_revoked_by_a_plain_request(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        asked = await harness.ask("revoke")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "refused"
        assert harness.ours() == ["key-1"]

    async def test_L6_the_last_one_goes_when_a_person_names_it_and_the_journal_says_who(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        harness.excused |= {"vault", "embedded"}
        refused = await harness.ask("revoke", all=True)
        await harness.turn()
        assert (await harness.answer(refused))[0] == "refused"
        asked = await harness.ask("revoke", all=True, last=True)
        await harness.turn()
        assert await harness.answer(asked) == ("done", "revoked key-1")
        assert harness.ours() == []
        assert "a person" in str((await harness.store.journal("rotation-1"))[-1].facts["why"])

    async def test_L6_an_expired_one_of_ours_may_go_without_ado(self, harness: Harness) -> None:
        harness.entra.longest_life = 3 * DAY
        await harness.define(billing(auto=False, renew_before=HOUR))
        await harness.run_for(HOUR)
        await harness.ask("rotate")
        await harness.run_for(DAY)
        assert harness.ours() == ["key-1", "key-2"]
        harness.places["vault"].down()
        harness.excused |= {"vault", "embedded"}
        await harness.run_for(3 * DAY)
        assert "key-1" not in harness.ours()

    async def test_L6_an_unknown_key_with_our_prefix_is_never_revoked_by_itself(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        strange = harness.entra.put(OBJECT, f"{PREFIX}lost.1-aaaa/billing-api", days=900)
        await harness.run_for(50 * DAY)
        assert strange.removed_at is None
        states = {c.key_id: c.state for c in (await harness.facts()).credentials}
        assert states.get(strange.key_id) in {None, CredentialState.RETIRING}
