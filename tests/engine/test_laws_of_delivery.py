"""Does law L7 hold: rotated means delivered? And what becomes of a destination that is dead, foreign or drifting?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.events import AlarmCleared, AlarmRaised, Delivered, DriftFound, Promoted
from rotator.domain.model import OnDrift, RotationStatus
from rotator.errors import DestinationUnavailable
from tests.builders import OBJECT, an_embedded_destination
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing

TWO = (an_embedded_destination(), a_place(), a_place("second"))


async def rotated(harness: Harness, **changes: object) -> None:
    await harness.define(billing(**{"destinations": TWO, **changes}))
    await harness.run_for(HOUR)


def only_write_fails(harness: Harness, name: str = "second") -> None:
    """It dies after preflight has found it well."""
    place = harness.places[name]
    place.broken = {"write": DestinationUnavailable(name, "write", "it does not answer")}


class TestL7:
    """Each destination has its own state and retries; nothing is revoked while one required lacks the successor."""

    async def test_L7_nothing_is_issued_while_a_required_destination_is_dead(self, harness: Harness) -> None:
        harness.places["second"].down()
        await harness.define(billing(destinations=TWO))
        await harness.run_for(timedelta(seconds=30))
        assert harness.entra.count("add_password") == 0
        standing = (await harness.facts()).standing
        assert (standing.status, standing.message) == (RotationStatus.FAILED, "second: check: it does not answer")

    async def test_L7_a_foreign_place_is_refused_before_anything_is_issued(self, harness: Harness) -> None:
        harness.places["second"].overwritten("theirs", harness.foreign_marker())
        harness.excused.add("second")
        await harness.define(billing(destinations=TWO))
        await harness.run_for(timedelta(seconds=30))
        assert harness.entra.count("add_password") == 0
        assert "adopt: true" in (await harness.facts()).standing.message
        assert harness.places["second"].text == "theirs"

    async def test_L7_a_foreign_place_is_taken_over_when_the_definition_says_so(self, harness: Harness) -> None:
        harness.places["second"].overwritten("theirs", harness.foreign_marker())
        harness.excused.add("second")
        await harness.define(billing(destinations=(a_place("second", adopt=True),)))
        await harness.run_for(HOUR)
        assert harness.places["second"].text == "text-0"

    async def test_L7_the_attempt_stays_open_until_the_last_required_destination_has_it(self, harness: Harness) -> None:
        await rotated(harness)
        only_write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(DAY)
        facts = await harness.facts()
        assert facts.current is not None
        assert facts.pending is not None
        assert (facts.current.key_id, facts.pending.key_id, facts.standing.status) == (
            "key-1",
            "key-2",
            RotationStatus.IN_PROGRESS,
        )
        assert harness.places["vault"].text == "text-1"
        assert harness.shown(billing()) == "text-0"
        harness.places["second"].up()
        await harness.run_for(2 * HOUR)
        assert (await harness.current()).key_id == "key-2"
        assert {harness.places["second"].text, harness.shown(billing())} == {"text-1"}
        assert harness.entra.count("add_password") == 2

    async def test_L7_only_the_destination_that_failed_is_written_again(self, harness: Harness) -> None:
        await rotated(harness)
        only_write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(6 * HOUR)
        assert harness.places["vault"].writes == 2
        failed = [event for event in harness.engine.events(Delivered) if not event.ok]
        assert {event.destination for event in failed} == {"second"}
        assert 8 <= len(failed) <= 14

    async def test_L7_a_message_says_what_an_open_attempt_waits_for(self, harness: Harness) -> None:
        await rotated(harness)
        only_write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(10 * MINUTE)
        message = (await harness.facts()).standing.message
        assert message.startswith("Tried again at 2026-03-01 11:")
        assert "second: write: it does not answer" in message

    async def test_L7_a_later_order_waits_for_the_earlier_one(self, harness: Harness) -> None:
        await rotated(harness, destinations=(a_place(), a_place("second", order=1)))
        only_write_fails(harness, "vault")
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert harness.places["second"].text == "text-0"
        harness.places["vault"].up()
        await harness.run_for(2 * HOUR)
        assert harness.places["second"].text == "text-1"

    async def test_L7_an_optional_destination_holds_nothing_and_is_served_later(self, harness: Harness) -> None:
        await rotated(harness, destinations=(a_place(), a_place("second", required=False)))
        harness.places["second"].down()
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert (await harness.current()).key_id == "key-2"
        harness.places["second"].up()
        await harness.run_for(2 * HOUR)
        assert harness.places["second"].text == "text-1"

    async def test_L7_an_asked_for_rotation_does_not_wait_for_the_retry_of_an_open_one(self, harness: Harness) -> None:
        await rotated(harness)
        only_write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(DAY)
        harness.places["second"].up()
        asked = await harness.ask("rotate")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        assert (await harness.current()).key_id == "key-2"

    async def test_L7_a_write_that_is_not_there_when_read_back_is_no_delivery(self, harness: Harness) -> None:
        await rotated(harness)
        second = harness.places["second"]
        second.during_write = lambda: second.overwritten("mixed up")
        harness.excused.add("second")
        await harness.ask("rotate")
        await harness.run_for(10 * MINUTE)
        assert (await harness.current()).key_id == "key-1"

    async def test_L7_a_write_that_came_through_with_an_error_is_found_by_the_next_try(self, harness: Harness) -> None:
        await rotated(harness)
        second = harness.places["second"]
        second.after = True
        only_write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(3 * MINUTE)
        second.up()
        await harness.run_for(HOUR)
        assert ((await harness.current()).key_id, second.text) == ("key-2", "text-1")


class TestPartly:
    """A dead destination must not become an outage."""

    async def dead_until_it_presses(self, harness: Harness, **changes: object) -> None:
        """The next slot is on April 1, 02:30; the secret ends on April 3 and presses from April 1, 22:00 on."""
        await rotated(harness, **{"lifetime": 33 * DAY, **changes})
        only_write_fails(harness)
        await harness.run_for(31 * DAY)
        assert (await harness.current()).key_id == "key-1"
        await harness.run_for(12 * HOUR)

    async def test_L7_it_is_promoted_partly_when_time_is_short(self, harness: Harness) -> None:
        await self.dead_until_it_presses(harness)
        facts = await harness.facts()
        assert facts.current is not None
        assert facts.current.key_id != "key-1"
        assert facts.standing.promoted_partly
        assert "PROMOTED_PARTLY" in [alarm.code for alarm in facts.standing.alarms]
        assert "still missing at second" in facts.standing.message
        assert harness.shown(billing()) == harness.places["vault"].text == "text-1"

    async def test_L7_the_old_one_is_then_left_to_expire_never_revoked(self, harness: Harness) -> None:
        await self.dead_until_it_presses(harness, overlap=timedelta(0))
        await harness.run_for(20 * HOUR)
        assert "key-1" in harness.ours()
        assert harness.places["second"].text == "text-0"

    async def test_L7_the_rest_is_served_as_soon_as_it_answers_and_the_alarm_ends(self, harness: Harness) -> None:
        await self.dead_until_it_presses(harness, overlap=timedelta(0))
        harness.places["second"].up()
        await harness.run_for(3 * HOUR)
        facts = await harness.facts()
        assert harness.places["second"].text == harness.places["vault"].text
        assert not facts.standing.promoted_partly
        assert facts.standing.alarms == ()
        assert "PROMOTED_PARTLY" in [event.code for event in harness.engine.events(AlarmCleared)]
        assert "key-1" not in harness.ours()

    async def test_L7_the_rest_is_served_where_drift_is_only_reported_too(self, harness: Harness) -> None:
        reported = (*TWO[:2], a_place("second", on_drift=OnDrift.REPORT))
        await self.dead_until_it_presses(harness, destinations=reported)
        harness.places["second"].up()
        await harness.run_for(3 * HOUR)
        assert harness.places["second"].text == harness.places["vault"].text
        assert harness.engine.events(DriftFound) == []

    async def test_L7_without_any_destination_that_has_it_nothing_is_promoted(self, harness: Harness) -> None:
        await rotated(harness, destinations=(a_place("second"),), lifetime=33 * DAY)
        only_write_fails(harness)
        await harness.run_for(32 * DAY)
        assert (await harness.current()).key_id == "key-1"
        assert "EXPIRING" in [alarm.code for alarm in (await harness.facts()).standing.alarms]

    async def test_L7_a_new_attempt_is_begun_when_the_pending_secret_gets_too_old(self, harness: Harness) -> None:
        await rotated(harness, lifetime=33 * DAY)
        only_write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(4 * DAY)
        facts = await harness.facts()
        outcomes = {a.outcome for a, _ in await harness.store.history("rotation-1")}
        assert "superseded" in outcomes
        assert facts.pending is not None
        assert facts.pending.key_id == "key-3"
        # The one it gives up stands at a destination and so retires instead of going at once.
        assert harness.places["vault"].text == "text-2"


class TestDrift:
    """A destination that was changed behind our back."""

    async def test_drift_is_healed_with_the_current_secret(self, harness: Harness) -> None:
        await rotated(harness)
        harness.places["second"].overwritten("by hand", harness.places["second"].marker)
        harness.excused.add("second")
        await harness.run_for(DAY)
        assert harness.places["second"].text == "text-0"
        (event,) = harness.engine.events(DriftFound)
        assert (event.destination, event.healed) == ("second", True)

    async def test_an_emptied_destination_is_filled_again(self, harness: Harness) -> None:
        await rotated(harness)
        place = harness.places["second"]
        place.marker, place.text, place.version = None, "", 0
        await harness.run_for(DAY)
        assert place.text == "text-0"

    async def test_drift_is_reported_once_and_left_where_the_definition_says_so(self, harness: Harness) -> None:
        await rotated(harness, destinations=(a_place(), a_place("second", on_drift=OnDrift.REPORT)))
        harness.places["second"].overwritten("by hand", harness.places["second"].marker)
        harness.excused.add("second")
        await harness.run_for(3 * DAY)
        assert harness.places["second"].text == "by hand"
        assert [event.healed for event in harness.engine.events(DriftFound)] == [False]
        assert "DRIFT" in [alarm.code for alarm in (await harness.facts()).standing.alarms]

    async def test_a_person_may_deliver_over_reported_drift(self, harness: Harness) -> None:
        await rotated(harness, destinations=(a_place(), a_place("second", on_drift=OnDrift.REPORT)))
        harness.places["second"].overwritten("by hand", harness.places["second"].marker)
        harness.excused.add("second")
        await harness.run_for(2 * DAY)
        asked = await harness.ask("deliver", to="second")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        assert harness.places["second"].text == "text-0"
        assert (await harness.facts()).standing.alarms == ()

    async def test_a_key_that_entra_knows_and_we_do_not_is_never_overwritten(self, harness: Harness) -> None:
        await rotated(harness)
        place, theirs = harness.places["second"], harness.entra.put(OBJECT, days=900)
        assert place.marker is not None
        place.overwritten(theirs.text, replace(place.marker, key_id=theirs.key_id))
        await harness.run_for(3 * DAY)
        assert place.text == theirs.text
        assert "DRIFT" in [event.code for event in harness.engine.events(AlarmRaised)]

    async def test_a_pending_key_at_a_destination_is_no_drift(self, harness: Harness) -> None:
        await rotated(harness, overlap=2 * DAY)
        await harness.ask("rotate")
        await harness.run_for(DAY)
        only_write_fails(harness)
        await harness.ask("rotate")
        await harness.run_for(4 * DAY)
        assert harness.places["vault"].text == "text-2"
        harness.places["second"].up()
        await harness.run_for(2 * HOUR)
        promoted = harness.engine.events(Promoted)
        assert [event.key_id for event in promoted] == ["key-1", "key-2", "key-3"]
        assert harness.places["vault"].writes == 3

    async def test_nothing_is_healed_with_a_secret_that_does_not_sign_in(self, harness: Harness) -> None:
        await rotated(harness)
        harness.excused |= {"vault", "second", "embedded"}
        harness.entra.living(OBJECT)[0].removed_at = harness.entra.time()
        harness.entra.removal_lag = 10 * DAY
        harness.places["second"].overwritten("by hand", harness.places["second"].marker)
        await harness.run_for(3 * DAY)
        assert harness.places["second"].text == "by hand"
