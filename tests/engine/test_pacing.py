"""Do several nodes together keep to what a connection may ask for: attempts in an hour, and writes to Graph?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain import pacing
from rotator.domain.edits import Add
from rotator.domain.events import AttemptBegan
from rotator.domain.model import CredentialState, Limits, VerifyRule
from rotator.domain.pacing import Toll
from rotator.engine.clockwatch import ClockWatch
from rotator.errors import DirectoryThrottled, StoreUnavailable
from tests.builders import rotations
from tests.engine.fake_entra import contoso
from tests.engine.harness import DAY, HOUR, MINUTE, Engine, Harness, billing
from tests.engine.test_laws_of_leases import Interrupting, Slow

PACE = pacing.writes(contoso())[1]


class Through:
    """Directories that all lead to one."""

    def __init__(self, directory: Any) -> None:
        self._directory = directory

    async def open(self, _name: str) -> Any:
        return self._directory

    def __getattr__(self, name: str) -> Any:
        return getattr(self._directory, name)


class Counting:
    """A store that counts what is claimed."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.claimed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *args: Any, **named: Any) -> Any:
        claims = await self._store.claim(*args, **named)
        self.claimed += len(claims)
        return claims


def nodes(harness: Harness, count: int) -> list[Engine]:
    """Each takes turns with the others at every call of the store."""
    return [harness.start(f"node-{n}", store=Slow(harness.store)) for n in range(1, count + 1)]


async def all_fill(harness: Harness, engines: list[Engine]) -> None:
    while sum(await asyncio.gather(*(engine.dispatcher.fill() for engine in engines))):
        for engine in engines:
            await harness.settle(engine)


def begun(engines: list[Engine]) -> int:
    return sum(len(engine.events(AttemptBegan)) for engine in engines)


async def emptied(harness: Harness) -> None:
    """Somebody has just written as much as Graph takes at once."""
    (spare,) = rotations(1, destinations=())
    spare = replace(spare, id="spare", name="spare", application=replace(spare.application, object_id="spare"))
    await harness.store.define([Add(spare)])
    (claim,) = await harness.store.claim("somebody", limit=1, ttl=MINUTE, only=["spare"])
    whole = replace(PACE, every=PACE.every * PACE.burst, burst=1)
    never = datetime.max.replace(tzinfo=harness.clock.now().tzinfo)
    await harness.store.write(claim.lease, [], ttl=MINUTE, wake_at=never, release=True, toll=Toll(buckets=(whole,)))


async def test_three_nodes_at_once_begin_no_more_than_one_would(tmp_path: Path) -> None:
    harness = Harness(tmp_path, limits=Limits(rotations_per_hour=5))
    engines = nodes(harness, 3)
    await harness.define(*rotations(40, destinations=()))
    await all_fill(harness, engines)
    assert harness.entra.count("add_password") == begun(engines) == 5
    assert not [problem for engine in engines for problem in engine.troubles]
    harness.store.close()


async def test_what_finds_no_place_looks_as_if_it_had_not_begun(tmp_path: Path) -> None:
    harness = Harness(tmp_path, limits=Limits(rotations_per_hour=1))
    engines = nodes(harness, 2)
    await harness.define(*rotations(2, destinations=()))
    await all_fill(harness, engines)
    waiting = [facts for facts in await harness.store.facts() if facts.current is None]
    assert len(waiting) == 1
    assert (waiting[0].attempt, waiting[0].intents, waiting[0].standing.last_attempt_id) == (None, (), "")
    harness.store.close()


async def test_a_node_that_stops_gives_back_what_has_lost_its_place_at_once(tmp_path: Path) -> None:
    harness = Harness(tmp_path, limits=Limits(rotations_per_hour=1))
    await harness.define(*rotations(2, destinations=()))
    staying = harness.start("staying")

    async def another_begins_and_we_are_stopped() -> None:
        await staying.dispatcher.fill(only=["rotation-2"])
        await harness.settle(staying)
        leaving.world.memory.draining.set()

    # The last that preflight asks.
    entra = Interrupting(harness.entra, "longest_lifetime", another_begins_and_we_are_stopped)
    leaving = harness.start("leaving", directories=Through(entra))
    await leaving.dispatcher.fill(only=["rotation-1"])
    await harness.settle(leaving)
    assert leaving.troubles == []
    assert len(await harness.store.claim("staying", limit=1, ttl=MINUTE, only=["rotation-1"])) == 1
    assert (await harness.facts("api-1")).attempt is None
    harness.store.close()


async def test_what_waits_for_a_place_is_visited_in_turn_and_not_whenever_one_is_free(tmp_path: Path) -> None:
    harness = Harness(tmp_path, limits=Limits(rotations_per_hour=10))
    counting = Counting(harness.store)
    harness.start("node-1", store=counting)
    many = rotations(100, destinations=())
    for one in many[:10]:
        await harness.define(one)
        await harness.run_for(6 * MINUTE)
    await harness.define(*many[10:])
    counting.claimed = 0
    await harness.run_for(3 * HOUR)
    assert harness.entra.count("add_password") in range(36, 42)
    # Each of the ninety once or twice an hour; not all of them for each place, which makes 2,000.
    assert counting.claimed < 7 * 90
    harness.store.close()


