"""What becomes of a rotation whose definition is edited or gone, or whose secret somebody removed?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.edits import Retire
from tests.builders import OBJECT, an_embedded_destination
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing
from tests.engine.test_modes import rotated, write_fails


class TestLeaving:
    """A rotation that leaves the definitions is retired: no more rotations, nothing revoked."""

    async def leave(self, harness: Harness) -> None:
        await harness.store.define([Retire("rotation-1", harness.clock.now())])

    async def test_a_retired_rotation_rotates_and_revokes_nothing(self, harness: Harness) -> None:
        await rotated(harness, overlap=DAY)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        await self.leave(harness)
        before = harness.ours()
        visits = harness.entra.count("registration")
        harness.excused |= {"vault", "embedded"}
        await harness.run_for(100 * DAY)
        assert harness.ours() == before
        assert harness.entra.count("registration") - visits < 50

    async def test_a_retired_rotation_refuses_to_rotate(self, harness: Harness) -> None:
        await rotated(harness)
        await self.leave(harness)
        asked = await harness.ask("rotate")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "refused"

    async def test_forget_lets_a_retired_rotation_go_and_its_secrets_stay(self, harness: Harness) -> None:
        await rotated(harness)
        await self.leave(harness)
        asked = await harness.ask("forget")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        assert await harness.store.facts() == []
        assert harness.ours() == ["key-1"]

    async def test_forget_with_revoke_and_last_ends_all(self, harness: Harness) -> None:
        await rotated(harness)
        await self.leave(harness)
        harness.excused |= {"vault", "embedded"}
        refused = await harness.ask("forget", revoke=True)
        await harness.turn()
        assert (await harness.answer(refused))[0] == "refused"
        asked = await harness.ask("forget", revoke=True, last=True)
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        assert harness.ours() == []
        assert harness.places["vault"].text == "", "a dead secret stands where a living one stood"

    async def test_forget_is_answered_when_the_application_is_gone(self, harness: Harness) -> None:
        await rotated(harness)
        await self.leave(harness)
        harness.entra.apps.clear()
        harness.excused |= {"vault", "embedded"}
        harness.start("node-2")
        asked = await harness.ask("forget")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"

    async def test_a_living_rotation_cannot_be_forgotten(self, harness: Harness) -> None:
        await rotated(harness)
        asked = await harness.ask("forget")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "refused"


class TestEdits:
    """Edits of section 7."""

    async def test_an_added_destination_gets_the_current_secret_without_a_rotation(self, harness: Harness) -> None:
        await rotated(harness)
        await harness.edit(destinations=(an_embedded_destination(), a_place(), a_place("second")))
        await harness.turn()
        assert harness.places["second"].text == "text-0"
        assert harness.ours() == ["key-1"]

    async def test_a_removed_destination_holds_the_revoke_until_it_is_forgotten(self, harness: Harness) -> None:
        await rotated(harness, overlap=DAY)
        await harness.edit(destinations=(an_embedded_destination(),))
        await harness.ask("rotate")
        await harness.run_for(3 * DAY)
        assert harness.ours() == ["key-1", "key-2"]
        assert "DESTINATION_REMOVED" in [alarm.code for alarm in (await harness.facts()).standing.alarms]
        asked = await harness.ask("forget", to="vault")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        harness.excused.add("vault")
        await harness.run_for(2 * HOUR)
        assert harness.ours() == ["key-2"]

    async def test_a_removed_destination_holds_a_revoke_that_comes_at_once(self, harness: Harness) -> None:
        await rotated(harness, overlap=timedelta(0))
        await harness.edit(destinations=(an_embedded_destination(),))
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1", "key-2"]

    async def test_a_pending_key_left_at_a_removed_destination_is_not_revoked(self, harness: Harness) -> None:
        places = (an_embedded_destination(), a_place(), a_place("second"))
        await rotated(harness, destinations=places)
        write_fails(harness, "second")
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert harness.places["vault"].text == "text-1"
        await harness.edit(destinations=(an_embedded_destination(), a_place("second")))
        asked = await harness.ask("compromised")
        await harness.run_for(30 * MINUTE)
        assert (await harness.answer(asked))[0] in {"", "failed"}
        assert harness.entra.valid("text-1")

    async def test_a_destination_repaired_in_the_definition_serves_the_open_attempt(self, harness: Harness) -> None:
        await rotated(harness)
        write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        harness.excused.add("vault")
        await harness.edit(destinations=(an_embedded_destination(), a_place("vault-2")))
        await harness.run_for(2 * HOUR)
        assert (await harness.current()).key_id == "key-2"
        assert harness.places["vault-2"].text == "text-1"

    async def test_a_changed_mapping_moves_the_names(self, harness: Harness) -> None:
        await rotated(harness)
        moved = {"clientId": "NEW_ID", "clientSecret": "NEW_SECRET"}
        rule = replace(an_embedded_destination(), names=moved)
        changed = await harness.edit(destinations=(rule, a_place()), mapping=moved)
        await harness.turn()
        assert harness.shown(changed) == "text-0"
        assert harness.ours() == ["key-1"]
        assert set(await harness.store.mapped_names(changed.folder)) == set(moved.values())


class TestCurrentLost:
    """Absent in two reads one propagation time apart, and refused at sign-in."""

    async def test_a_current_secret_that_somebody_removed_is_replaced(self, harness: Harness) -> None:
        await rotated(harness)
        harness.excused |= {"vault", "embedded"}
        harness.entra.living(OBJECT)[0].removed_at = harness.entra.time()
        await harness.run_for(2 * DAY)
        facts = await harness.facts()
        assert facts.current is not None
        assert (facts.current.key_id, facts.standing.current_lost) == ("key-2", False)
        assert harness.places["vault"].text == "text-1"

    async def test_one_read_that_misses_it_is_no_loss(self, harness: Harness) -> None:
        await rotated(harness)
        truth, hidden = harness.entra._shown, iter([False])
        harness.entra._shown = lambda *args: next(hidden, True) and truth(*args)  # type: ignore[method-assign]
        await harness.run_for(23 * HOUR + MINUTE / 2)
        assert (await harness.facts()).standing.missing_since is not None
        await harness.run_for(3 * DAY)
        assert harness.ours() == ["key-1"]
        assert (await harness.facts()).standing.missing_since is None

    async def test_one_that_still_signs_in_is_no_loss(self, harness: Harness) -> None:
        await rotated(harness)
        harness.entra.listing_delay = 4 * DAY
        before = harness.entra.count("registration")
        await harness.run_for(30 * HOUR)
        assert harness.ours() == ["key-1"]
        assert harness.entra.count("registration") - before < 300

    async def test_a_dead_destination_does_not_keep_a_lost_secret_from_being_replaced(self, harness: Harness) -> None:
        await rotated(harness, destinations=(an_embedded_destination(), a_place(), a_place("second")))
        harness.excused |= {"vault", "embedded", "second"}
        harness.entra.living(OBJECT)[0].removed_at = harness.entra.time()
        harness.places["second"].down()
        await harness.run_for(2 * DAY)
        assert harness.places["vault"].text == "text-1"
        assert harness.shown(billing()) == "text-1"
