"""What is there about Google Secret Manager that other places do not have? Versions, annotations, and its sign-in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rotator.destinations.gcp_notes import Note, noted
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from tests.builders import CLIENT
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel, a_place
from tests.destinations.places_gcp import GcpPlace
from tests.destinations.servers.answering import Fault, Reply, Request

ID, SECRET = NAMES["clientId"], NAMES["clientSecret"]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[GcpPlace]:
    async with a_place("gcp-secret-manager", tmp_path).living() as living:
        assert isinstance(living, GcpPlace)
        yield living


def asks(method: str, ending: str) -> Callable[[Request], bool]:
    return lambda request: request.method == method and request.path.endswith(ending)


async def test_no_look_fetches_a_text(place: GcpPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    place.server.asked.clear()
    await place.open().read()
    assert {(method, path.rpartition("/")[2]) for method, path in place.server.asked} == {
        ("GET", ID),
        ("GET", SECRET),
        ("GET", "latest"),
    }


async def test_a_text_that_stays_gets_no_new_version(place: GcpPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert place.leftovers() == [f"{ID}/1", f"{SECRET}/2"]
    assert place.shows() == {ID: CLIENT, SECRET: SECOND}


async def test_a_secret_somebody_prepared_is_filled_without_being_adopted_and_stays_when_we_leave(
    place: GcpPlace,
) -> None:
    """Terraform makes the secret and grants rights on it; it has no version yet."""
    for name in (ID, SECRET):
        place.server.put(name, "x")
        place.server.secrets[name].versions.clear()
        place.server.secrets[name].states.clear()
        place.server.secrets[name].annotations["team"] = "billing"
    assert await place.open().read() is None
    written = await place.open().write(a_parcel(), over=None)
    assert place.server.secrets[SECRET].annotations["team"] == "billing"
    await place.open().remove(over=written)
    assert place.shows() == {}
    assert place.server.secrets[SECRET].annotations == {"team": "billing"}
    assert place.server.secrets[SECRET].states == ["DESTROYED"]
    assert await place.open().read() is None
    again = await place.open().write(a_parcel(SECOND, "key-2"), over=None)
    assert again.marker == a_parcel(SECOND, "key-2").marker


async def test_old_versions_are_disabled_where_that_is_asked_for(place: GcpPlace) -> None:
    written = await place.open(disableOld=True).write(a_parcel(), over=None)
    for n in range(2, 5):
        written = await place.open(disableOld=True).write(a_parcel(f"text~{n}", f"key-{n}"), over=written)
    assert place.server.secrets[SECRET].states == ["DISABLED", "DISABLED", "ENABLED", "ENABLED"]
    assert await place.open(disableOld=True).read() == written


@pytest.mark.parametrize("stop", [("POST", ":addVersion"), ("PATCH", SECRET), ("POST", "/secrets")])
@pytest.mark.parametrize("after", [False, True])
async def test_a_write_that_was_cut_off_is_finished_by_the_next(
    place: GcpPlace, stop: tuple[str, str], *, after: bool
) -> None:
    place.server.faults = [Fault(asks(*stop), reset=True, after=after, times=1)]
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(), over=None)
    found = await place.open().read()
    assert found is None or found.marker is not None
    written = await place.open().write(a_parcel(), over=found)
    assert written.marker == a_parcel().marker
    assert await place.open().read() == written
    assert place.shows() == {ID: CLIENT, SECRET: FIRST}


async def test_a_strangers_version_after_an_announcement_is_not_taken_for_ours(place: GcpPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.faults = [Fault(asks("POST", f"{SECRET}:addVersion"), reset=True, times=1)]
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(SECOND, "key-2"), over=written)
    place.set(SECRET, "one")
    place.set(SECRET, "two")
    found = await place.open().read()
    assert found is not None
    assert found.marker is None


async def test_a_disabled_version_is_drift_and_healed(place: GcpPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.secrets[SECRET].states[-1] = "DISABLED"
    found = await place.open().read()
    assert found is not None
    assert found.version != written.version
    assert await place.open().write(a_parcel(), over=found) == written
    assert place.shows() == {ID: CLIENT, SECRET: FIRST}


async def test_one_sign_in_serves_all_and_is_made_anew_when_it_is_refused(place: GcpPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    assert place.server.tokens == 1
    place.server.tokens = 7
    assert await place.open().read() is not None
    assert place.server.tokens == 8


async def test_a_workload_signs_in_by_its_own_token(place: GcpPlace) -> None:
    token_file = place.folder / "token"
    token_file.write_text("a token of the cluster")
    place.key_file.write_text(json.dumps(place.server.federation(str(token_file))))
    written = await place.open().write(a_parcel(), over=None)
    assert written.marker == a_parcel().marker


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no json", "no sign-in to Google"),
        ('{"type": "service_account"}', "no sign-in to Google"),
        ('{"type": "external_account", "credential_source": {"executable": {"command": "x"}}}', "of no type"),
        ('{"type": "gdch_service_account"}', "of no type"),
    ],
)
async def test_what_cannot_be_signed_in_with_is_told(place: GcpPlace, content: str, told: str) -> None:
    place.key_file.write_text(content)
    with pytest.raises(DestinationRefused, match=told) as caught:
        await place.open().read()
    assert "auth.credentialsFile" in str(caught.value)
    place.key_file.unlink()
    with pytest.raises(DestinationRefused, match="no sign-in to Google"):
        await place.open().read()


async def test_a_sign_in_that_google_refuses_is_told(place: GcpPlace) -> None:
    refused = Reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    place.server.faults = [Fault(asks("POST", "/token"), refused)]
    with pytest.raises(DestinationRefused, match="invalid_grant"):
        await place.open().read()
    place.server.faults = [Fault(asks("POST", "/token"), reset=True)]
    with pytest.raises(DestinationUnavailable, match="sign-in: no answer"):
        await place.open().read()


async def test_check_names_the_right_that_is_missing(place: GcpPlace) -> None:
    await place.open().check()
    await place.open().write(a_parcel(), over=None)
    before = place.leftovers()
    await place.open().check()
    assert place.leftovers() == before
    place.server.rights.discard("secretmanager.versions.add")
    with pytest.raises(DestinationRefused, match=r"Grant secretmanager\.versions\.add"):
        await place.open().check()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "PERMISSION_DENIED", DestinationRefused),
        (429, "RESOURCE_EXHAUSTED", DestinationUnavailable),
        (503, "UNAVAILABLE", DestinationUnavailable),
    ],
)
async def test_what_google_says_is_told(place: GcpPlace, status: int, code: str, error: type[DestinationError]) -> None:
    said = Reply(status, {"error": {"code": status, "status": code, "message": "so it is"}}, {"Retry-After": "9"})
    place.server.faults = [Fault(lambda request: request.path != "/token", said)]
    with pytest.raises(error, match=f"{code}: so it is") as caught:
        await place.open().read()
    after = caught.value.retry_after
    assert after is None or after.total_seconds() == 9


@pytest.mark.parametrize("garbled", ["no json", "[]", '{"history": 3}', '{"version": "x"}', '{"mark": {"key": 1}}'])
def test_a_note_that_somebody_garbled_counts_as_none(garbled: str) -> None:
    assert noted({"rotator": garbled}) == Note()
