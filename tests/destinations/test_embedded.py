"""What is particular to the embedded store as a destination?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rotator.destinations import options_of
from rotator.domain.model import Folder
from tests.builders import a_rotation
from tests.destinations.places import NAMES, SECOND, EmbeddedPlace, a_parcel


@pytest.fixture
def place(tmp_path: Path) -> EmbeddedPlace:
    return EmbeddedPlace(tmp_path)


async def test_a_promotion_is_no_drift(place: EmbeddedPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.fake.promote()
    assert await place.open().read() == written
    staged = await place.open().write(a_parcel(SECOND, "key-2"), over=written)
    assert staged.version != written.version


async def test_names_that_were_exchanged_are_drift(place: EmbeddedPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    exchanged = {"clientId": NAMES["clientSecret"], "clientSecret": NAMES["clientId"]}
    found = await place.open(names=exchanged).read()
    assert found is not None
    assert found.version != written.version


async def test_half_staged_names_bear_no_key(place: EmbeddedPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    await place.open(names={"clientId": NAMES["clientId"]}).write(
        a_parcel(SECOND, "key-2"), over=await place.open(names={"clientId": NAMES["clientId"]}).read()
    )
    found = await place.open().read()
    assert found is not None
    assert found.marker is not None
    assert not found.marker.key_id


async def test_the_same_names_in_another_folder_are_another_place(place: EmbeddedPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    elsewhere = a_rotation(id="rotation-2", mapping=dict(NAMES), folder=Folder("payments"))
    assert await place.open(elsewhere).read() is None
    options = options_of("embedded")()
    ours, theirs = (options.claims(folder, ["A"]) for folder in (Folder(), Folder("payments")))
    assert not ours & theirs
    assert options.claims(Folder(path="/"), ["A"]) == options.claims(Folder(path=""), ["A"])


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a\nb"])
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    assert options_of("embedded")().name_problems({"clientSecret": name})
    assert options_of("embedded")().name_problems({"clientSecret": "A_B"}) == []
