"""Do the modes do what a person meant: manual, compromised, revoke, forget, and what is refused?"""

from __future__ import annotations

from rotator.domain.model import RotationStatus
from rotator.errors import DestinationUnavailable, DirectoryUnavailable
from tests.builders import OBJECT, an_embedded_destination
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing


async def rotated(harness: Harness, **changes: object) -> None:
    await harness.define(billing(**changes))
    await harness.run_for(HOUR)


def write_fails(harness: Harness, name: str = "vault") -> None:
    harness.places[name].broken = {"write": DestinationUnavailable(name, "write", "it does not answer")}


class TestManual:
    async def test_a_person_may_rotate_at_any_time(self, harness: Harness) -> None:
        await rotated(harness)
        asked = await harness.ask("rotate")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert result == "done"
        assert "New secret key-2 proved in 2 sign-ins" in message

    async def test_a_request_is_answered_with_what_went_wrong(self, harness: Harness) -> None:
        await rotated(harness)
        harness.places["vault"].down()
        asked = await harness.ask("rotate")
        await harness.turn()
        assert await harness.answer(asked) == ("failed", "vault: check: it does not answer")

    async def test_a_request_does_not_wait_for_a_retry(self, harness: Harness) -> None:
        await rotated(harness)
        harness.places["vault"].down()
        await harness.ask("rotate")
        await harness.run_for(3 * HOUR)
        harness.places["vault"].up()
        asked = await harness.ask("rotate")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"

    async def test_a_paused_rotation_refuses_and_says_what_to_do(self, harness: Harness) -> None:
        await rotated(harness)
        await harness.store.pause("rotation-1")
        asked = await harness.ask("rotate")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert (result, "rotator resume billing-api" in message) == ("refused", True)
        assert harness.ours() == ["key-1"]

    async def test_several_requests_are_answered_by_one_rotation(self, harness: Harness) -> None:
        await rotated(harness)
        asked = [await harness.ask("rotate") for _ in range(3)]
        await harness.turn()
        assert [(await harness.answer(each))[0] for each in asked] == ["done"] * 3
        assert harness.ours() == ["key-1", "key-2"]

    async def test_a_request_made_during_a_visit_is_not_forgotten(self, harness: Harness) -> None:
        await rotated(harness)
        asked: list[str] = []
        truth = harness.entra.prove

        async def meanwhile(*args: object) -> object:
            if not asked:
                asked.append(await harness.ask("revoke"))
            return await truth(*args)  # type: ignore[arg-type]

        harness.entra.prove = meanwhile  # type: ignore[method-assign,assignment]
        await harness.ask("rotate")
        await harness.run_for(10 * MINUTE)
        assert (await harness.answer(asked[0]))[0] != ""

    async def test_a_request_of_another_version_is_refused(self, harness: Harness) -> None:
        await rotated(harness)
        asked = await harness.ask("dance")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "refused"


