"""What does a key vault ask for beyond the contract: challenges, versions that stay, names of its own, soft delete?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.destinations import parse_options
from rotator.destinations.key_vault_tags import carried, mark_of, tags_of
from rotator.destinations.marks import Mark
from rotator.errors import ConfigError, DestinationRefused, DestinationUnavailable
from rotator.ports import Marker
from tests.builders import CLIENT, a_rotation
from tests.destinations.places import FIRST, SECOND, a_parcel
from tests.destinations.places_azure import KeyVaultJsonPlace, KeyVaultPlace
from tests.destinations.servers.answering import Fault, Reply
from tests.destinations.servers.key_vault import DELETE, LIST, RECOVER, SET, UPDATE
from tests.fakes import ManualClock

ID, SECRET = "billing-client-id", "billing-client-secret"


class Quick(ManualClock):
    """Time passes as soon as somebody waits for it."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[KeyVaultPlace]:
    here = KeyVaultPlace(tmp_path, "azure-key-vault")
    async with here.living():
        yield here


async def test_the_scope_is_the_one_that_the_vault_asks_for(place: KeyVaultPlace) -> None:
    place.server.resource = "https://vault.usgovcloudapi.net"
    await place.open().read()
    assert set(place.azure.given) == {"https://vault.usgovcloudapi.net/.default"}


async def test_a_token_that_the_vault_refuses_is_fetched_anew(place: KeyVaultPlace) -> None:
    await place.open().read()
    place.azure.value, place.azure.next = "stale", place.server.token
    assert await place.open().read() is None


async def test_a_sign_in_that_stays_refused_is_told_as_one(place: KeyVaultPlace) -> None:
    place.server.token = "another"
    with pytest.raises(DestinationRefused, match="answered 401: Unauthorized") as caught:
        await place.open().read()
    assert "sign-in" in caught.value.hint


