"""Does law L8 hold: one writer per application, fenced, and put right by whoever holds on?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rotator.domain.events import LeaseWasLost
from rotator.domain.model import Lease
from rotator.engine.lease import Hold
from rotator.errors import LeaseLost
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, Engine, Harness, billing


class Interrupting:
    """A port that lets something happen before or after one of its calls, once."""

    def __init__(self, port: Any, call: str, happens: Callable[[], Awaitable[None]], *, after: bool = False) -> None:
        self._port, self._call, self._happens, self._after = port, call, happens, after

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self._port, name)
        if name != self._call:
            return wanted

        async def interrupted(*args: Any, **named: Any) -> Any:
            self._call = ""
            if not self._after:
                await self._happens()
            result = await wanted(*args, **named)
            if self._after:
                await self._happens()
            return result

        return interrupted


class Slow:
    """A store that others get in between of, as they do when it works in a thread."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self._store, name)
        if name == "installation":
            return wanted

        async def slow(*args: Any, **named: Any) -> Any:
            await asyncio.sleep(0)
            result = await wanted(*args, **named)
            await asyncio.sleep(0)
            return result

        return slow


async def overtaken(harness: Harness, call: str, *, after: bool = False) -> tuple[Engine, Engine]:
    """The first node is stopped at that call of Entra for longer than its lease; a second one takes over meanwhile."""
    second: list[Engine] = []

    async def stopped() -> None:
        harness.clock.advance(timedelta(minutes=3))
        second.append(harness.start("node-2"))
        await harness.turn(second[0])

    directory = Interrupting(harness.entra, call, stopped, after=after)

    class Directories:
        def connection(self, name: str) -> Any:
            return harness.entra.connection(name)

        async def open(self, name: str) -> Any:
            return directory

    first = harness.start("node-1", directories=Directories())
    await harness.turn(first)
    harness.engine = second[0]
    return first, second[0]


async def a_lease(harness: Harness) -> Lease:
    (claim,) = await harness.store.claim("node-1", limit=1, ttl=timedelta(seconds=90))
    return claim.lease


