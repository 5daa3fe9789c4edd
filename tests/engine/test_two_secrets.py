"""Do applications that hold at most two secrets rotate, and say what stands in the way? (rotation.md sections 2, 5)"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.model import RotationStatus
from rotator.errors import DirectoryUnavailable
from tests.builders import OBJECT
from tests.engine.fake_entra import Password, unknown
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, PREFIX, Harness, billing


async def rotated(harness: Harness, **changes: object) -> None:
    await harness.define(billing(**changes), room_for=2)
    await harness.run_for(HOUR)


async def test_the_retiring_one_makes_way_for_the_next(harness: Harness) -> None:
    await rotated(harness)
    await harness.run_for(65 * DAY)
    assert harness.ours() == ["key-2", "key-3"]
    assert (await harness.current()).key_id == "key-3"
    await harness.run_for(60 * DAY)
    assert (await harness.current()).key_id == "key-5"


async def test_a_rotation_within_the_least_overlap_is_refused_with_the_time(harness: Harness) -> None:
    await rotated(harness)
    await harness.ask("rotate")
    await harness.run_for(HOUR)
    asked = await harness.ask("rotate")
    await harness.turn()
    result, message = await harness.answer(asked)
    assert (result, "makes way at 2026-03-02 11:00Z" in message) == ("failed", True)
    assert harness.ours() == ["key-1", "key-2"]


async def test_it_comes_by_itself_once_the_least_overlap_has_passed(harness: Harness) -> None:
    await rotated(harness)
    await harness.ask("rotate")
    await harness.run_for(HOUR)
    await harness.ask("rotate")
    await harness.run_for(26 * HOUR)
    assert (await harness.current()).key_id == "key-3"


async def test_a_compromised_rotation_ends_the_retiring_one_first_whatever_its_overlap(harness: Harness) -> None:
    await rotated(harness)
    await harness.ask("rotate")
    await harness.run_for(HOUR)
    asked = await harness.ask("compromised")
    await harness.turn()
    assert (await harness.answer(asked))[0] == "done"
    assert harness.ours() == ["key-3"]


async def test_the_retiring_one_goes_only_under_the_checks(harness: Harness) -> None:
    await rotated(harness)
    await harness.ask("rotate")
    await harness.run_for(3 * DAY)
    harness.places["vault"].down()
    await harness.ask("rotate")
    await harness.run_for(HOUR)
    assert harness.ours() == ["key-1", "key-2"]
    assert (await harness.facts()).standing.status is RotationStatus.FAILED


async def test_foreign_secrets_that_fill_it_are_named(harness: Harness) -> None:
    await rotated(harness)
    theirs = harness.entra.put(OBJECT)
    asked = await harness.ask("rotate")
    await harness.turn()
    result, message = await harness.answer(asked)
    assert result == "failed"
    assert theirs.key_id in message
    assert "rotator adopt" in message


async def test_a_removal_that_lags_is_waited_for(harness: Harness) -> None:
    harness.entra.removal_lag = 2 * MINUTE
    await rotated(harness)
    await harness.run_for(65 * DAY)
    assert (await harness.current()).key_id == "key-3"


async def test_an_unknown_answer_fills_a_place_only_until_it_is_reclaimed(harness: Harness) -> None:
    await rotated(harness)
    harness.entra.fail("add_password", unknown(), after=True)
    await harness.ask("rotate")
    await harness.run_for(2 * HOUR)
    assert (await harness.current()).key_id == "key-3"
    assert harness.ours() == ["key-1", "key-3"]


async def test_an_unproved_secret_fills_a_place_only_until_it_is_discarded(harness: Harness) -> None:
    await rotated(harness)
    harness.entra.sign_in_delay = HOUR
    await harness.ask("rotate")
    await harness.run_for(20 * MINUTE)
    harness.entra.sign_in_delay = timedelta(0)
    await harness.run_for(3 * HOUR)
    assert len(harness.ours()) == 2
    assert (await harness.facts()).standing.status is RotationStatus.SUCCESS


async def test_a_failing_removal_only_delays(harness: Harness) -> None:
    await rotated(harness)
    await harness.run_for(31 * DAY)
    harness.entra.fail("remove_password", DirectoryUnavailable("removePassword", "down"), times=5)
    await harness.run_for(34 * DAY)
    assert (await harness.current()).key_id == "key-3"


async def restored(harness: Harness, *, in_use: int) -> tuple[Password, Password]:
    """Books so old that their current secret is gone and both that exist are unknown; and a person says: rotate."""
    await rotated(harness, destinations=(a_place(),))
    harness.entra.apps[OBJECT].passwords.clear()
    first, second = (harness.entra.put(OBJECT, f"{PREFIX}gone23456{n}.1-abcd/billing-api") for n in "67")
    marker = harness.places["vault"].marker
    assert marker is not None
    used = (first, second)[in_use]
    harness.places["vault"].overwritten(used.text, replace(marker, key_id=used.key_id, token=marker.token + 50))
    harness.start("node-2")
    await harness.store.wake()
    await harness.run_for(HOUR)
    await harness.ask("rotate")
    return first, second


@pytest.mark.parametrize("in_use", [0, 1])
async def test_L1_where_the_current_one_is_lost_the_one_in_use_stays_and_the_other_makes_way(
    harness: Harness, in_use: int
) -> None:
    both = await restored(harness, in_use=in_use)
    await harness.run_for(HOUR)
    assert harness.ours() == [each.key_id for each in both]
    await harness.run_for(3 * DAY)
    fresh = await harness.current()
    assert harness.ours() == [both[in_use].key_id, fresh.key_id]
    assert harness.places["vault"].text not in {each.text for each in both}


async def test_L6_where_no_destination_tells_which_one_is_in_use_a_person_is_asked(harness: Harness) -> None:
    both = await restored(harness, in_use=0)
    harness.places["vault"].overwritten()
    await harness.run_for(3 * DAY)
    assert harness.ours() == [each.key_id for each in both]
    assert "'rotator adopt billing-api KEY_ID' with the key in use" in (await harness.facts()).standing.message