async def test_no_text_is_ever_fetched_and_no_right_to_read_one_is_needed(place: KeyVaultPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    await place.open().write(a_parcel(SECOND, "key-2"), over=written)
    assert {method for method, _ in place.server.asked} == {"GET", "PUT", "PATCH"}
    assert all(path.endswith("/versions") for method, path in place.server.asked if method == "GET")


async def test_a_secret_expires_with_its_credential_and_bears_no_text_in_its_tags(place: KeyVaultPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    secret = place.server.latest(SECRET)
    assert secret["attributes"]["exp"] == int(a_parcel().expires_at.timestamp())
    assert secret["tags"]["rotator-name"] == "billing-api"
    assert secret["tags"]["rotator-attempt"] == "attempt-1"
    assert not any(FIRST in value for value in secret["tags"].values())
    assert "exp" not in place.server.latest(ID)["attributes"]


async def test_a_client_id_that_stays_gets_no_new_version(place: KeyVaultPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert [len(place.server.secrets[name].versions) for name in (ID, SECRET)] == [1, 2]
    assert place.server.latest(ID)["tags"]["rotator-key"] == "key-2"


async def test_the_secret_is_written_last(place: KeyVaultPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    assert [path for method, path in place.server.asked if method == "PUT"][-2:] == [
        f"/secrets/{ID.upper()}",
        f"/secrets/{SECRET.upper()}",
    ]


async def test_a_write_that_was_cut_off_is_finished(place: KeyVaultPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    second = a_parcel(SECOND, "key-2", token=6)
    cut = Fault(lambda asked: (asked.method, asked.path) == ("PUT", f"/secrets/{SECRET.upper()}"), reset=True, times=1)
    place.server.faults.append(cut)
    with pytest.raises(DestinationUnavailable):
        await place.open().write(second, over=first)
    torn = await place.open().read()
    assert torn is not None
    assert torn.marker is not None
    assert torn.marker.key_id == ""
    written = await place.open().write(second, over=torn)
    assert written.marker == second.marker
    assert place.shows() == {"BILLING_CLIENT_ID": CLIENT, "BILLING_CLIENT_SECRET": SECOND}


async def test_a_new_version_that_kept_our_tags_is_drift(place: KeyVaultPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.put(SECRET, "edited", tags=dict(place.server.latest(SECRET)["tags"]))
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != written.version
    await place.open().write(a_parcel(), over=drifted)
    assert place.shows()["BILLING_CLIENT_SECRET"] == FIRST


async def test_a_disabled_version_is_drift_and_is_enabled_again(place: KeyVaultPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.latest(SECRET)["attributes"]["enabled"] = False
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != written.version
    assert await place.open().write(a_parcel(), over=drifted) == written
    assert place.server.latest(SECRET)["attributes"]["enabled"] is True
    assert len(place.server.secrets[SECRET].versions) == 1


@pytest.mark.parametrize(("disable", "left"), [(True, 2), (False, 4)])
async def test_versions_older_than_the_previous_secret_are_disabled_if_asked(
    place: KeyVaultPlace, *, disable: bool, left: int
) -> None:
    placed = None
    for n in range(4):
        place.server.now += 60
        placed = await place.open(disableOld=disable).write(a_parcel(f"text~{n}", f"key-{n}", token=n), over=placed)
    await place.open(disableOld=disable).write(a_parcel("text~3", "key-3", token=3), over=placed)
    enabled = [each["value"] for each in place.server.secrets[SECRET].versions if each["attributes"]["enabled"]]
    assert len(enabled) == left
    assert enabled[-1] == "text~3"


async def test_a_deleted_secret_of_ours_is_brought_back(place: KeyVaultPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    place.drop("BILLING_CLIENT_SECRET")
    place.server.slow_recovery = 2
    place.clock = Quick()
    found = await place.open().read()
    written = await place.open().write(a_parcel(SECOND, "key-2"), over=found)
    assert written.marker == a_parcel(SECOND, "key-2").marker
    assert [each["value"] for each in place.server.secrets[SECRET].versions] == [FIRST, SECOND]


async def test_a_deleted_secret_of_a_stranger_is_not_written_over(place: KeyVaultPlace) -> None:
    place.set("BILLING_CLIENT_SECRET", "somebody-elses")
    place.drop("BILLING_CLIENT_SECRET")
    with pytest.raises(DestinationUnavailable, match="had been deleted by somebody"):
        await place.open().write(a_parcel(), over=None)
    assert place.server.latest(SECRET)["value"] == "somebody-elses"


@pytest.mark.parametrize("missing", [LIST, UPDATE])
async def test_check_names_the_role_that_is_missing(place: KeyVaultPlace, missing: str) -> None:
    place.server.rights.discard(missing)
    with pytest.raises(DestinationRefused, match=missing) as caught:
        await place.open().check()
    assert "Key Vault Secrets Officer" in caught.value.hint


@pytest.mark.parametrize(("right", "operation"), [(SET, "write"), (DELETE, "remove"), (RECOVER, "write")])
async def test_a_right_that_is_missing_later_is_refused(place: KeyVaultPlace, right: str, operation: str) -> None:
    written = await place.open().write(a_parcel(), over=None)
    if right == RECOVER:
        place.drop("BILLING_CLIENT_SECRET")
    over = await place.open().read() or written
    place.server.rights.discard(right)
    here = place.open()
    work = here.remove(over=over) if operation == "remove" else here.write(a_parcel(SECOND, "key-2"), over=over)
    with pytest.raises(DestinationRefused, match=f"{operation}: .*{right}"):
        await work


async def test_throttling_says_how_long_to_wait(place: KeyVaultPlace) -> None:
    place.server.faults.append(Fault(reply=Reply(429, None, {"Retry-After": "30"})))
    with pytest.raises(DestinationUnavailable) as caught:
        await place.open().read()
    assert caught.value.retry_after == timedelta(seconds=30)


async def test_tags_of_others_stay_on_what_we_take_over(place: KeyVaultPlace) -> None:
    place.server.put(SECRET, "theirs", tags={"cost-center": "42"})
    await place.open().write(a_parcel(), over=await place.open().read())
    assert place.server.latest(SECRET)["tags"]["cost-center"] == "42"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"clientSecret": "BILLING_SECRET"}, "'BILLING_SECRET' is not allowed .*; BILLING-SECRET would do"),
        ({"clientId": "Billing", "clientSecret": "billing"}, "does not tell A from a"),
    ],
)
def test_a_name_that_a_vault_forbids_is_told_with_one_that_it_allows(names: dict[str, str], told: str) -> None:
    options = parse_options("azure-key-vault", {"endpoint": "https://contoso.vault.azure.net"}, where="x")
    problems = options.name_problems(names)
    assert len(problems) == 1
    assert re.search(told, problems[0])


def test_a_vault_has_an_address() -> None:
    with pytest.raises(ConfigError, match="endpoint"):
        parse_options("azure-key-vault", {}, where="x")


def test_marks_of_long_names_fit_into_tags_and_tags_of_others_give_way() -> None:
    names = tuple(f"{field}-{'x' * 100}" for field in "abcde")
    tags = tags_of(Mark(Marker("abcd2345", "r", "k", 3), names), rotation="billing", attempt="a")
    assert mark_of(tags) == Mark(Marker("abcd2345", "r", "k", 3), names)
    assert all(len(value) <= 256 for value in tags.values())
    assert len(carried({f"tag-{n}": "x" for n in range(15)}, tags)) == 15
    assert mark_of({"rotator-key": "k"}) is None


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"method": "client-secret", "clientId": CLIENT}, "clientSecret is missing .the method client-secret needs it"),
        ({"method": "workload-identity"}, "clientId is missing"),
        (
            {"method": "managed-identity", "clientSecret": {"env": "X"}},
            "clientSecret is not allowed .*has no use for it",
        ),
        ({"method": "azure-cli", "clientId": CLIENT}, "clientId is not allowed"),
        ({"method": "certificate", "clientId": CLIENT, "certificate": {"file": "here.pem"}}, "file: /PATH"),
        ({"method": "carrier-pigeon"}, "client-secret | certificate"),
    ],
)
def test_a_sign_in_that_says_too_much_or_too_little_is_refused_at_load(auth: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_options("azure-key-vault", {"endpoint": "https://contoso.vault.azure.net", "auth": auth}, where="x")


async def test_one_json_secret_holds_all_names_and_is_one_version_a_delivery(tmp_path: Path) -> None:
    place = KeyVaultJsonPlace(tmp_path, "azure-key-vault")
    async with place.living():
        first = await place.open().write(a_parcel(), over=None)
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
        versions = place.server.secrets["billing"].versions
        assert [json.loads(each["value"])["BILLING_CLIENT_SECRET"] for each in versions] == [FIRST, SECOND]
        assert versions[-1]["attributes"]["exp"] == int(a_parcel().expires_at.timestamp())


def test_a_json_secret_is_claimed_whole_whatever_its_members() -> None:
    where = {"endpoint": "https://contoso.vault.azure.net"}
    json_options = parse_options("azure-key-vault", {**where, "secret": "Billing"}, where="x")
    plain = parse_options("azure-key-vault", where, where="x")
    folder = a_rotation().folder
    assert json_options.claims(folder, ["ANY"]) == plain.claims(folder, ["billing"])
    assert json_options.name_problems({"clientSecret": "client_secret"}) == []
    with pytest.raises(ConfigError, match="letters, digits and '-'"):
        parse_options("azure-key-vault", {**where, "secret": "bil_ling"}, where="x")


async def test_a_missing_extra_is_named(place: KeyVaultPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "rotator.destinations.key_vault_client", raising=False)
    monkeypatch.setitem(sys.modules, "azure.keyvault.secrets.aio", None)
    with pytest.raises(DestinationRefused, match="azure-keyvault-secrets is not installed") as caught:
        await place.open().read()
    assert caught.value.hint == "Install entra-rotator[azure-key-vault]"


def test_the_sdk_is_not_imported_before_a_vault_is_asked() -> None:
    code = "import sys, rotator.destinations.key_vault; print('azure.keyvault' in ' '.join(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