async def test_near_expiry_and_what_is_compromised_pass_by_the_limit(tmp_path: Path) -> None:
    harness = Harness(tmp_path, limits=Limits(rotations_per_hour=2))
    await harness.define(*rotations(4, destinations=()))
    await harness.turn()
    assert harness.entra.count("add_password") == 2
    request = await harness.ask("compromised", "rotation-3")
    await harness.turn()
    assert (await harness.answer(request))[0] == "done"
    assert harness.entra.count("add_password") == 3
    harness.store.close()


async def test_an_issue_waits_until_graph_may_be_written_to_and_is_not_a_failure(harness: Harness) -> None:
    await emptied(harness)
    await harness.define(billing())
    await harness.turn()
    facts = await harness.facts()
    assert harness.entra.count("add_password") == 0
    assert facts.attempt is not None
    assert (facts.standing.failures, facts.intents) == (0, ())
    await harness.run_for(MINUTE)
    assert harness.ours() == ["key-1"]
    # What preflight found is not asked for again.
    assert (await harness.steps()).count("preflight outcome") == 1
    assert len(harness.engine.events(AttemptBegan)) == 2


async def test_many_issues_follow_one_another_at_the_pace_over_all_nodes(harness: Harness) -> None:
    await emptied(harness)
    engines = nodes(harness, 3)
    at_once = VerifyRule(1, timedelta(0), MINUTE)
    await harness.define(*rotations(24, destinations=(), verify=at_once))
    sent: list[float] = []
    harness.entra.after_effect = lambda: sent.append(harness.clock.monotonic())
    for _ in range(400):
        await all_fill(harness, engines)
        harness.clock.advance(PACE.every.total_seconds() / 2)
    assert len(sent) == 24
    gaps = [(later - earlier) / PACE.every.total_seconds() for earlier, later in zip(sent, sent[4:], strict=False)]
    assert min(gaps) > 3


async def test_a_compromised_secret_is_replaced_and_revoked_whatever_has_been_written(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(HOUR)
    await emptied(harness)
    request = await harness.ask("compromised")
    await harness.turn()
    assert (await harness.answer(request))[0] == "done"
    assert harness.ours() == ["key-2"]


async def test_a_revocation_that_is_asked_for_does_not_wait_and_one_that_is_due_does(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(HOUR)
    await harness.ask("rotate")
    await harness.run_for(2 * DAY)
    retiring = [c for c in (await harness.facts()).credentials if c.state is CredentialState.RETIRING]
    assert retiring
    await emptied(harness)
    await harness.ask("revoke")
    await harness.turn()
    assert harness.ours() == ["key-2"]


async def test_a_revocation_that_is_due_waits_until_graph_may_be_written_to(harness: Harness) -> None:
    await harness.define(billing(overlap=timedelta(0)))
    await harness.run_for(HOUR)
    await harness.ask("rotate")
    await harness.turn()
    await emptied(harness)
    before = harness.entra.count("remove_password")
    await harness.run_for(10 * MINUTE)
    assert harness.entra.count("remove_password") == before + 1
    assert harness.ours() == ["key-2"]


async def test_whom_one_node_is_told_to_leave_alone_all_nodes_leave_alone(harness: Harness) -> None:
    first, second = nodes(harness, 2)
    await harness.define(*rotations(3, destinations=()))
    throttled = DirectoryThrottled("reading the application", retry_after=5 * MINUTE)
    harness.entra.fail("registration", throttled, times=1)
    (claim,) = await harness.store.claim("node-0", limit=1, ttl=MINUTE, only=["rotation-1"])
    await harness.store.write(claim.lease, [], ttl=MINUTE, release=True)
    await first.dispatcher.fill(only=["rotation-1"])
    await harness.settle(first)
    asked = len(harness.entra.calls)
    harness.entra.quiet = None  # the second node has heard nothing itself
    for _ in range(4):
        await all_fill(harness, [second])
        harness.clock.advance(MINUTE)
    assert len(harness.entra.calls) == asked
    harness.clock.advance(MINUTE)
    await all_fill(harness, [second])
    harness.clock.advance(MINUTE)
    await all_fill(harness, [second])
    assert harness.entra.count("add_password") == 3


async def test_a_person_is_not_made_to_wait_for_graph_to_be_left_alone(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(HOUR)
    harness.entra.fail("registration", DirectoryThrottled("reading", retry_after=HOUR), times=1)
    await harness.ask("rotate")
    await harness.turn()
    request = await harness.ask("compromised")
    await harness.turn()
    assert (await harness.answer(request))[0] == "done"


class Broken:
    """A store during whose `wake` a doubt arises, or that fails."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.watch = ClockWatch()
        self.fails = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def wake(self, _ids: object = None) -> None:
        if self.fails:
            raise StoreUnavailable("the database does not answer")
        self.watch.was_uneasy = True


async def test_a_doubt_that_arises_while_all_are_woken_is_not_forgotten(harness: Harness) -> None:
    store = Broken(harness.store)
    watch = store.watch = harness.start("node-1", store=store).world.clockwatch
    watch.was_uneasy = True
    await harness.engine.dispatcher.fill()
    assert watch.was_uneasy


async def test_a_wake_up_that_did_not_reach_the_database_is_made_up_for(harness: Harness) -> None:
    store = Broken(harness.store)
    store.fails = True
    watch = harness.start("node-1", store=store).world.clockwatch
    watch.was_uneasy = True
    with pytest.raises(StoreUnavailable):
        await harness.engine.dispatcher.fill()
    assert watch.was_uneasy
