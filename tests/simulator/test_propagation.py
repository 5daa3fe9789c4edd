"""Does the simulator take its time to agree with itself, as Entra does?"""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from rotator.simulator.simulation import SimulatorOptions, make_simulation
from rotator.simulator.transport import SimTransport
from tests.fakes import ManualClock
from tests.simulator.caller import Caller


async def test_a_new_secret_is_refused_as_wrong_until_the_delay_has_passed(caller: Caller, clock: ManualClock) -> None:
    await caller.control("POST", "propagation", {"delay": 30})
    added = await caller.add_password()
    early = await caller.token(caller.client_id, added["secretText"])
    assert (early.status_code, early.json()["error_codes"]) == (401, [7000215])
    clock.advance(30)
    assert await caller.signs_in(added["secretText"])


async def test_a_flapping_secret_fails_again_after_a_success_and_then_settles(
    caller: Caller, clock: ManualClock
) -> None:
    await caller.control("POST", "propagation", {"flap": {"probability": 0.5, "seconds": 60}})
    added = await caller.add_password()
    seen = [await caller.signs_in(added["secretText"]) for _ in range(40)]
    assert False in seen[seen.index(True) :]
    clock.advance(60)
    assert all([await caller.signs_in(added["secretText"]) for _ in range(40)])


async def test_a_removed_secret_signs_in_for_the_removal_lag(caller: Caller, clock: ManualClock) -> None:
    await caller.control("POST", "propagation", {"removalLag": 45})
    added = await caller.add_password()
    await caller.remove_password(added["keyId"])
    assert await caller.listed() == []
    assert await caller.signs_in(added["secretText"])
    clock.advance(45)
    assert not await caller.signs_in(added["secretText"])


async def test_a_stale_read_misses_what_was_just_added_and_shows_what_was_just_removed(
    caller: Caller, clock: ManualClock
) -> None:
    added = await caller.add_password()
    clock.advance(timedelta(minutes=30))
    await caller.control("POST", "propagation", {"staleReads": {"probability": 1, "seconds": 20}})
    later = await caller.add_password()
    assert await caller.listed() == [added["keyId"]]
    await caller.remove_password(added["keyId"])
    clock.advance(0.001)
    assert added["keyId"] in await caller.listed()
    clock.advance(20)
    assert await caller.listed() == [later["keyId"]]


async def test_a_new_application_is_unknown_to_a_stale_read(caller: Caller, clock: ManualClock) -> None:
    await caller.control("POST", "propagation", {"staleReads": {"probability": 1, "seconds": 20}})
    made = (await caller.control("POST", "applications", {"displayName": "young", "age": 0})).json()[0]
    path = f"applications/{made['objectId']}"
    assert (await caller.graph("GET", path)).json()["error"]["code"] == "Request_ResourceNotFound"
    clock.advance(21)
    assert (await caller.graph("GET", path)).status_code == 200


async def test_the_truth_says_what_signs_in_now(caller: Caller, clock: ManualClock) -> None:
    await caller.control(
        "POST", "propagation", {"delay": 10, "removalLag": 10, "flap": {"probability": 1, "seconds": 5}}
    )
    added = await caller.add_password(displayName="watched")

    async def state() -> tuple[bool, bool, bool]:
        truth = (await caller.control("GET", "truth")).json()
        entry = next(one for one in truth if one["objectId"] == caller.application)["credentials"][0]
        assert (entry["keyId"], entry["displayName"]) == (added["keyId"], "watched")
        return entry["listed"], entry["signsIn"], entry["settled"]

    assert await state() == (True, False, False)
    clock.advance(10)
    assert await state() == (True, True, False)
    clock.advance(5)
    assert await state() == (True, True, True)
    await caller.remove_password(added["keyId"])
    assert await state() == (False, True, True)
    clock.advance(10)
    assert await state() == (False, False, True)


@pytest.mark.parametrize("change", [{"dealy": 1}, {"delay": [5, 1]}, {"flap": 2}, {"delay": "long"}])
async def test_a_senseless_propagation_is_refused_and_changes_nothing(
    caller: Caller, change: dict[str, object]
) -> None:
    before = (await caller.control("GET", "propagation")).json()
    assert (await caller.control("POST", "propagation", change)).status_code == 400
    assert (await caller.control("GET", "propagation")).json() == before


async def test_equal_seeds_replay_to_the_last_bit() -> None:
    async def story(seed: int) -> list[str]:
        clock = ManualClock()
        simulation = make_simulation(SimulatorOptions(seed=seed), real_now=clock.now)
        async with httpx.AsyncClient(transport=SimTransport(simulation)) as http:
            caller = Caller(http, simulation)
            hesitation = {"delay": [0, 20], "flap": 0.4, "removalLag": [0, 9], "staleReads": 0.3}
            await caller.control("POST", "propagation", hesitation)
            caller.simulation.entra.faults.add(match="addPassword", when="after", status=503, probability=0.3)
            told: list[str] = []
            for _ in range(20):
                clock.advance(7)
                answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
                told += [answer.text, str(answer.headers), str(await caller.listed())]
            return [*told, (await caller.control("GET", "truth")).text, (await caller.control("GET", "log")).text]

    assert await story(3) == await story(3)
    assert await story(3) != await story(4)
