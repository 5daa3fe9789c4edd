"""What is going on when the process is stopped? Each scenario prepares a world and sets something in motion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from rotator.domain.model import Rotation, VerifyRule
from rotator.errors import DestinationUnavailable, DirectoryUnavailable
from tests.builders import OBJECT, an_embedded_destination
from tests.engine.fake_entra import unknown
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing

TWO = (an_embedded_destination(), a_place())


@dataclass(frozen=True)
class Scenario:
    """`prepare` happens undisturbed; in the `span` after it the process is stopped."""

    prepare: Callable[[Harness], Awaitable[None]]
    span: timedelta = 20 * MINUTE


async def defined(harness: Harness, **changes: object) -> Rotation:
    rotation = billing(**{"destinations": TWO, "overlap": 2 * HOUR, **changes})
    await harness.define(rotation, room_for=2 if changes.get("renew_before") else None)
    return rotation


async def rotated(harness: Harness, **changes: object) -> None:
    await defined(harness, **changes)
    await harness.run_for(30 * MINUTE)


async def first(harness: Harness) -> None:
    await defined(harness)


async def second(harness: Harness) -> None:
    await rotated(harness)
    harness.hooks.results = {"restart": [False, True]}
    await harness.ask("rotate")


async def ambiguous(harness: Harness) -> None:
    await rotated(harness)
    harness.entra.fail("add_password", unknown(), after=True)
    await harness.ask("rotate")


async def ambiguous_and_lagging(harness: Harness) -> None:
    await ambiguous(harness)
    harness.entra.listing_delay = timedelta(seconds=90)


async def unproved(harness: Harness) -> None:
    await rotated(harness, verify=VerifyRule(2, 4 * MINUTE, 15 * MINUTE))
    harness.entra.sign_in_delay = 16 * MINUTE
    harness.entra.living(OBJECT)[0].added_at -= HOUR
    await harness.ask("rotate")


async def unfit(harness: Harness) -> None:
    await rotated(harness)
    harness.entra.texts = iter(["-one", "-two", *(f"text-{n}" for n in range(1, 99))])
    await harness.ask("rotate")


async def dead_destination(harness: Harness) -> None:
    await rotated(harness)
    place = harness.places["vault"]
    place.broken = {"write": DestinationUnavailable("vault", "write", "it does not answer")}
    place.during_write = place.up
    place.after = True
    await harness.ask("rotate")


async def revoking(harness: Harness) -> None:
    await rotated(harness, overlap=timedelta(0))
    harness.entra.removal_lag = timedelta(seconds=20)
    await harness.ask("rotate")


async def compromised(harness: Harness) -> None:
    await rotated(harness, overlap=None)
    await harness.ask("rotate")
    await harness.run_for(HOUR)
    await harness.ask("compromised")


async def compromised_over_an_open_one(harness: Harness) -> None:
    await rotated(harness)
    harness.places["vault"].broken = {"write": DestinationUnavailable("vault", "write", "no")}
    await harness.ask("rotate")
    await harness.run_for(HOUR)
    harness.places["vault"].up()
    await harness.ask("compromised", key=harness.entra.put(OBJECT).key_id)


async def drifted(harness: Harness) -> None:
    await rotated(harness)
    place = harness.places["vault"]
    assert place.marker is not None
    place.overwritten("text-0", replace(place.marker, key_id="nobody's"))
    await harness.ask("deliver")


async def making_room(harness: Harness) -> None:
    await rotated(harness, overlap=None, min_overlap=HOUR, renew_before=2 * DAY)
    await harness.ask("rotate")
    await harness.run_for(2 * HOUR)
    await harness.ask("rotate")


async def adopting(harness: Harness) -> None:
    await rotated(harness, destinations=())
    theirs = harness.entra.put(OBJECT)
    await harness.ask("adopt", key_id=theirs.key_id)
    await harness.ask("rotate")


async def lost(harness: Harness) -> None:
    await rotated(harness)
    harness.excused |= {"vault", "embedded"}
    harness.entra.living(OBJECT)[0].removed_at = harness.entra.time()
    harness.entra.fail("registration", DirectoryUnavailable("get", "down"))
    await harness.run_for(23 * HOUR)


SCENARIOS = {
    "first": Scenario(first),
    "second": Scenario(second),
    "ambiguous": Scenario(ambiguous),
    "ambiguous-lagging": Scenario(ambiguous_and_lagging),
    "unproved": Scenario(unproved, HOUR),
    "unfit": Scenario(unfit),
    "dead-destination": Scenario(dead_destination),
    "revoking": Scenario(revoking),
    "compromised": Scenario(compromised),
    "compromised-open": Scenario(compromised_over_an_open_one),
    "drifted": Scenario(drifted),
    "making-room": Scenario(making_room),
    "adopting": Scenario(adopting),
    "lost": Scenario(lost, HOUR),
}