class TestL8:
    """A lease per application with a fencing token that only grows."""

    async def test_L8_two_nodes_never_visit_one_application_together(self, harness: Harness) -> None:
        await harness.define(billing())
        await a_lease(harness)
        assert await harness.engine.dispatcher.fill(only=["rotation-1"]) == 0

    async def test_L8_every_claim_raises_the_token(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(),)))
        await harness.run_for(HOUR)
        first = harness.places["vault"].marker
        await harness.run_for(32 * DAY)
        second = harness.places["vault"].marker
        assert first is not None
        assert second is not None
        assert second.token > first.token

    async def test_L8_an_issuer_that_was_overtaken_takes_its_key_away_again(self, harness: Harness) -> None:
        harness.entra.listing_delay = timedelta(minutes=30)
        await harness.define(billing())
        first, _ = await overtaken(harness, "add_password", after=True)
        assert len(first.events(LeaseWasLost)) == 1
        assert "key-1" not in harness.ours()
        await harness.run_for(HOUR)
        assert harness.ours() == [(await harness.current()).key_id]

    async def test_L8_an_issuer_stopped_before_it_asked_leaves_no_orphan(self, harness: Harness) -> None:
        await harness.define(billing())
        await overtaken(harness, "add_password")
        await harness.run_for(DAY)
        assert harness.ours() == [(await harness.current()).key_id]

    async def test_L8_a_node_that_was_overtaken_in_a_proof_does_nothing_more(self, harness: Harness) -> None:
        await harness.define(billing())
        first, _ = await overtaken(harness, "prove")
        assert len(first.events(LeaseWasLost)) == 1
        await harness.run_for(HOUR)
        assert harness.ours() == [(await harness.current()).key_id]
        assert harness.entra.count("add_password") == 1

    async def test_L8_a_node_overtaken_in_a_write_leaves_a_hint_that_is_followed_at_once(
        self, harness: Harness
    ) -> None:
        await harness.define(billing(destinations=(a_place(),)))
        await harness.run_for(HOUR)
        vault = harness.places["vault"]
        vault.blunt = True
        written: list[str] = []
        vault.after_effect = lambda: written.append(vault.text)
        harness.excused.add("vault")
        taken_over: list[Engine] = []

        async def stopped() -> None:
            """Meanwhile the second node has made that secret obsolete, and ended it."""
            harness.clock.advance(timedelta(minutes=3))
            taken_over.append(harness.start("node-2"))
            await harness.turn(taken_over[0])
            await harness.ask("compromised")
            await harness.turn(taken_over[0])

        class Places:
            def open(self, rotation: Any, rule: Any) -> Any:
                return vault if taken_over else Interrupting(vault, "write", stopped)

            def patience(self, rule: Any) -> timedelta:
                return timedelta(seconds=30)

        first = harness.start("node-1", destinations=Places())
        await harness.ask("rotate")
        await harness.turn(first)
        assert harness.ours() == ["key-3"]
        assert len(first.events(LeaseWasLost)) == 1
        assert written == ["text-1", "text-2", "text-1", "text-2"]
        assert (await harness.facts()).switches.hints == ()

    async def test_L8_a_visit_that_lost_its_lease_leaves_no_write_under_way(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(), a_place("second"))))
        await harness.run_for(HOUR)
        harness.places["vault"].broken = {"write": LeaseLost("taken over")}

        async def slowly() -> None:
            await harness.clock.sleep(5)

        class Places:
            def open(self, rotation: Any, rule: Any) -> Any:
                place = harness.places[rule.name]
                return Interrupting(place, "write", slowly) if rule.name == "second" else place

            def patience(self, rule: Any) -> timedelta:
                return timedelta(seconds=30)

        engine = harness.start("node-2", destinations=Places())
        lost_by_then: list[int] = []
        harness.places["second"].after_effect = lambda: lost_by_then.append(len(engine.events(LeaseWasLost)))
        await harness.ask("rotate")
        await harness.engine.dispatcher.fill()
        await harness.settle(engine)
        harness.clock.advance(10)
        await harness.settle(engine)
        assert (lost_by_then, len(engine.events(LeaseWasLost))) == ([0], 1)

    async def test_L8_a_hint_is_reconciled_before_anything_else(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(),)))
        await harness.run_for(HOUR)
        harness.places["vault"].overwritten("stale", replace(harness.places["vault"].marker))  # type: ignore[type-var]
        harness.excused.add("vault")
        await harness.store.hint("rotation-1", "vault")
        await harness.turn()
        assert harness.places["vault"].text == "text-0"
        assert (await harness.facts()).switches.hints == ()

    async def test_L8_a_destination_with_a_higher_token_raises_ours_above_it(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(),)))
        await harness.run_for(HOUR)
        vault = harness.places["vault"]
        assert vault.marker is not None
        vault.marker = replace(vault.marker, token=1000)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert vault.text == "text-1"
        assert vault.marker.token > 1000
        assert (await a_lease_of(harness)).token > 1000

    async def test_L8_two_destinations_with_higher_tokens_are_no_lost_lease(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(), a_place("second"))))
        await harness.run_for(HOUR)
        harness.start("node-2", store=Slow(harness.store))
        for name, token in (("vault", 1000), ("second", 2000)):
            marker = harness.places[name].marker
            assert marker is not None
            harness.places[name].marker = replace(marker, token=token)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert harness.engine.events(LeaseWasLost) == []
        assert {harness.places["vault"].text, harness.places["second"].text} == {"text-1"}

    async def test_L8_a_lease_is_renewed_when_a_call_might_outlast_it(self, harness: Harness) -> None:
        await harness.define(billing())
        lease = await a_lease(harness)
        hold = Hold(harness.engine.world, lease, taken_at=harness.clock.monotonic())
        harness.clock.advance(60)
        await hold.ensure(timedelta(seconds=20))
        assert hold.lease.until == lease.until
        await hold.ensure(timedelta(seconds=30))
        assert hold.lease.until > lease.until

    async def test_L8_a_call_longer_than_a_lease_gets_a_longer_one(self, harness: Harness) -> None:
        await harness.define(billing())
        hold = Hold(harness.engine.world, await a_lease(harness), taken_at=harness.clock.monotonic())
        await hold.ensure(timedelta(minutes=5))
        assert hold.lease.until - harness.clock.now() >= timedelta(minutes=5)

    async def test_L8_the_lease_outlives_a_long_proof(self, harness: Harness) -> None:
        harness.entra.sign_in_delay = timedelta(minutes=12)
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert (await harness.current()).key_id == "key-1"
        assert harness.engine.events(LeaseWasLost) == []

    async def test_L8_a_dead_node_is_followed_when_its_lease_has_ended(self, harness: Harness) -> None:
        await harness.define(billing())
        await a_lease(harness)
        harness.start("node-2")
        await harness.run_for(timedelta(seconds=80))
        assert harness.ours() == []
        await harness.run_for(timedelta(minutes=2))
        assert harness.ours() == ["key-1"]


async def a_lease_of(harness: Harness) -> Lease:
    (claim,) = await harness.store.claim("node-9", limit=1, ttl=timedelta(seconds=1), only=["rotation-1"])
    return claim.lease
