"""Does the destination `vault` sign in, keep its token alive, look without the text, and survive a crash anywhere?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rotator.destinations import options_of
from rotator.destinations.surroundings import Surroundings
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from rotator.ports import Destination
from tests.builders import CLIENT
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel
from tests.destinations.places_vault import PATH, VaultOnePlace, VaultPlace
from tests.destinations.servers.answering import Fault, Reply, Request
from tests.destinations.servers.vault import JWT, READ_ONLY, ROLE_ID, SECRET_ID, Token
from tests.fakes import ManualClock

WHOLE = {NAMES["clientId"]: CLIENT, NAMES["clientSecret"]: FIRST}
ANY = {"endpoint": "https://vault.example.com", "path": "apps/billing"}


class Signing(VaultPlace):
    """A place that is opened with some way of signing in."""

    auth: dict[str, Any] | None = None
    environment: dict[str, str]

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), environment=self.environment)

    def options(self) -> dict[str, Any]:
        return {**super().options(), **({"auth": self.auth} if self.auth else {})}

    def secret(self, name: str, text: str) -> dict[str, str]:
        path = self.folder / name
        path.write_text(text)
        return {"file": str(path)}

    def pass_time(self, seconds: float) -> None:
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(seconds)
        self.server.now += seconds


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Signing]:
    made = Signing(tmp_path, "vault")
    made.environment = {"VAULT_TOKEN": "hvs.root-token"}
    async with made.living():
        yield made


def approle(place: Signing) -> dict[str, Any]:
    return {"method": "approle", "roleId": ROLE_ID, "secretId": place.secret("secret-id", SECRET_ID)}


@pytest.mark.parametrize("method", ["approle", "kubernetes", "jwt"])
async def test_each_method_signs_in_once_for_all_destinations(place: Signing, method: str) -> None:
    jwt = {"method": method, "role": "rotator", "token": place.secret("jwt", JWT)}
    place.auth = approle(place) if method == "approle" else jwt
    await place.open().check()
    await place.open().write(a_parcel(), over=None)
    assert place.shows() == WHOLE
    assert place.server.logins == 1


async def test_a_method_may_be_mounted_elsewhere(place: Signing) -> None:
    place.auth = {**approle(place), "mount": "team/approle"}
    with pytest.raises(DestinationRefused, match="sign-in by approle was refused with 403"):
        await place.open().read()
    assert place.server.asked == [("POST", "/v1/auth/team/approle/login")]


async def test_a_namespace_is_asked_for_in_every_request(place: Signing) -> None:
    place.auth, place.server.namespace = approle(place), "team-a"
    await place.open(namespace="team-a").check()
    with pytest.raises(DestinationRefused, match="namespace not found"):
        await place.open().check()


async def test_a_refused_sign_in_says_why_and_shows_nothing(place: Signing) -> None:
    place.auth = {**approle(place), "secretId": place.secret("wrong", "the-wrong-id")}
    with pytest.raises(DestinationRefused, match="refused with 400: invalid role or secret ID") as caught:
        await place.open().read()
    assert "the-wrong-id" not in str(caught.value)
    assert "auth block" in caught.value.hint


async def test_a_missing_token_is_told_by_its_variable(place: Signing) -> None:
    place.environment = {}
    with pytest.raises(DestinationRefused, match="VAULT_TOKEN is not set"):
        await place.open().read()


async def test_a_token_is_renewed_when_a_third_of_its_life_is_left(place: Signing) -> None:
    place.auth = approle(place)
    await place.open().read()
    place.pass_time(2300)
    await place.open().read()
    assert ("POST", "/v1/auth/token/renew-self") not in place.server.asked
    place.pass_time(200)
    await place.open().read()
    assert place.server.asked.count(("POST", "/v1/auth/token/renew-self")) == 1
    place.pass_time(2000)
    await place.open().read()
    assert place.server.logins == 1


@pytest.mark.parametrize("renewable", [True, False])
async def test_a_token_that_has_ended_is_fetched_anew(place: Signing, *, renewable: bool) -> None:
    place.auth, place.server.renewable = approle(place), renewable
    await place.open().read()
    place.pass_time(4000)
    await place.open().read()
    assert place.server.logins == 2


async def test_a_token_near_the_end_of_its_longest_life_is_fetched_anew(place: Signing) -> None:
    place.auth = approle(place)
    await place.open().read()
    place.server.tokens["hvs.fetched-1"].seconds = 10
    place.pass_time(2500)
    await place.open().read()
    assert place.server.logins == 2


async def test_a_token_that_was_revoked_is_replaced_at_once(place: Signing) -> None:
    place.auth = approle(place)
    written = await place.open().write(a_parcel(), over=None)
    place.server.tokens.clear()
    assert await place.open().write(a_parcel(SECOND, "key-2"), over=written) != written
    assert place.server.logins == 2


async def test_a_token_that_an_agent_replaces_in_its_file_is_read_again(place: Signing) -> None:
    place.auth = {"method": "token", "token": place.secret("token", "hvs.first")}
    place.server.tokens = {"hvs.first": Token(60, 60.0), "hvs.second": Token(60, 600.0)}
    await place.open().read()
    place.pass_time(61)
    place.secret("token", "hvs.second")
    written = await place.open().write(a_parcel(), over=None)
    assert await place.open().read() == written


async def test_a_look_fetches_no_text_while_nothing_was_written(place: Signing) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.asked.clear()
    assert await place.open().read() == written
    assert place.server.asked == [("GET", f"/v1/secret/metadata/{PATH}")]
    place.set("OTHERS", "text")
    assert await place.open().read() == written
    assert ("GET", f"/v1/secret/data/{PATH}") in place.server.asked


async def test_a_deleted_version_is_nothing_and_is_followed(place: Signing) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.two[PATH].data[-1] = None
    assert await place.open().read() is None
    assert await place.open().write(a_parcel(), over=None) == written
    assert len(place.server.two[PATH].data) == 2


def nth_change(n: int, fault: Fault) -> Fault:
    """The fault at the nth request that changes something."""
    seen: list[Request] = []

    def matches(request: Request) -> bool:
        if request.method != "GET":
            seen.append(request)
        return len(seen) == n

    return replace(fault, matches=matches, times=1)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
async def test_a_write_cut_off_anywhere_is_ours_and_completed_by_the_next(
    place: Signing, n: int, *, after: bool
) -> None:
    place.server.faults.append(nth_change(n, Fault(reset=True, after=after)))
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(), over=None)
    found = await place.open().read()
    assert found is None or found.marker == a_parcel().marker
    written = await place.open().write(a_parcel(), over=found)
    assert found in {None, written}
    assert place.shows() == WHOLE
    place.server.asked.clear()
    assert await place.open().read() == written
    assert len(place.server.asked) == 1
    assert len(place.server.two[PATH].data) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3])
async def test_an_exchange_cut_off_anywhere_shows_one_of_both(place: Signing, n: int, *, after: bool) -> None:
    first = await place.open().write(a_parcel(), over=None)
    place.server.faults.append(nth_change(n, Fault(reset=True, after=after)))
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    found = await place.open().read()
    assert found is not None
    assert found == first or found.marker == a_parcel(SECOND, "key-2").marker
    assert (found == first) == (place.shows() == WHOLE)


async def test_another_process_that_is_faster_wins(place: Signing) -> None:
    handle = place.server.handle

    def overtaken(request: Request) -> Reply:
        if request.method == "POST" and "/data/" in request.path:
            place.server.put(PATH, {"OTHERS": "text"})
        return handle(request)

    place.server.handle = overtaken
    with pytest.raises(DestinationUnavailable, match="changed by somebody else"):
        await place.open().write(a_parcel(), over=None)
    assert place.shows() == {"OTHERS": "text"}


async def test_check_names_what_the_token_lacks_and_a_policy_that_grants_it(place: Signing) -> None:
    place.environment = {"VAULT_TOKEN": READ_ONLY}
    with pytest.raises(DestinationRefused, match=f"lacks create, update at secret/data/{PATH}") as caught:
        await place.open().check()
    assert f'path "secret/metadata/{PATH}" {{ capabilities = ["read", "create", "patch"] }}' in caught.value.hint
    with pytest.raises(DestinationRefused, match="403: 1 error occurred"):
        await place.open().write(a_parcel(), over=None)


async def test_check_looks_where_it_may_not_ask_for_rights(place: Signing) -> None:
    place.server.faults.append(Fault(lambda request: request.path.startswith("/v1/sys/"), Reply(403)))
    await place.open().check()
    assert ("GET", f"/v1/secret/metadata/{PATH}") in place.server.asked


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"version": 1}, "the engine at secret is KV version 2. Set version: 2"),
        ({"mount": "kv"}, "the engine at kv is KV version 1. Set version: 1"),
    ],
)
async def test_check_knows_the_version_of_the_engine(place: Signing, options: dict[str, Any], told: str) -> None:
    with pytest.raises(DestinationRefused, match=told):
        await place.open(**options).check()


async def test_a_mount_that_is_not_there_is_told_as_such(place: Signing) -> None:
    for version in (1, 2):
        with pytest.raises(DestinationRefused, match="no engine mounted at lost"):
            await place.open(mount="lost", version=version).read()


async def test_a_secret_that_we_made_goes_with_all_its_versions(place: Signing) -> None:
    written = await place.open().write(a_parcel(), over=None)
    await place.open().remove(over=written)
    assert place.server.two == {}
    place.set("OTHERS", "text")
    written = await place.open().write(a_parcel(), over=None)
    await place.open().remove(over=written)
    assert (place.shows(), place.server.two[PATH].custom) == ({"OTHERS": "text"}, {})


async def test_no_mark_holds_a_text_and_each_fits(place: Signing) -> None:
    names = dict(zip(("clientId", "clientSecret", "keyId", "tenantId", "expiresAt"), "ABCDE", strict=True))
    names = {field: name * 40 for field, name in names.items()}
    await place.open(names=names).write(a_parcel(), over=None)
    assert FIRST not in json.dumps(place.server.two[PATH].custom)
    assert len(place.shows()) == 5


async def test_an_error_that_quotes_the_request_is_told_without_the_text(tmp_path: Path) -> None:
    for made in (VaultPlace(tmp_path, "vault"), VaultOnePlace(tmp_path, "vault")):
        async with made.living():
            quoting = Reply(400, {"errors": [f"cannot store {FIRST}"]})
            made.server.faults.append(Fault(lambda request: FIRST.encode() in request.body, quoting))
            with pytest.raises(DestinationError, match="cannot store") as caught:
                await made.open().write(a_parcel(), over=None)
            assert FIRST not in repr(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "endpoint"),
        ({**ANY, "path": "a/../b"}, "a path such as apps/billing"),
        ({**ANY, "path": ""}, "a path such as apps/billing"),
        ({**ANY, "version": 3}, "1 | 2"),
        ({**ANY, "version": True}, "1 | 2"),
        ({**ANY, "auth": {"method": "approle"}}, "roleId is missing"),
        ({**ANY, "auth": {"method": "jwt", "role": "x"}}, "token is missing"),
        ({**ANY, "auth": {"method": "kubernetes"}}, "role is missing"),
        ({**ANY, "auth": {"method": "token", "token": "hvs.x"}}, "a secret is not written here"),
    ],
)
def test_options_that_cannot_work_are_refused_at_load(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told.replace("|", r"\|")):
        options_of("vault").model_validate(options)


def test_names_that_do_not_fit_are_refused_at_load() -> None:
    options = options_of("vault").model_validate(ANY)
    assert options.name_problems({"clientId": "A" * 130, "clientSecret": "B" * 130})
    assert options.name_problems({"clientSecret": "_rotator"})
    assert not options.name_problems(NAMES)
    assert options.place() == "vault:vault.example.com/secret/apps/billing"


def test_opening_asks_nobody(place: Signing) -> None:
    opened: Destination = place.open()
    assert opened is not None
    assert place.server.asked == []
