"""What does Azure DevOps ask for beyond the contract: secrets that nobody reads again, sign-in pages, connections?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rotator.destinations import parse_options
from rotator.errors import ConfigError, DestinationRefused, DestinationUnavailable, NotOurs
from rotator.ports import Destination, Placed
from tests.builders import CLIENT, TENANT, a_rotation
from tests.destinations.places import FIRST, SECOND, a_parcel
from tests.destinations.places_azure import GroupPlace
from tests.destinations.servers.devops import PAT

SECRET = "BILLING_CLIENT_SECRET"
OTHER = {"clientId": "SHOP_CLIENT_ID", "clientSecret": "SHOP_CLIENT_SECRET"}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[GroupPlace]:
    here = GroupPlace(tmp_path, "azure-devops")
    async with here.living():
        yield here


def connection(place: GroupPlace) -> Destination:
    rotation = a_rotation(mapping={})
    return place.open(rotation, variableGroup=None, serviceConnection="azure-prod")


async def test_the_secret_is_hidden_and_the_rest_is_not(place: GroupPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    assert place.server.hidden == {SECRET}


async def test_writing_the_same_again_leaves_the_group_alone(place: GroupPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    changes = place.server.changes
    assert await place.open().write(a_parcel(), over=written) == written
    assert place.server.changes == changes


async def test_hidden_variables_of_others_keep_the_text_that_nobody_can_read(place: GroupPlace) -> None:
    place.server.put("THEIRS", "their-secret", hidden=True)
    await place.open().write(a_parcel(), over=None)
    assert place.server.values["THEIRS"] == "their-secret"
    assert "THEIRS" in place.server.hidden


async def test_a_secret_that_somebody_may_have_changed_is_written_again(place: GroupPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.put(SECRET, "edited", hidden=True)
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != written.version
    assert await place.open().write(a_parcel(), over=drifted) == written
    assert place.shows()[SECRET] == FIRST


async def test_another_rotations_write_does_not_vouch_for_a_secret_that_somebody_changed(place: GroupPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.put(SECRET, "edited", hidden=True)
    second = a_rotation(id="rotation-2", mapping=OTHER)
    await place.open(second).write(a_parcel(SECOND, "key-2", rotation="rotation-2"), over=None)
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != written.version
    assert await place.open().write(a_parcel(), over=drifted) == written
    assert place.shows()[SECRET] == FIRST


async def test_a_sign_in_page_is_no_answer(place: GroupPlace) -> None:
    place.azure.value = place.azure.next = "stale"
    with pytest.raises(DestinationRefused, match="401") as caught:
        await place.open().read()
    assert "service principal to the organisation" in caught.value.hint


async def test_a_personal_access_token_signs_in_too(place: GroupPlace) -> None:
    (place.folder / "pat").write_text(PAT)
    auth = {"method": "token", "token": {"file": str(place.folder / "pat")}}
    assert await place.open(auth=auth).read() is None
    assert place.azure.given == []


async def test_the_scope_is_that_of_azure_devops(place: GroupPlace) -> None:
    await place.open().read()
    assert set(place.azure.given) == {"499b84ac-1321-427f-aa17-267ca6975798/.default"}


async def test_check_changes_nothing_and_names_the_role(place: GroupPlace) -> None:
    await place.open().check()
    assert place.server.changes == 0
    place.server.may_administer = False
    for here in (place.open(), connection(place)):
        with pytest.raises(DestinationRefused, match="we may not change it") as caught:
            await here.check()
        assert "Administrator" in caught.value.hint


async def test_what_does_not_exist_or_only_shows_a_key_vault_is_refused(place: GroupPlace) -> None:
    with pytest.raises(DestinationRefused, match="no such variable group"):
        await place.open(variableGroup="nobody").read()
    with pytest.raises(DestinationRefused, match="no such service connection"):
        await place.open(a_rotation(mapping={}), variableGroup=None, serviceConnection="nobody").read()
    place.server.group_type = "AzureKeyVault"
    with pytest.raises(DestinationRefused, match="only shows a key vault"):
        await place.open().read()


async def test_a_service_connection_is_somebodys_until_it_is_adopted(place: GroupPlace) -> None:
    found = await connection(place).read()
    assert found is not None
    assert found.marker is None
    written = await connection(place).write(a_parcel(), over=found)
    assert written.marker == a_parcel().marker
    assert await connection(place).read() == written
    assert place.server.key == FIRST
    parameters = place.server.endpoint["authorization"]["parameters"]
    assert (parameters["serviceprincipalid"], parameters["tenantid"]) == (CLIENT, TENANT)


async def test_a_service_connection_keeps_its_description_beside_the_mark(place: GroupPlace) -> None:
    written = await connection(place).write(a_parcel(), over=await connection(place).read())
    second = await connection(place).write(a_parcel(SECOND, "key-2", token=6), over=written)
    assert place.server.endpoint["description"].startswith("Deploys to production [rotator {")
    assert place.server.endpoint["description"].count("[rotator") == 1
    assert SECOND not in place.server.endpoint["description"]
    await connection(place).remove(over=second)
    assert place.server.endpoint["description"] == "Deploys to production"
    assert place.server.key == SECOND


async def test_a_stale_token_and_a_change_meanwhile_cannot_write_a_connection(place: GroupPlace) -> None:
    first = await connection(place).read()
    written = await connection(place).write(a_parcel(token=6), over=first)
    with pytest.raises(DestinationUnavailable, match="token 6"):
        await connection(place).write(a_parcel(SECOND, "key-2", token=5), over=written)
    with pytest.raises(DestinationUnavailable, match="changed"):
        await connection(place).write(a_parcel(SECOND, "key-2", token=7), over=first)
    with pytest.raises(NotOurs):
        await connection(place).remove(over=Placed(None, "any"))
    assert place.server.key == FIRST


async def test_of_two_writers_of_a_connection_one_wins(place: GroupPlace) -> None:
    first = await connection(place).read()
    works = [connection(place).write(a_parcel(f"text~{n}", f"key-{n}"), over=first) for n in range(2)]
    answers = await asyncio.gather(*works, return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["DestinationUnavailable", "Placed"]


async def test_a_connection_without_a_secret_is_refused(place: GroupPlace) -> None:
    place.server.endpoint["authorization"]["scheme"] = "WorkloadIdentityFederation"
    with pytest.raises(DestinationRefused, match="does not sign in by a secret"):
        await connection(place).read()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "either variableGroup or serviceConnection"),
        ({"variableGroup": "a", "serviceConnection": "b"}, "either variableGroup or serviceConnection"),
        ({"variableGroup": "a", "auth": {"method": "token"}}, "token is missing"),
    ],
)
def test_options_that_say_too_much_or_too_little_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_options("azure-devops", {"organisation": "contoso", "project": "Payments", **options}, where="x")


def test_a_service_connection_has_no_names() -> None:
    where = {"organisation": "contoso", "project": "Payments", "serviceConnection": "azure-prod"}
    options = parse_options("azure-devops", where, where="x")
    assert options.name_problems({"clientSecret": "A"}) == ["names: a service connection has none (leave names out)"]
    assert options.name_problems(options.default_names({"clientId": "A", "clientSecret": "B"})) == []