class TestCompromised:
    """Issue, verify, deliver, promote, run hooks; then revoke every other credential of the ledger."""

    async def test_every_other_secret_of_ours_is_ended_at_once(self, harness: Harness) -> None:
        await rotated(harness)
        await harness.ask("rotate")
        await harness.run_for(2 * MINUTE)
        assert harness.ours() == ["key-1", "key-2"]
        asked = await harness.ask("compromised")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert (result, harness.ours()) == ("done", ["key-3"])
        assert "60 to 90 minutes" in message

    async def test_hooks_run_before_the_others_are_ended(self, harness: Harness) -> None:
        await rotated(harness)
        harness.hooks.results = {"restart": [True]}
        seen: list[list[str]] = []
        truth = harness.hooks.run

        async def watched(*args: object) -> object:
            seen.append(harness.ours())
            return await truth(*args)  # type: ignore[arg-type]

        harness.hooks.run = watched  # type: ignore[method-assign,assignment]
        await harness.ask("compromised")
        await harness.turn()
        assert seen == [["key-1", "key-2"]]
        assert harness.ours() == ["key-2"]

    async def test_foreign_secrets_stay_and_are_listed(self, harness: Harness) -> None:
        await rotated(harness)
        theirs = harness.entra.put(OBJECT)
        asked = await harness.ask("compromised")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert result == "failed"
        assert f"still valid: {theirs.key_id}; end one with --key KEY_ID" in message
        assert theirs.removed_at is None

    async def test_a_foreign_secret_that_a_person_names_is_ended_too(self, harness: Harness) -> None:
        await rotated(harness)
        theirs = harness.entra.put(OBJECT)
        asked = await harness.ask("compromised", key=theirs.key_id)
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        assert theirs.removed_at is not None
        assert harness.ours() == ["key-3"]

    async def test_a_missing_destination_stops_it_and_is_named(self, harness: Harness) -> None:
        await rotated(harness)
        write_fails(harness)
        asked = await harness.ask("compromised")
        await harness.run_for(10 * MINUTE)
        result, message = await harness.answer(asked)
        assert result == "failed"
        assert "vault" in message
        assert "--accept-outage" in message
        assert "key-1" in harness.ours()

    async def test_a_destination_that_left_the_definition_keeps_what_it_may_bear_until_it_is_forgotten(
        self, harness: Harness
    ) -> None:
        await rotated(harness, destinations=(an_embedded_destination(), a_place()))
        await harness.edit(destinations=(an_embedded_destination(),))
        await harness.turn()
        asked = await harness.ask("compromised")
        await harness.run_for(10 * MINUTE)
        result, message = await harness.answer(asked)
        assert result == "failed"
        assert "vault left the definition" in message
        assert harness.ours() == ["key-1", "key-2"]
        await harness.ask("forget", to="vault")
        harness.excused.add("vault")
        await harness.run_for(2 * HOUR)
        assert harness.ours() == ["key-2"]

    async def test_it_goes_on_when_the_destination_is_back(self, harness: Harness) -> None:
        await rotated(harness)
        write_fails(harness)
        await harness.ask("compromised")
        await harness.run_for(10 * MINUTE)
        harness.places["vault"].up()
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-2"]

    async def test_an_accepted_outage_lets_it_go_on(self, harness: Harness) -> None:
        await rotated(harness)
        harness.places["vault"].down()
        harness.excused.add("vault")
        asked = await harness.ask("compromised", accept_outage=["vault"])
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        assert harness.ours() == ["key-2"]

    async def test_the_outage_may_be_accepted_later_and_one_rotation_answers_both(self, harness: Harness) -> None:
        await rotated(harness)
        write_fails(harness)
        first = await harness.ask("compromised")
        await harness.run_for(10 * MINUTE)
        harness.excused.add("vault")
        second = await harness.ask("compromised", accept_outage=["vault"])
        await harness.run_for(HOUR)
        assert (await harness.answer(second))[0] == "done"
        assert (await harness.answer(first))[0] == "failed"
        assert harness.ours() == ["key-2"]
        assert harness.entra.count("add_password") == 2

    async def test_an_accepted_outage_is_served_when_the_destination_is_back(self, harness: Harness) -> None:
        await rotated(harness)
        harness.places["vault"].down()
        harness.excused.add("vault")
        await harness.ask("compromised", accept_outage=["vault"])
        await harness.run_for(HOUR)
        harness.places["vault"].up()
        await harness.run_for(2 * HOUR)
        assert harness.places["vault"].text == "text-1"

    async def test_an_open_attempt_is_closed_and_its_secret_does_not_survive(self, harness: Harness) -> None:
        await rotated(harness, destinations=(an_embedded_destination(), a_place(), a_place("second")))
        write_fails(harness, "second")
        await harness.ask("rotate")
        await harness.run_for(2 * HOUR)
        harness.places["second"].up()
        asked = await harness.ask("compromised")
        await harness.run_for(5 * MINUTE)
        assert (await harness.answer(asked))[0] == "done"
        assert harness.ours() == ["key-3"]
        assert {harness.places["vault"].text, harness.places["second"].text} == {"text-2"}

    async def test_a_revoke_that_fails_is_named_and_tried_until_it_is_done(self, harness: Harness) -> None:
        await rotated(harness)
        harness.entra.fail("remove_password", DirectoryUnavailable("removePassword", "down"), times=3)
        asked = await harness.ask("compromised")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert (result, "Not revoked yet" in message) == ("failed", True)
        await harness.run_for(2 * HOUR)
        assert harness.ours() == ["key-2"]

    async def test_a_revoke_that_fails_is_done_later_even_where_an_outage_was_accepted(self, harness: Harness) -> None:
        await rotated(harness)
        harness.places["vault"].down()
        harness.excused.add("vault")
        harness.entra.fail("remove_password", DirectoryUnavailable("removePassword", "down"), times=3)
        await harness.ask("compromised", accept_outage=["vault"])
        await harness.run_for(2 * HOUR)
        assert harness.ours() == ["key-2"]

    async def test_it_passes_a_retry_that_is_being_waited_for(self, harness: Harness) -> None:
        await rotated(harness)
        harness.entra.fail("registration", DirectoryUnavailable("get", "down"), times=12)
        await harness.ask("rotate")
        await harness.run_for(20 * MINUTE)
        harness.entra.faults.clear()
        asked = await harness.ask("compromised")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"


