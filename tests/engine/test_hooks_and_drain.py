"""Are consumers told, without ever failing a rotation, and does the daemon stop at a step boundary?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from rotator.domain.events import StepEnded
from rotator.domain.model import RotationStatus, VerifyRule
from rotator.errors import LeaseLost, StoreUnavailable
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, Engine, Harness, billing


class TestHooks:
    async def test_hooks_run_once_each_in_their_order_with_the_new_secret(self, harness: Harness) -> None:
        harness.hooks.results = {"restart": [True], "refresh": [True]}
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert harness.hooks.ran == [("restart", "key-1"), ("refresh", "key-1")]

    async def test_a_hook_that_fails_is_tried_three_times_and_fails_nothing(self, harness: Harness) -> None:
        harness.hooks.results = {"restart": [False]}
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert len(harness.hooks.ran) == 3
        standing = (await harness.facts()).standing
        assert standing.status is RotationStatus.SUCCESS
        (entry,) = [e for e in await harness.store.journal("rotation-1") if (e.step, e.phase) == ("notify", "outcome")]
        assert (entry.facts["done"], entry.facts["tries"], entry.facts["message"]) == (False, 3, "exit status 1")

    async def test_status_says_who_was_told_and_who_was_not_and_why(self, harness: Harness) -> None:
        harness.hooks.results = {"restart": [True], "refresh": [False]}
        await harness.define(billing())
        await harness.run_for(HOUR)
        message = (await harness.facts()).standing.message
        assert message.startswith("New secret key-1 proved")
        assert message.endswith("restart was told. refresh was not told: exit status 1.")
        ended = [event for event in harness.engine.events(StepEnded) if event.step == "notify"]
        assert [(event.ok, event.message) for event in ended] == [(True, ""), (False, "exit status 1")]

    async def test_a_lease_outlasts_the_patience_of_a_hook(self, harness: Harness) -> None:
        """Law L8: before each outside effect the lease has more time left than that call may take."""
        harness.hooks.results = {"restart": [True]}
        harness.hooks.patience = lambda *_: 10 * MINUTE  # type: ignore[method-assign]
        truth, taken = harness.hooks.run, list[int]()

        async def slow(*args: object) -> object:
            harness.clock.advance(9 * MINUTE)
            taken.append(len(await harness.store.claim("node-2", limit=5, ttl=MINUTE)))
            return await truth(*args)  # type: ignore[arg-type]

        harness.hooks.run = slow  # type: ignore[method-assign,assignment]
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert taken == [0]

    async def test_a_hook_that_works_at_the_second_try_is_enough(self, harness: Harness) -> None:
        harness.hooks.results = {"restart": [False, True]}
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert len(harness.hooks.ran) == 2

    async def test_without_overlap_the_revoke_waits_for_the_hooks(self, harness: Harness) -> None:
        await harness.define(billing(overlap=timedelta(0)))
        await harness.run_for(HOUR)
        harness.hooks.results = {"restart": [True]}
        alive: list[list[str]] = []
        truth = harness.hooks.run

        async def slow(*args: object) -> object:
            harness.clock.advance(10 * MINUTE)
            alive.append(harness.ours())
            return await truth(*args)  # type: ignore[arg-type]

        harness.hooks.run = slow  # type: ignore[method-assign,assignment]
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert alive == [["key-1", "key-2"]]
        assert harness.ours() == ["key-2"]

    async def test_the_promotion_is_durable_before_a_consumer_is_told(self, harness: Harness) -> None:
        harness.hooks.results = {"restart": [True]}
        seen: list[str] = []
        truth = harness.hooks.run

        async def look(*args: object) -> object:
            seen.append((await harness.current()).key_id)
            return await truth(*args)  # type: ignore[arg-type]

        harness.hooks.run = look  # type: ignore[method-assign,assignment]
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert seen == ["key-1"]


async def in_the_middle_of_a_proof(harness: Harness) -> Engine:
    """The new secret does not sign in yet; the visit sleeps between two tries."""
    harness.entra.sign_in_delay = 5 * MINUTE
    await harness.define(billing(verify=VerifyRule(2, timedelta(seconds=30), 15 * MINUTE)))
    engine = harness.engine
    await engine.dispatcher.fill()
    for _ in range(100):
        await asyncio.sleep(0)
    assert harness.clock.next_wake is not None
    return engine


class TestDrain:
    async def test_a_drain_in_the_middle_of_a_proof_ends_at_once_and_leaves_the_attempt_open(
        self, harness: Harness
    ) -> None:
        engine = await in_the_middle_of_a_proof(harness)
        before = harness.clock.monotonic()
        await engine.dispatcher.drain()
        assert harness.clock.monotonic() == before
        facts = await harness.facts()
        assert facts.attempt is not None
        assert facts.pending is not None
        assert engine.troubles == []

    async def test_the_next_process_goes_on_at_once_with_the_same_secret(self, harness: Harness) -> None:
        engine = await in_the_middle_of_a_proof(harness)
        await engine.dispatcher.drain()
        harness.start("node-2")
        await harness.run_for(HOUR)
        assert ((await harness.current()).key_id, harness.entra.count("add_password")) == ("key-1", 1)

    async def test_nothing_new_is_begun_while_draining(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.engine.dispatcher.drain()
        assert await harness.engine.dispatcher.fill() == 0
        assert harness.entra.calls == []

    async def test_an_abort_in_the_middle_of_anything_is_carried_on_by_the_next(self, harness: Harness) -> None:
        engine = await in_the_middle_of_a_proof(harness)
        engine.dispatcher.abort()
        await engine.dispatcher.settle()
        harness.start("node-2")
        await harness.run_for(HOUR)
        assert ((await harness.current()).key_id, harness.entra.count("add_password")) == ("key-1", 1)


class Unwell:
    """The store, failing some writes."""

    def __init__(self, harness: Harness, failures: list[Exception | None]) -> None:
        self._harness, self.failures = harness, failures

    def __getattr__(self, name: str) -> object:
        wanted = getattr(self._harness.store, name)
        if name != "write":
            return wanted

        async def write(*args: object, **named: object) -> object:
            problem = self.failures.pop(0) if self.failures else None
            if problem is not None:
                raise problem
            return await wanted(*args, **named)

        return write


class TestStore:
    async def test_an_issued_secret_is_kept_in_hand_until_the_store_answers(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(),)))
        gone = StoreUnavailable("the database does not answer")
        harness.start("node-1", store=Unwell(harness, [None, gone, gone, gone]))
        await harness.run_for(HOUR)
        assert (harness.ours(), harness.entra.count("add_password")) == (["key-1"], 1)
        assert harness.places["vault"].text == "text-0"

    async def test_a_store_that_is_gone_stops_a_visit_and_the_next_goes_on(self, harness: Harness) -> None:
        for n in range(1, 9):
            failures: list[Exception | None] = [None] * n + [StoreUnavailable("gone")]
            engine = harness.start(f"node-{n + 1}", store=Unwell(harness, failures))
            if n == 1:
                await harness.define(billing(destinations=(a_place(),)))
            await harness.ask("rotate")
            await harness.run_for(HOUR)
            assert all(isinstance(trouble, StoreUnavailable) for trouble in engine.troubles)
            assert harness.places["vault"].text == harness.entra.living("22222222-2222-4222-8222-222222222222")[-1].text

    async def test_a_lost_lease_is_told_and_left(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(),)))
        harness.start("node-1", store=Unwell(harness, [None, None, None, LeaseLost("taken over")]))
        await harness.run_for(DAY)
        assert harness.engine.troubles == []
        assert harness.ours() == [(await harness.current()).key_id]
