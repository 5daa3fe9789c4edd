"""One of five destinations is down for a day: who is served meanwhile, what lives on, and what does status say?"""

from __future__ import annotations

from typing import Any

import pytest

from rotator.domain.events import DriftFound
from rotator.domain.model import RotationStatus
from rotator.errors import DestinationUnavailable
from tests.builders import OBJECT
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing

FOUR, FIFTH = ("vault", "cluster", "bucket", "file"), "pipeline"


def five(**changes: Any) -> tuple[Any, ...]:
    """Four of them as always; the fifth as the test is about."""
    return (*(a_place(name) for name in FOUR), a_place(FIFTH, **changes))


def texts(harness: Harness) -> list[str]:
    return [harness.places[name].text for name in (*FOUR, FIFTH)]


async def rotated(harness: Harness, *destinations: Any, **changes: Any) -> None:
    await harness.define(billing(destinations=destinations or five(), **changes))
    await harness.run_for(HOUR)
    assert texts(harness) == ["text-0"] * 5


def dies_at_write(harness: Harness) -> None:
    """It is well when preflight asks, and does not answer when the secret comes."""
    harness.places[FIFTH].broken = {"write": DestinationUnavailable(FIFTH, "write", "it does not answer")}


async def test_the_others_are_served_and_the_old_secret_lives_on_until_it_returns(harness: Harness) -> None:
    await rotated(harness, overlap=2 * DAY)
    dies_at_write(harness)
    await harness.ask("rotate")
    for _ in range(24):
        await harness.run_for(HOUR)
        assert texts(harness) == ["text-1"] * 4 + ["text-0"]
        assert harness.ours() == ["key-1", "key-2"]
        facts = await harness.facts()
        assert facts.standing.status is RotationStatus.IN_PROGRESS
        assert f"{FIFTH}: write: it does not answer" in facts.standing.message
        assert {row.destination for row in facts.deliveries if row.message} == {FIFTH}
    harness.places[FIFTH].up()
    await harness.run_for(2 * HOUR)
    assert texts(harness) == ["text-1"] * 5
    facts = await harness.facts()
    assert facts.standing.status is RotationStatus.SUCCESS
    assert all(name in facts.standing.message for name in (*FOUR, FIFTH))
    assert [row.message for row in facts.deliveries] == [""] * 5
    assert harness.places["vault"].writes == 2
    await harness.run_for(3 * DAY)
    assert harness.ours() == ["key-2"]


async def test_one_that_is_not_required_holds_up_nobody_and_is_told_until_it_is_served(harness: Harness) -> None:
    await rotated(harness, *five(required=False), overlap=2 * DAY)
    harness.places[FIFTH].down()
    await harness.ask("rotate")
    await harness.run_for(10 * MINUTE)
    for _ in range(24):
        assert texts(harness) == ["text-1"] * 4 + ["text-0"]
        facts = await harness.facts()
        assert facts.standing.status is RotationStatus.SUCCESS
        assert [row.destination for row in facts.deliveries if row.message] == [FIFTH]
        await harness.run_for(HOUR)
    harness.places[FIFTH].up()
    await harness.run_for(2 * HOUR)
    assert texts(harness) == ["text-1"] * 5
    assert [row.message for row in (await harness.facts()).deliveries] == [""] * 5


async def test_one_that_is_down_before_anything_begins_costs_no_secret(harness: Harness) -> None:
    await rotated(harness)
    harness.places[FIFTH].down()
    await harness.ask("rotate")
    await harness.run_for(DAY)
    assert (texts(harness), harness.ours()) == (["text-0"] * 5, ["key-1"])
    standing = (await harness.facts()).standing
    assert standing.status is RotationStatus.FAILED
    assert standing.message.startswith(f"{FIFTH}: check: it does not answer")
    harness.places[FIFTH].up()
    await harness.run_for(2 * HOUR)
    assert texts(harness) == ["text-1"] * 5


@pytest.mark.parametrize("down", [0, 1, 2])
async def test_an_order_is_kept_while_one_of_it_is_down(harness: Harness, down: int) -> None:
    """Three orders of places: those of the later ones wait for the required ones of the earlier."""
    places = [a_place(name, order=order) for order, name in enumerate(("vault", "cluster", "bucket"))]
    await harness.define(billing(destinations=tuple(places)))
    await harness.run_for(HOUR)
    name = places[down].name
    harness.places[name].broken = {"write": DestinationUnavailable(name, "write", "it does not answer")}
    await harness.ask("rotate")
    await harness.run_for(DAY)
    shown = [harness.places[each.name].text for each in places]
    assert shown == ["text-1"] * down + ["text-0"] * (3 - down)
    harness.places[name].up()
    await harness.run_for(2 * HOUR)
    assert [harness.places[each.name].text for each in places] == ["text-1"] * 3


async def test_deliver_brings_the_current_secret_to_one_destination_added_later(harness: Harness) -> None:
    await harness.define(billing(destinations=tuple(a_place(name) for name in FOUR)))
    await harness.run_for(HOUR)
    await harness.edit(destinations=five())
    asked = await harness.ask("deliver", to=FIFTH)
    await harness.turn()
    assert (await harness.answer(asked))[0] == "done"
    assert texts(harness) == ["text-0"] * 5
    assert harness.entra.count("add_password") == 1
    assert [harness.places[name].writes for name in FOUR] == [1, 1, 1, 1]


async def test_deliver_writes_again_even_where_it_stands_and_calls_it_no_drift(harness: Harness) -> None:
    """A program or a receiver of one's own may have lost it, and nobody but its owner can know."""
    await rotated(harness)
    asked = await harness.ask("deliver", to=FIFTH)
    await harness.turn()
    assert (await harness.answer(asked))[0] == "done"
    assert (harness.places[FIFTH].writes, harness.places["vault"].writes) == (2, 1)
    assert harness.engine.events(DriftFound) == []
    await harness.run_for(2 * DAY)
    assert harness.places[FIFTH].writes == 2
    assert (await harness.facts()).standing.alarms == ()


async def test_deliver_of_what_no_longer_signs_in_writes_nothing(harness: Harness) -> None:
    await rotated(harness)
    harness.excused |= {"embedded", *FOUR, FIFTH}
    harness.entra.living(OBJECT)[0].removed_at = harness.entra.time()
    harness.entra.removal_lag = 10 * DAY
    await harness.ask("deliver", to=FIFTH)
    await harness.turn()
    assert harness.places[FIFTH].writes == 1


async def test_deliver_that_fails_where_it_stood_says_so(harness: Harness) -> None:
    await rotated(harness)
    dies_at_write(harness)
    asked = await harness.ask("deliver", to=FIFTH)
    await harness.turn()
    assert await harness.answer(asked) == ("failed", f"{FIFTH}: {FIFTH}: write: it does not answer")
    assert (await harness.facts()).standing.status is RotationStatus.SUCCESS
    await harness.run_for(DAY)
    assert [row.message for row in (await harness.facts()).deliveries] == [""] * 5
