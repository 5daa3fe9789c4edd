"""Does a rotation wait for the end of a freeze and for a person's word, and for nothing in an emergency?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.events import AlarmCleared, AlarmRaised
from rotator.domain.model import FreezeWindow
from tests.engine.harness import DAY, HOUR, Harness, billing


async def frozen(harness: Harness, *, days: int = 40) -> FreezeWindow:
    """From now on for so many days."""
    now = harness.clock.now()
    window = FreezeWindow(now, now + days * DAY)
    harness.engine.world = replace(harness.engine.world, freeze=(window,))
    harness.engine.dispatcher.take(harness.engine.world, concurrency=8)
    return window


class TestFreeze:
    async def test_what_comes_due_in_a_freeze_is_rotated_at_its_end(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        window = await frozen(harness)

        await harness.run_for(window.end - harness.clock.now() - timedelta(minutes=1))
        assert harness.ours() == ["key-1"]
        await harness.run_for(HOUR)
        assert "key-2" in harness.ours()

    async def test_a_person_is_told_until_when_and_how_to_insist(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        window = await frozen(harness)

        asked = await harness.ask("rotate")
        await harness.turn()

        result, message = await harness.answer(asked)
        assert result == "refused"
        assert f"frozen until {window.end:%Y-%m-%d %H:%M}Z" in message
        assert "rotator rotate billing-api --emergency REASON" in message
        assert harness.ours() == ["key-1"]

    async def test_in_an_emergency_it_is_rotated_and_the_journal_says_why(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        await frozen(harness)

        asked = await harness.ask("rotate", emergency="INC-4711")
        await harness.turn()

        assert (await harness.answer(asked))[0] == "done"
        entries = await harness.store.journal("rotation-1")
        assert [entry.facts["message"] for entry in entries if entry.step == "emergency"] == ["INC-4711"]

    async def test_a_compromised_rotation_waits_for_no_freeze(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        await frozen(harness)

        asked = await harness.ask("compromised")
        await harness.turn()

        assert (await harness.answer(asked))[0] == "done"
        assert harness.ours() == ["key-2"]


class TestApproval:
    async def test_a_rotation_that_is_due_waits_with_an_alarm_until_it_is_approved_once(self, harness: Harness) -> None:
        await harness.define(billing(requires_approval=True))
        await harness.run_for(HOUR)
        assert harness.ours() == []
        assert [told.code for told in harness.engine.events(AlarmRaised)] == ["AWAITING_APPROVAL"]

        await harness.store.approve("rotation-1")
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1"]
        assert [told.code for told in harness.engine.events(AlarmCleared)] == ["AWAITING_APPROVAL"]

        await harness.run_for(32 * DAY)
        assert harness.ours() == ["key-1"]

    async def test_an_approval_given_before_the_slot_lets_the_next_rotation_go_ahead(self, harness: Harness) -> None:
        await harness.define(billing(requires_approval=True))
        await harness.store.approve("rotation-1")
        await harness.run_for(HOUR)
        await harness.store.approve("rotation-1")
        await harness.run_for(32 * DAY)
        assert "key-2" in harness.ours()

    async def test_an_expiry_that_nears_is_alarmed_and_does_not_pass_by_it(self, harness: Harness) -> None:
        await harness.define(billing(requires_approval=True))
        await harness.store.approve("rotation-1")
        await harness.run_for(HOUR)
        current = await harness.current()

        harness.excused = {rule.name for rule in billing().destinations}
        await harness.run_for(current.expires_at - harness.clock.now() - HOUR)

        alarms = [alarm.code for alarm in (await harness.facts()).standing.alarms]
        assert {"EXPIRING", "AWAITING_APPROVAL"} <= set(alarms)
        assert harness.ours() == ["key-1"]

    async def test_a_request_is_refused_with_the_way_to_go_on(self, harness: Harness) -> None:
        await harness.define(billing(requires_approval=True))
        asked = await harness.ask("rotate")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert (result, "rotator approve billing-api" in message) == ("refused", True)

    async def test_an_emergency_waits_for_no_approval(self, harness: Harness) -> None:
        await harness.define(billing(requires_approval=True))
        asked = await harness.ask("rotate", emergency="INC-4711")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