class TestRevoke:
    """A retiring credential is revoked under the checks of section 6."""

    async def test_a_person_may_end_the_retiring_one_before_its_time(self, harness: Harness) -> None:
        await rotated(harness)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        asked = await harness.ask("revoke")
        await harness.turn()
        assert await harness.answer(asked) == ("done", "revoked key-1")

    async def test_the_checks_hold_for_a_person_too(self, harness: Harness) -> None:
        await rotated(harness)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        harness.places["vault"].down()
        asked = await harness.ask("revoke")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert (result, "vault: read: it does not answer" in message) == ("failed", True)
        assert harness.ours() == ["key-1", "key-2"]

    async def test_right_after_a_promotion_a_stopped_nodes_last_request_may_still_arrive(
        self, harness: Harness
    ) -> None:
        await rotated(harness)
        await harness.ask("rotate")
        await harness.run_for(MINUTE)
        early = await harness.ask("revoke")
        await harness.turn()
        result, message = await harness.answer(early)
        assert (result, "too recent" in message, harness.ours()) == ("failed", True, ["key-1", "key-2"])
        await harness.run_for(2 * MINUTE)
        asked = await harness.ask("revoke")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"

    async def test_one_that_somebody_else_removed_is_success(self, harness: Harness) -> None:
        await rotated(harness, overlap=DAY)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        harness.entra.living(OBJECT)[0].removed_at = harness.entra.time()
        await harness.run_for(2 * DAY)
        assert [c.key_id for c in (await harness.facts()).credentials] == ["key-2"]

    async def test_one_that_is_still_listed_is_looked_at_until_it_is_absent(self, harness: Harness) -> None:
        harness.entra.removal_lag = 10 * MINUTE
        await rotated(harness, overlap=DAY)
        await harness.ask("rotate")
        await harness.run_for(25 * HOUR)
        await harness.run_for(2 * HOUR)
        assert [c.key_id for c in (await harness.facts()).credentials] == ["key-2"]
        assert harness.ours() == ["key-2"]
        assert 2 <= [call[0] for call in harness.entra.calls].count("remove_password") <= 12

    async def test_several_retire_side_by_side_when_rotations_come_fast(self, harness: Harness) -> None:
        await rotated(harness)
        for _ in range(4):
            await harness.ask("rotate")
            await harness.run_for(HOUR)
        assert len(harness.ours()) == 5
        await harness.run_for(2 * DAY)
        assert harness.ours() == ["key-4", "key-5"]

    async def test_an_overdue_revoke_is_alarmed(self, harness: Harness) -> None:
        await rotated(harness, overlap=DAY)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        harness.entra.fail("remove_password", DirectoryUnavailable("removePassword", "down"), times=10**6)
        await harness.run_for(2 * DAY)
        assert [alarm.code for alarm in (await harness.facts()).standing.alarms] == ["REVOKE_OVERDUE"]
        harness.entra.faults.clear()
        await harness.run_for(3 * HOUR)
        assert (await harness.facts()).standing.alarms == ()


async def test_a_failed_rotation_is_shown_as_failed_and_comes_back(harness: Harness) -> None:
    await rotated(harness)
    harness.places["vault"].down()
    await harness.ask("rotate")
    await harness.run_for(10 * MINUTE)
    standing = (await harness.facts()).standing
    assert (standing.status, standing.failures >= 3) == (RotationStatus.FAILED, True)
    harness.places["vault"].up()
    await harness.run_for(HOUR)
    assert (await harness.facts()).standing.status is RotationStatus.SUCCESS
