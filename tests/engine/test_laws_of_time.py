"""Do laws L9, L10, L13 and L14 hold: unknown is never due, late is no outage, clocks are doubted, storms are small?"""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.events import AlarmCleared, AlarmRaised, AttemptBegan
from rotator.domain.model import Limits, RotationStatus
from rotator.domain.schedule import Schedule
from rotator.errors import DirectoryUnavailable, PolicyRefused, SignInRefused
from tests.builders import OBJECT, rotations
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing


async def alarmed(harness: Harness) -> list[str]:
    return [alarm.code for alarm in (await harness.facts()).standing.alarms]


class TestL9:
    """A restart, upgrade, restore or edit neither skips a rotation nor causes a storm."""

    async def test_L9_a_restart_rotates_nothing(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        for n in range(5):
            harness.start(f"node-{n + 2}")
            await harness.store.wake()
            await harness.run_for(HOUR)
        assert harness.ours() == ["key-1"]

    async def test_L9_a_slot_missed_while_nobody_ran_is_made_up_once(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        harness.clock.advance(50 * DAY)
        harness.start("node-2")
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1", "key-2"]
        await harness.run_for(9 * DAY)
        assert harness.entra.count("add_password") == 2

    async def test_L9_an_edit_that_moves_the_time_into_the_past_waits_for_the_next_slot(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(10 * DAY)
        await harness.edit(moves=True, schedule=Schedule(5, 2, 30))
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1"]
        await harness.run_for(DAY)
        assert harness.ours() == ["key-1", "key-2"]

    async def test_L9_a_pause_over_the_slot_rotates_at_the_slot_after_the_resume(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        await harness.store.pause("rotation-1")
        await harness.run_for(40 * DAY)
        assert harness.ours() == ["key-1"]
        await harness.store.resume("rotation-1")
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1"]
        await harness.run_for(DAY)
        assert harness.ours() == ["key-1", "key-2"]

    async def test_L9_a_manual_try_that_failed_counts_as_manual_when_it_succeeds(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(10 * DAY)
        harness.places["vault"].down()
        await harness.ask("rotate")
        await harness.run_for(MINUTE / 2)
        harness.places["vault"].up()
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1", "key-2"]
        await harness.run_for(30 * DAY)
        assert harness.entra.count("add_password") == 2
        await harness.run_for(DAY)
        assert harness.entra.count("add_password") == 3

    async def test_L9_a_failed_manual_try_does_not_move_the_next_slot(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(32 * DAY)
        before = (await harness.facts()).standing
        harness.places["vault"].down()
        await harness.ask("rotate")
        await harness.run_for(MINUTE / 2)
        after = (await harness.facts()).standing
        assert (after.anchor_at, after.last_manual) == (before.anchor_at, before.last_manual)
        assert after.failures == 1


class TestL10:
    """A late rotation is not an outage."""

    async def test_L10_a_policy_too_short_for_the_interval_is_refused_with_one_that_fits(
        self, harness: Harness
    ) -> None:
        harness.entra.cap = 40 * DAY
        await harness.define(billing())
        await harness.run_for(MINUTE / 2)
        standing = (await harness.facts()).standing
        assert standing.status is RotationStatus.FAILED
        assert "Lower rotationInterval to 18 or less" in standing.message
        assert harness.entra.count("add_password") == 0

    async def test_L10_a_policy_shorter_than_the_lifetime_and_long_enough_is_obeyed(self, harness: Harness) -> None:
        harness.entra.cap = 90 * DAY
        await harness.define(billing(lifetime=200 * DAY))
        await harness.run_for(HOUR)
        (password,) = harness.entra.living(OBJECT)
        assert password.expires_at - password.starts_at == 90 * DAY

    async def test_L10_a_policy_that_forbids_secrets_is_named(self, harness: Harness) -> None:
        harness.entra.cap = PolicyRefused("preflight", "the tenant forbids new secrets", hint="Ask for an exemption")
        await harness.define(billing())
        await harness.run_for(MINUTE / 2)
        assert "Ask for an exemption" in (await harness.facts()).standing.message

    @pytest.mark.parametrize("held", ["paused", "off"])
    async def test_L10_nearing_expiry_is_alarmed_where_we_may_not_act(self, harness: Harness, held: str) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        if held == "paused":
            await harness.store.pause("rotation-1")
        else:
            await harness.edit(auto=False)
        await harness.run_for(62 * DAY)
        assert harness.ours() == ["key-1"]
        assert await alarmed(harness) == ["EXPIRING"]
        harness.excused |= {"vault", "embedded"}
        await harness.run_for(2 * DAY)
        assert await alarmed(harness) == ["EXPIRED"]

    async def test_L10_failing_for_weeks_still_ends_in_a_new_secret_before_the_old_one_dies(
        self, harness: Harness
    ) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        harness.entra.fail("registration", DirectoryUnavailable("get", "down"), times=10**6)
        await harness.run_for(40 * DAY)
        harness.entra.faults.clear()
        await harness.run_for(2 * HOUR)
        assert (await harness.current()).key_id == "key-2"

    async def test_L10_a_life_that_entra_cut_short_is_taken_as_it_is_and_makes_no_storm(self, harness: Harness) -> None:
        harness.entra.longest_life = 20 * DAY
        await harness.define(billing())
        await harness.run_for(18 * DAY)
        assert harness.entra.count("add_password") == 1
        await harness.run_for(2 * DAY)
        assert (await harness.current()).key_id == "key-2"


class TestL13:
    """Dates are judged by the database's time, and that time by Entra's."""

    @pytest.mark.parametrize("jump", [366 * DAY, -366 * DAY, 6 * MINUTE, -6 * MINUTE])
    async def test_L13_nothing_is_issued_or_revoked_while_the_clock_is_suspect(
        self, harness: Harness, jump: timedelta
    ) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(32 * DAY)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        before = harness.ours()
        harness.clock.jump(jump)
        await harness.store.wake()
        await harness.turn()
        await harness.ask("rotate")
        await harness.turn()
        harness.clock.advance(2 * HOUR)
        await harness.turn()
        assert harness.ours() == before
        assert "CLOCK_SUSPECT" in await alarmed(harness)

    async def test_L13_a_clock_set_right_again_is_believed_and_nothing_was_skipped(self, harness: Harness) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(20 * DAY)
        harness.clock.jump(366 * DAY)
        await harness.store.wake()
        await harness.run_for(HOUR)
        harness.clock.jump(-366 * DAY)
        await harness.run_for(21 * DAY)
        assert "CLOCK_SUSPECT" in [event.code for event in harness.engine.events(AlarmCleared)]
        assert await alarmed(harness) == []
        assert harness.entra.count("add_password") == 2

    async def test_L13_a_process_that_starts_under_a_wrong_clock_learns_it_from_entra_first(
        self, harness: Harness
    ) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(10 * DAY)
        harness.clock.jump(366 * DAY)
        harness.start("node-2")
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1"]
        assert "CLOCK_SUSPECT" in await alarmed(harness)

    async def test_L13_an_attempt_that_began_before_entra_told_the_time_leaves_no_trace(self, harness: Harness) -> None:
        """The comparison of a new process fails once, and the preflight that reads Entra next finds the clock wrong."""
        await harness.define(billing())
        await harness.run_for(10 * DAY)
        harness.clock.jump(366 * DAY)
        harness.entra.fail("registration", DirectoryUnavailable("registration", "no answer"))
        harness.start("node-2")
        await harness.store.wake()
        await harness.turn()
        facts = await harness.facts()
        assert (facts.attempt, facts.standing.due_slot) == (None, None)
        assert "CLOCK_SUSPECT" in await alarmed(harness)

    async def test_L13_an_open_attempt_does_not_issue_on_a_suspect_clock(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        jumped = iter([True])

        def jump() -> None:
            if next(jumped, False):
                harness.clock.jump(400 * DAY)

        truth = harness.entra.longest_lifetime

        async def slow(object_id: str) -> timedelta | None:
            jump()
            return await truth(object_id)

        harness.entra.longest_lifetime = slow  # type: ignore[method-assign]
        await harness.ask("rotate")
        await harness.turn()
        assert harness.ours() == ["key-1"]

    async def test_L13_what_is_edited_under_a_wrong_clock_is_rotated_in_time_all_the_same(
        self, harness: Harness
    ) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(20 * DAY)
        harness.clock.jump(400 * DAY)
        await harness.edit(labels={"owner": "somebody"})
        await harness.run_for(HOUR)
        harness.clock.jump(-400 * DAY)
        await harness.run_for(11 * DAY)
        assert await alarmed(harness) == []
        assert harness.entra.count("add_password") == 2

    async def test_L13_entra_is_asked_again_though_every_visit_was_put_off_by_a_wrong_clock(
        self, harness: Harness
    ) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(20 * DAY)
        harness.clock.jump(400 * DAY)
        await harness.store.wake()
        await harness.turn()
        lease = (await harness.store.claim("a node that believes it", limit=1, ttl=MINUTE))[0].lease
        later = harness.clock.now() + 30 * DAY
        await harness.store.write(lease, (), ttl=MINUTE, wake_at=later, release=True)
        harness.clock.jump(-400 * DAY)
        await harness.run_for(HOUR)
        assert await alarmed(harness) == []

    async def test_L13_five_minutes_are_no_doubt(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        harness.clock.jump(4 * MINUTE)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert harness.ours() == ["key-1", "key-2"]

    async def test_L13_a_doubt_does_not_make_the_engine_turn_in_circles(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        harness.clock.jump(400 * DAY)
        before = harness.entra.count("registration")
        await harness.run_for(6 * HOUR)
        assert harness.entra.count("registration") - before < 500


class TestL14:
    """Blast radius is bounded."""

    async def test_L14_no_more_rotations_begin_in_an_hour_than_the_limit(self, tmp_path: Path) -> None:
        harness = Harness(tmp_path, limits=Limits(rotations_per_hour=5))
        await harness.define(*rotations(20, destinations=()))
        await harness.run_for(59 * MINUTE)
        assert harness.entra.count("add_password") == 5
        await harness.run_for(6 * HOUR)
        assert harness.entra.count("add_password") == 20
        harness.store.close()

    async def test_L14_a_broken_connection_stops_all_and_lets_one_probe_pass(self, tmp_path: Path) -> None:
        harness = Harness(tmp_path, limits=Limits(failures_before_pause=3))
        await harness.define(*rotations(8, destinations=()))
        await harness.run_for(HOUR)
        harness.entra.fail("registration", SignInRefused("token", "expired", code="7000222"), times=10**6)
        for n in range(1, 9):
            await harness.ask("rotate", f"rotation-{n}")
        await harness.turn()
        began = len(harness.engine.events(AttemptBegan))
        assert began == 16
        await harness.run_for(2 * HOUR)
        probes = len(harness.engine.events(AttemptBegan)) - began
        assert 6 <= probes <= 12
        harness.entra.faults.clear()
        await harness.run_for(2 * HOUR)
        assert harness.entra.count("add_password") == 16
        harness.store.close()

    async def test_L14_one_rotation_alone_never_opens_the_breaker(self, tmp_path: Path) -> None:
        harness = Harness(tmp_path, limits=Limits(failures_before_pause=2))
        await harness.define(*rotations(3, destinations=()))
        harness.entra.fail("registration", SignInRefused("token", "no"), times=10**6, object_id="object-1")
        await harness.run_for(5 * HOUR)
        assert (await harness.facts("api-1")).health.opened_at is None
        assert harness.entra.count("add_password") == 2
        harness.store.close()

    async def test_L14_destinations_never_open_the_breaker(self, tmp_path: Path) -> None:
        harness = Harness(tmp_path, limits=Limits(failures_before_pause=2))
        harness.places["vault"].down()
        await harness.define(*rotations(4, destinations=(a_place(),)))
        await harness.run_for(2 * HOUR)
        assert (await harness.facts("api-1")).health.opened_at is None
        harness.store.close()

    async def test_L14_identical_slots_are_spread_and_the_gate_stays(self, harness: Harness) -> None:
        await harness.define(*rotations(20, destinations=()))
        await harness.run_for(31 * DAY)
        began = [event.at for event in harness.engine.events(AttemptBegan)][20:]
        assert len(began) == 20
        assert max(began) - min(began) > timedelta(seconds=1)

    async def test_L14_failures_are_retried_ever_more_slowly(self, harness: Harness) -> None:
        harness.places["vault"].down()
        await harness.define(billing())
        await harness.run_for(5 * HOUR)
        began = [event.at for event in harness.engine.events(AttemptBegan)]
        waits = [(later - earlier) / MINUTE for earlier, later in itertools.pairwise(began)]
        wanted = [1, 2, 4, 8, 16, 32, 60, 60]
        assert len(waits) >= len(wanted)
        assert [round(wait / want) for wait, want in zip(waits, wanted, strict=False)] == [1] * len(wanted)


async def test_L13_alarms_are_told_once(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(HOUR)
    harness.clock.jump(400 * DAY)
    await harness.run_for(HOUR)
    assert [event.code for event in harness.engine.events(AlarmRaised)].count("CLOCK_SUSPECT") == 1
