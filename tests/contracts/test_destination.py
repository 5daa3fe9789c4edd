"""Do all destinations keep the contract of the port? One suite for every kind; a new kind is one more place."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rotator.clock import SystemClock
from rotator.destinations import KINDS as ALL_KINDS
from rotator.destinations.formats.disk import Disk
from rotator.errors import DestinationError, DestinationUnavailable, NotOurs
from rotator.ports import Placed
from tests.builders import CLIENT, a_rotation
from tests.destinations.places import FIRST, INSTALLATION, KINDS, NAMES, SECOND, Place, a_parcel, a_place

ID, SECRET = NAMES["clientId"], NAMES["clientSecret"]
WHOLE_FIRST = {ID: CLIENT, SECRET: FIRST}
WHOLE_SECOND = {ID: CLIENT, SECRET: SECOND}
THIRD = "thi8Q~third-text"
OTHER_NAMES = {"clientId": "SHOP_CLIENT_ID", "clientSecret": "SHOP_CLIENT_SECRET"}


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(request.param, tmp_path).living() as living:
        yield living


def test_every_kind_is_in_this_suite(tmp_path: Path) -> None:
    assert {a_place(kind, tmp_path).kind for kind in KINDS} == set(ALL_KINDS)


async def test_check_passes_where_we_may_write_and_shows_no_name(place: Place) -> None:
    await place.open().check()
    assert place.shows() == {}
    assert await place.open().read() is None


async def test_nothing_is_read_where_nothing_is(place: Place) -> None:
    assert await place.open().read() is None


async def test_what_was_written_is_read_back_with_its_marker(place: Place) -> None:
    written = await place.open().write(a_parcel(), over=None)
    assert written.marker == a_parcel().marker
    assert await place.open().read() == written
    assert place.shows() == WHOLE_FIRST


async def test_writing_the_same_again_changes_nothing(place: Place) -> None:
    written = await place.open().write(a_parcel(), over=None)
    before = place.leftovers()
    assert await place.open().write(a_parcel(), over=None) == written
    assert await place.open().write(a_parcel(), over=written) == written
    assert place.leftovers() == before


async def test_a_new_credential_replaces_the_old_one(place: Place) -> None:
    first = await place.open().write(a_parcel(), over=None)
    second = await place.open().write(a_parcel(SECOND, "key-2", token=6), over=first)
    assert second.version != first.version
    assert second.marker == a_parcel(SECOND, "key-2", token=6).marker
    assert place.shows() == WHOLE_SECOND


async def test_a_higher_token_alone_is_written_and_is_no_drift(place: Place) -> None:
    first = await place.open().write(a_parcel(), over=None)
    again = await place.open().write(a_parcel(token=9), over=first)
    assert again.marker == a_parcel(token=9).marker
    assert again.version == first.version


async def test_a_stale_token_cannot_write(place: Place) -> None:
    newer = await place.open().write(a_parcel(SECOND, "key-2", token=6), over=None)
    with pytest.raises(DestinationUnavailable, match="token 6"):
        await place.open().write(a_parcel(token=5), over=newer)
    assert place.shows() == WHOLE_SECOND


async def test_a_writer_who_read_something_else_is_refused(place: Place) -> None:
    first = await place.open().write(a_parcel(), over=None)
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    for over in (None, first):
        with pytest.raises(DestinationUnavailable, match="changed"):
            await place.open().write(a_parcel("other~text", "key-3"), over=over)
    assert place.shows() == WHOLE_SECOND


async def test_a_change_between_read_and_write_is_not_overwritten(place: Place) -> None:
    first = await place.open().write(a_parcel(), over=None)
    place.set(SECRET, "somebody-elses")
    with pytest.raises(DestinationUnavailable, match="changed"):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert place.shows()[SECRET] == "somebody-elses"


async def test_a_place_without_our_marker_is_foreign(place: Place) -> None:
    place.set(SECRET, "somebody-elses")
    found = await place.open().read()
    assert found is not None
    assert found.marker is None
    with pytest.raises(DestinationUnavailable, match="changed"):
        await place.open().write(a_parcel(), over=None)
    assert place.shows() == {SECRET: "somebody-elses"}


async def test_one_foreign_name_among_ours_makes_the_place_foreign(place: Place) -> None:
    only_where_others_may_be(place)
    await place.open(names={"clientId": ID}).write(a_parcel(), over=None)
    place.set(SECRET, "somebody-elses")
    found = await place.open().read()
    assert found is not None
    assert found.marker is None


async def test_a_foreign_place_is_adopted_by_writing_over_what_was_read(place: Place) -> None:
    place.set(ID, "somebody")
    place.set(SECRET, "somebody-elses")
    found = await place.open().read()
    written = await place.open().write(a_parcel(), over=found)
    assert written.marker == a_parcel().marker
    assert await place.open().read() == written
    assert place.shows() == WHOLE_FIRST


async def test_another_rotations_credential_bears_its_marker(place: Place) -> None:
    await place.open().write(a_parcel(), over=None)
    found = await place.open(a_rotation(id="rotation-2", mapping=dict(NAMES))).read()
    assert found is not None
    assert found.marker == a_parcel().marker


async def test_another_rotations_names_are_adopted_whole(place: Place) -> None:
    await place.open().write(a_parcel(), over=None)
    second = a_rotation(id="rotation-2", mapping=dict(NAMES))
    found = await place.open(second).read()
    parcel = a_parcel(SECOND, "key-2", rotation="rotation-2", token=9)
    written = await place.open(second).write(parcel, over=found)
    assert written.marker == parcel.marker
    assert await place.open(second).read() == written
    former = await place.open().read()
    assert former is not None
    assert former.marker == parcel.marker
    assert place.shows() == WHOLE_SECOND


async def test_another_installations_credential_is_not_ours(place: Place) -> None:
    await place.open().write(a_parcel(), over=None)
    place.installation = "zzzz7777"
    found = await place.open().read()
    assert found is not None
    assert found.marker is not None
    assert found.marker.installation == INSTALLATION


async def test_two_rotations_share_a_place_and_leave_each_other_alone(place: Place) -> None:
    only_where_others_may_be(place)
    second = a_rotation(id="rotation-2", mapping=dict(OTHER_NAMES))
    ours = await place.open().write(a_parcel(), over=None)
    theirs = await place.open(second).write(a_parcel(SECOND, "key-2", rotation="rotation-2", token=1), over=None)
    assert await place.open().read() == ours
    assert await place.open(second).read() == theirs
    await place.open().remove(over=ours)
    assert await place.open().read() is None
    assert await place.open(second).read() == theirs
    assert place.shows() == {"SHOP_CLIENT_ID": CLIENT, "SHOP_CLIENT_SECRET": SECOND}


async def test_drift_of_a_text_is_seen_and_healed(place: Place) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.set(SECRET, "edited-by-hand")
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != written.version
    assert await place.open().write(a_parcel(), over=drifted) == written
    assert place.shows() == WHOLE_FIRST


async def test_a_lost_name_is_seen_and_healed(place: Place) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.drop(SECRET)
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != written.version
    assert await place.open().write(a_parcel(), over=drifted) == written
    assert place.shows() == WHOLE_FIRST


async def test_when_all_names_are_lost_it_is_delivered_anew(place: Place) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.drop(ID)
    place.drop(SECRET)
    found = await place.open().read()
    assert found is None or found.version != written.version
    assert await place.open().write(a_parcel(), over=found) == written


async def test_names_of_others_survive_every_step(place: Place) -> None:
    only_where_others_may_be(place)
    place.set("OTHERS", "text")
    assert await place.open().read() is None
    first = await place.open().write(a_parcel(), over=None)
    assert place.shows() == {"OTHERS": "text", **WHOLE_FIRST}
    place.set("OTHERS", "changed")
    found = await place.open().read()
    assert found == first or place.is_blind
    second = await place.open().write(a_parcel(SECOND, "key-2"), over=found)
    assert place.shows() == {"OTHERS": "changed", **WHOLE_SECOND}
    await place.open().remove(over=second)
    assert place.shows() == {"OTHERS": "changed"}


async def test_remove_takes_our_names_out_and_is_repeatable(place: Place) -> None:
    before = place.leftovers()
    written = await place.open().write(a_parcel(), over=None)
    await place.open().remove(over=written)
    assert place.shows() == {}
    assert await place.open().read() is None
    await place.open().remove(over=written)
    assert [name for name in place.leftovers() if name not in before] in ([], ["billing"])


async def test_remove_leaves_what_is_not_ours(place: Place) -> None:
    only_where_others_may_be(place)
    place.set(SECRET, "somebody-elses")
    with pytest.raises(NotOurs):
        await place.open().remove(over=Placed(None, "any"))
    await place.open(names={"clientId": ID}).write(a_parcel(), over=None)
    with pytest.raises(DestinationUnavailable, match="changed"):
        await place.open().remove(over=Placed(a_parcel().marker, "stale"))
    assert place.shows()[SECRET] == "somebody-elses"


async def test_all_five_fields_are_delivered_under_their_names(place: Place) -> None:
    names = {"clientId": "A", "clientSecret": "B", "keyId": "C", "tenantId": "D", "expiresAt": "E"}
    await place.open(names=names).write(a_parcel(), over=None)
    assert set(place.shows()) == set(names.values())
    if place.kind != "embedded":
        assert place.shows()["C"] == "key-1"
        assert place.shows()["E"] == "2026-05-03T10:00:00.000Z"


async def test_no_error_tells_a_text(place: Place) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.set(SECRET, SECOND)
    told = [repr(written), repr(place.open()), repr(a_parcel())]
    for over in (None, written):
        with pytest.raises(DestinationError) as caught:
            await place.open().write(a_parcel(THIRD, "key-3"), over=over)
        told += [str(caught.value), "".join(traceback.format_exception(caught.value))]
    assert not any(text in line for text in (FIRST, SECOND, THIRD) for line in told)


async def test_of_many_writers_at_once_one_wins_whole(place: Place) -> None:
    place.inline, place.disk = False, Disk()
    place.clock = SystemClock()
    place.texts = {f"key-{n}": f"text~{n}" for n in range(8)}  # type: ignore[attr-defined]
    parcels = [a_parcel(f"text~{n}", f"key-{n}", token=n) for n in range(8)]
    answers = await asyncio.gather(*(place.open().write(p, over=None) for p in parcels), return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, Placed)]
    assert len(won) == 1
    assert all(isinstance(answer, Placed | DestinationUnavailable) for answer in answers)
    assert await place.open().read() == won[0]
    assert won[0].marker is not None
    assert place.shows() == {ID: CLIENT, SECRET: f"text~{won[0].marker.token}"}


async def test_readers_never_see_half_a_change(place: Place) -> None:
    place.inline, place.disk = False, Disk()
    place.clock = SystemClock()
    placed = await place.open().write(a_parcel(), over=None)
    parcels = [a_parcel(), a_parcel(SECOND, "key-2")]
    seen: list[Placed | None] = []

    async def look() -> None:
        seen.extend([await place.open().read() for _ in range(40)])

    async def change(placed: Placed) -> set[Placed]:
        versions = {placed}
        for n in range(20):
            placed = await place.open().write(parcels[(n + 1) % 2], over=placed)
            versions.add(placed)
        return versions

    versions, _ = await asyncio.gather(change(placed), look())
    assert set(seen) <= versions
    assert len(versions) == 2


async def test_a_name_that_is_mapped_no_longer_goes(place: Place) -> None:
    if place.kind == "embedded":
        pytest.skip("the store moves its names in one transaction")
    first = await place.open().write(a_parcel(), over=None)
    moved = place.open(names={"clientId": ID, "clientSecret": "NEW_SECRET"})
    found = await moved.read()
    assert found is not None
    assert found.marker == first.marker
    assert found.version != first.version
    await moved.write(a_parcel(), over=found)
    assert place.shows() == {ID: CLIENT, "NEW_SECRET": FIRST}


def only_where_others_may_be(place: Place) -> None:
    if not place.shared:
        pytest.skip("the whole place is one rotation's")
