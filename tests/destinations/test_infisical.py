"""What does Infisical ask for beyond the contract: machine identities, batches, approval policies, lasting metadata?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rotator.destinations import Surroundings, parse_options
from rotator.errors import ConfigError, DestinationRefused, DestinationUnavailable
from tests.destinations.places import FIRST, SECOND, a_parcel
from tests.destinations.places_azure import Tokens
from tests.destinations.places_infisical import InfisicalPlace
from tests.destinations.servers.answering import Fault, Reply, Request
from tests.destinations.servers.infisical import AZURE_TOKEN, IDENTITY, PROJECT

SECRET = "BILLING_CLIENT_SECRET"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[InfisicalPlace]:
    here = InfisicalPlace(tmp_path, "infisical")
    async with here.living():
        yield here


async def test_one_sign_in_serves_many_deliveries(place: InfisicalPlace) -> None:
    for _ in range(3):
        await place.open().read()
    assert place.server.logins == 1


async def test_a_token_is_renewed_before_it_ends_and_when_it_is_refused(place: InfisicalPlace) -> None:
    await place.open().read()
    place.clock.advance(590)  # type: ignore[attr-defined]  # a manual clock
    await place.open().read()
    assert place.server.logins == 2
    place.server.tokens.clear()
    await place.open().read()
    assert place.server.logins == 3


async def test_azure_auth_signs_in_with_a_token_for_the_audience_to_the_letter(place: InfisicalPlace) -> None:
    tokens = Tokens(AZURE_TOKEN)
    here = ByAzure(place.folder, "infisical", tokens=tokens)
    here.server, here.kept = place.server, place.kept
    assert await here.open().read() is None
    assert tokens.given == ["https://management.azure.com//.default"]


async def test_a_wrong_secret_of_the_identity_is_named(place: InfisicalPlace) -> None:
    place.options()
    (place.folder.parent / f"{place.folder.name}-client-secret").write_text("wrong")
    place.options = lambda: written(place)  # type: ignore[method-assign]
    with pytest.raises(DestinationRefused, match="answered 401: UnauthorizedError: Invalid credentials") as caught:
        await place.open().read()
    assert "identity" in caught.value.hint
    assert "wrong" not in str(caught.value)


async def test_all_names_are_written_in_one_request_and_no_text_is_fetched(place: InfisicalPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    asked = [request for request in place.server.requests if "/auth/" not in request.path]
    assert [request.method for request in asked] == ["GET", "PATCH", "GET"]
    assert all(request.query["viewSecretValue"] == "false" for request in asked if request.method == "GET")
    assert len(asked[1].json["secrets"]) == 2


async def test_metadata_of_others_and_a_text_edited_under_our_metadata(place: InfisicalPlace) -> None:
    place.set(SECRET, "theirs")
    place.rows[SECRET]["secretMetadata"] = [{"key": "owner", "value": "team-billing"}]
    written = await place.open().write(a_parcel(), over=await place.open().read())
    assert {"key": "owner", "value": "team-billing"} in place.rows[SECRET]["secretMetadata"]
    assert not any(FIRST in str(each) for each in place.rows[SECRET]["secretMetadata"])
    place.set(SECRET, "edited")
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != written.version


async def test_a_writer_that_came_between_is_noticed_afterwards(place: InfisicalPlace) -> None:
    server = place.server
    answer = server.handle

    def racing(request: Request) -> Reply:
        """Somebody writes the same secret just before each batch."""
        if request.method == "PATCH":
            server.put(SECRET, "raced")
        return answer(request)

    server.handle = racing
    with pytest.raises(DestinationUnavailable, match="at the same moment"):
        await place.open().write(a_parcel(), over=None)
    server.handle = answer
    await place.open().write(a_parcel(), over=await place.open().read())
    assert place.shows()[SECRET] == FIRST


async def test_a_change_that_waits_for_approval_is_not_delivered(place: InfisicalPlace) -> None:
    place.server.approval = True
    with pytest.raises(DestinationRefused, match="approval policy") as caught:
        await place.open().write(a_parcel(), over=None)
    assert "Exempt" in caught.value.hint
    assert place.shows() == {}


async def test_a_project_that_capitalises_names_is_told(place: InfisicalPlace) -> None:
    place.server.capitals = True
    with pytest.raises(DestinationUnavailable, match="not there under its names") as caught:
        await place.open(names={"clientSecret": "billing"}).write(a_parcel(), over=None)
    assert "capitals" in caught.value.hint


async def test_a_folder_that_does_not_exist_is_named(place: InfisicalPlace) -> None:
    with pytest.raises(DestinationRefused, match="404: NotFound: Folder not found") as caught:
        await place.open(secretPath="/nowhere").read()
    assert "folder of secretPath must exist" in caught.value.hint


async def test_check_makes_nothing_and_names_the_right_that_is_missing(place: InfisicalPlace) -> None:
    await place.open().check()
    assert place.shows() == {}
    place.server.rights.discard("edit")
    with pytest.raises(DestinationRefused, match="PermissionDenied") as caught:
        await place.open().check()
    assert "describe, create, edit and delete" in caught.value.hint


async def test_a_batch_that_is_cut_off_leaves_all_names_as_they_were(place: InfisicalPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    place.server.faults.append(Fault(place.is_write, reset=True, times=1))
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert await place.open().read() == first


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"method": "universal-auth", "clientId": IDENTITY}, "clientSecret is missing"),
        ({"method": "azure-auth"}, "identityId is missing"),
        ({"method": "universal-auth", "clientId": IDENTITY, "clientSecret": "literal"}, "a secret is not written here"),
    ],
)
def test_a_sign_in_that_lacks_something_is_refused_at_load(auth: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_options("infisical", {"projectId": PROJECT, "environment": "prod", "auth": auth}, where="x")


class ByAzure(InfisicalPlace):
    """Signs in by Azure Auth."""

    def __init__(self, folder: Path, kind: str, *, tokens: Tokens) -> None:
        super().__init__(folder, kind)
        self.tokens = tokens

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), azure=self.tokens)

    def options(self) -> dict[str, Any]:
        return {**super().options(), "auth": {"method": "azure-auth", "identityId": IDENTITY}}


def written(place: InfisicalPlace) -> dict[str, Any]:
    """The options, with the file of the client secret left as it is."""
    secret = place.folder.parent / f"{place.folder.name}-client-secret"
    kept = secret.read_text()
    options = InfisicalPlace.options(place)
    secret.write_text(kept)
    return options
