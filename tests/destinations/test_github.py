"""Does the destination `github-actions` sign in, notice other writers without reading texts, and survive a crash?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import ValidationError

from rotator.destinations import options_of
from rotator.destinations.surroundings import Surroundings
from rotator.errors import DestinationRefused, DestinationUnavailable
from tests.builders import CLIENT
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel
from tests.destinations.places_github import GitHubOrganisationPlace, GitHubPlace
from tests.destinations.servers.answering import Fault, Reply
from tests.destinations.servers.github import APP_ID
from tests.fakes import START, ManualClock

SECRET = NAMES["clientSecret"]
WHOLE = {NAMES["clientId"]: CLIENT, SECRET: FIRST}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[GitHubPlace]:
    made = GitHubPlace(tmp_path, "github-actions")
    async with made.living():
        yield made


def as_app(place: GitHubPlace, **changes: Any) -> dict[str, Any]:
    key = rsa.generate_private_key(65537, 2048)
    pem = place.folder / "app.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    place.server.app_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"auth": {"method": "app", "appId": APP_ID, "privateKey": {"file": str(pem)}, **changes}}


async def test_an_app_signs_in_once_for_all_destinations_until_its_token_ends(place: GitHubPlace) -> None:
    options = as_app(place)
    place.server.tokens.clear()
    await place.open(**options).check()
    await place.open(**options).write(a_parcel(), over=None)
    assert place.shows() == WHOLE
    assert place.server.logins == 1
    assert isinstance(place.clock, ManualClock)
    place.clock.advance(timedelta(minutes=56))
    await place.open(**options).read()
    assert place.server.logins == 2


async def test_an_apps_token_that_was_revoked_is_replaced_at_once(place: GitHubPlace) -> None:
    options = as_app(place, installationId="77")
    await place.open(**options).read()
    place.server.tokens.clear()
    await place.open(**options).read()
    assert place.server.logins == 2
    assert ("GET", "/repos/example/billing/installation") not in place.server.asked


async def test_what_an_app_lacks_is_named(place: GitHubPlace) -> None:
    options = as_app(place)
    place.server.permissions = {"secrets": "read", "actions_variables": "write"}
    with pytest.raises(DestinationRefused, match="the App lacks write on secrets"):
        await place.open(**options).check()
    with pytest.raises(DestinationRefused, match="lacks write on environments"):
        await place.open(environment="prod", **options).check()


async def test_an_app_that_is_not_installed_is_told(place: GitHubPlace) -> None:
    options = as_app(place)
    with pytest.raises(DestinationRefused, match="not installed at example/other"):
        await place.open(repository="example/other", **options).read()


async def test_a_key_that_is_none_is_told_without_showing_it(place: GitHubPlace) -> None:
    options = as_app(place)
    (place.folder / "app.pem").write_text("no key at all")
    with pytest.raises(DestinationRefused, match="private key cannot be used") as caught:
        await place.open(**options).read()
    assert "no key at all" not in str(caught.value)


async def test_a_token_may_be_named(place: GitHubPlace) -> None:
    (place.folder / "token").write_text("another\n")
    options: dict[str, Any] = {"auth": {"method": "token", "token": {"file": str(place.folder / "token")}}}
    with pytest.raises(DestinationRefused, match="401: Bad credentials"):
        await place.open(**options).read()
    place.server.tokens = {"another"}
    await place.open(**options).check()


async def test_a_missing_token_is_told_by_its_variable(tmp_path: Path) -> None:
    class Bare(GitHubPlace):
        def surroundings(self) -> Surroundings:
            return replace(super().surroundings(), environment={})

    async with Bare(tmp_path, "github-actions").living() as place:
        with pytest.raises(DestinationRefused, match="GITHUB_TOKEN is not set"):
            await place.open().read()


async def test_a_classic_token_without_its_scope_is_told(place: GitHubPlace) -> None:
    place.server.scopes = "public_repo, read:org"
    with pytest.raises(DestinationRefused, match="lacks the scope repo"):
        await place.open().check()
    place.server.scopes = "repo, read:org"
    await place.open().check()
    with pytest.raises(DestinationRefused, match="lacks the scope admin:org"):
        await place.open(repository=None, organisation="example").check()


async def test_an_environment_has_its_own_secrets(place: GitHubPlace) -> None:
    await place.open(environment="prod").write(a_parcel(), over=None)
    assert place.shows() == {}
    assert set(place.server.shelf("repos/example/billing/environments/prod").secrets) == set(WHOLE)
    with pytest.raises(DestinationRefused, match=r"404: Not Found\. Check repository, organisation and environment"):
        await place.open(environment="lost").check()


async def test_only_what_differs_is_written_and_the_secret_last(place: GitHubPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    written = [path.rpartition("/")[2] for method, path in place.server.asked if method == "PUT"]
    assert written == [NAMES["clientId"], SECRET]
    place.server.asked.clear()
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert [path.rpartition("/")[2] for method, path in place.server.asked if method == "PUT"] == [SECRET]
    place.server.asked.clear()
    found = await place.open().read()
    assert {method for method, _ in place.server.asked} == {"GET"}
    await place.open().write(a_parcel(SECOND, "key-2"), over=found)
    assert {method for method, _ in place.server.asked} == {"GET"}


async def test_somebody_who_writes_the_same_secret_is_noticed_by_its_time(place: GitHubPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.set(SECRET, FIRST)
    found = await place.open().read()
    assert found is not None
    assert found.marker == written.marker
    assert found.version != written.version


def nth_change(n: int, *, after: bool) -> Fault:
    """The nth request that changes something is cut off."""
    seen: list[str] = []

    def matches(request: Any) -> bool:
        if request.method != "GET":
            seen.append(request.path)
        return request.method != "GET" and len(seen) == n

    return Fault(matches, reset=True, after=after, times=1)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("n", range(1, 9))
async def test_a_write_cut_off_anywhere_is_ours_and_completed_by_the_next(
    place: GitHubPlace, n: int, *, after: bool
) -> None:
    place.server.faults.append(nth_change(n, after=after))
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(), over=None)
    found = await place.open().read()
    assert found is None or (found.marker is not None and found.marker.rotation_id == "rotation-1")
    written = await place.open().write(a_parcel(), over=found)
    assert written.marker == a_parcel().marker
    assert place.shows() == WHOLE


@pytest.mark.parametrize("after", [False, True])
async def test_an_unconfirmed_write_claims_no_key(place: GitHubPlace, *, after: bool) -> None:
    first = await place.open().write(a_parcel(), over=None)
    cut = Fault(lambda request: request.method == "PUT", reset=True, after=after, times=1)
    place.server.faults.append(cut)
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    found = await place.open().read()
    assert found is not None
    assert found.marker is not None
    assert found.marker.key_id == ""


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (Reply(429, {"message": "slow down"}, {"Retry-After": "17"}), 17),
        (Reply(403, {"message": "secondary rate limit"}, {"Retry-After": "60"}), 60),
        (
            Reply(
                403,
                {"message": "API rate limit exceeded"},
                {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START.timestamp()) + 90)},
            ),
            90,
        ),
    ],
)
async def test_a_limit_is_waited_for_as_long_as_github_says(place: GitHubPlace, reply: Reply, wait: int) -> None:
    place.server.faults.append(Fault(reply=reply))
    with pytest.raises(DestinationUnavailable, match="too many requests") as caught:
        await place.open().read()
    assert caught.value.retry_after == timedelta(seconds=wait)


async def test_a_right_that_is_missing_is_no_limit(place: GitHubPlace) -> None:
    refusal = Reply(403, {"message": "Resource not accessible by personal access token"})
    place.server.faults.append(Fault(lambda request: request.method == "PUT", refusal))
    with pytest.raises(DestinationRefused, match=r"not accessible by personal access token\. Give the token or App"):
        await place.open().write(a_parcel(), over=None)


async def test_a_read_that_lags_behind_the_write_is_not_believed(place: GitHubPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    before = Reply(200, {"name": SECRET, "updated_at": place.shelf.secrets[SECRET][1]})
    place.server.faults.append(Fault(lambda request: request.path.endswith(f"secrets/{SECRET}"), before, after=True))
    with pytest.raises(DestinationUnavailable, match="does not show yet"):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    place.server.faults.clear()
    written = await place.open().write(a_parcel(SECOND, "key-2"), over=await place.open().read())
    assert await place.open().read() == written
    assert place.shows()[SECRET] == SECOND


async def test_the_key_to_seal_with_may_change_at_any_time(place: GitHubPlace) -> None:
    stale = Reply(200, {"key_id": "key-0", "key": "AAAA"})
    place.server.faults.append(Fault(lambda request: request.path.endswith("public-key"), stale, times=1))
    with pytest.raises(DestinationUnavailable, match="gave a key that is none"):
        await place.open().write(a_parcel(), over=None)
    await place.open().write(a_parcel(), over=await place.open().read())
    assert place.shows() == WHOLE


async def test_who_sees_a_secret_of_an_organisation_stays_as_it_is(tmp_path: Path) -> None:
    async with GitHubOrganisationPlace(tmp_path, "github-actions").living() as place:
        assert isinstance(place, GitHubOrganisationPlace)
        first = await place.open().write(a_parcel(), over=None)
        assert place.shelf.visibility[SECRET] == "private"
        place.shelf.visibility[SECRET], place.shelf.selected[SECRET] = "selected", [3, 4]
        second = await place.open().write(a_parcel(SECOND, "key-2"), over=first)
        assert (place.shelf.visibility[SECRET], place.shelf.selected[SECRET]) == ("selected", [3, 4])
        place.shelf.visibility[SECRET] = "all"
        await place.open().write(a_parcel(FIRST, "key-3"), over=second)
        assert place.shelf.visibility[SECRET] == "all"


async def test_what_we_took_away_leaves_no_variable(place: GitHubPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    assert set(place.shelf.variables) == {f"ROTATOR_OF_{name}" for name in WHOLE}
    assert not any(text in told for text in (FIRST, SECOND) for told in place.shelf.variables.values())
    await place.open().remove(over=written)
    assert place.leftovers() == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "exactly one of them"),
        ({"repository": "example/billing", "organisation": "example"}, "exactly one of them"),
        ({"repository": "billing"}, "OWNER/NAME"),
        ({"repository": "example/.."}, "OWNER/NAME"),
        ({"organisation": "a/b"}, "the name of an organisation"),
        ({"organisation": "example", "environment": "prod"}, "an environment belongs to a repository"),
        ({"organisation": "example", "auth": {"method": "token"}}, "token is missing"),
        ({"organisation": "example", "auth": {"method": "app", "appId": "1"}}, "privateKey is missing"),
    ],
)
def test_options_that_cannot_work_are_refused_at_load(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        options_of("github-actions").model_validate(options)


@pytest.mark.parametrize("name", ["billing", "1A", "GITHUB_X", "ROTATOR_OF_X", "A-B", ""])
def test_names_github_forbids_are_refused_at_load(name: str) -> None:
    options = options_of("github-actions").model_validate({"repository": "example/billing", "environment": "prod"})
    assert options.name_problems({"clientSecret": name})
    assert not options.name_problems(NAMES)
    assert options.place() == "github-actions:example/billing/prod"
