"""Does the simulator treat client secrets as Entra does?"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from rotator.simulator.passwords import secret_text
from tests.fakes import ManualClock
from tests.simulator.caller import Caller

SHAPE = re.compile(r"[A-Za-z0-9._~-]{3}8Q~[A-Za-z0-9._~-]{34}")


async def test_a_new_secret_signs_in_until_it_is_removed(caller: Caller) -> None:
    added = await caller.add_password(displayName="mine")
    assert await caller.signs_in(added["secretText"])
    assert (await caller.remove_password(added["keyId"])).status_code == 204
    assert not await caller.signs_in(added["secretText"])


async def test_the_text_is_shown_once_and_kept_nowhere(caller: Caller) -> None:
    added = await caller.add_password(displayName="mine")
    text = added["secretText"]
    assert SHAPE.fullmatch(text)
    read = await caller.graph("GET", f"applications/{caller.application}")
    shown = read.json()["passwordCredentials"][0]
    assert (shown["secretText"], shown["hint"], shown["displayName"]) == (None, text[:3], "mine")
    for path in ("truth", "log"):
        assert text not in (await caller.control("GET", path)).text
    assert text not in repr(caller.simulation.entra.tenant.applications)


async def test_the_answer_has_the_fields_and_times_of_graph(caller: Caller, clock: ManualClock) -> None:
    clock.advance(0.123456)
    added = await caller.add_password(displayName="mine", endDateTime="2026-09-01T00:00:00.5Z")
    assert set(added) == {
        "@odata.context", "customKeyIdentifier", "displayName", "endDateTime", "hint", "keyId", "secretText",
        "startDateTime",
    }  # fmt: skip
    assert re.fullmatch(r"2026-03-01T10:00:00\.\d{7}Z", added["startDateTime"])
    assert added["endDateTime"] == "2026-09-01T00:00:00.5Z"


async def test_everything_about_a_new_secret_is_optional(caller: Caller) -> None:
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    assert answer.status_code == 200
    assert answer.json()["endDateTime"].startswith("2028-02-29")  # two years of 365 days


async def test_an_expired_secret_is_refused_as_expired(caller: Caller, clock: ManualClock) -> None:
    added = await caller.add_password(endDateTime="2026-03-02T00:00:00Z")
    clock.advance(timedelta(days=2))
    answer = await caller.token(caller.client_id, added["secretText"])
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [7000222])


async def test_a_secret_does_not_sign_in_before_its_start(caller: Caller, clock: ManualClock) -> None:
    added = await caller.add_password(startDateTime="2026-03-02T00:00:00Z")
    assert not await caller.signs_in(added["secretText"])
    clock.advance(timedelta(days=1))
    assert await caller.signs_in(added["secretText"])


async def test_several_secrets_sign_in_side_by_side(caller: Caller) -> None:
    texts = [(await caller.add_password())["secretText"] for _ in range(4)]
    assert [await caller.signs_in(text) for text in texts] == [True] * 4


async def test_an_unknown_key_id_is_a_bad_request(caller: Caller) -> None:
    answer = await caller.remove_password("00000000-0000-4000-8000-000000000000")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "Request_BadRequest")
    assert error["message"].startswith("No password credential found with keyId")
    assert (await caller.remove_password("no guid")).status_code == 400


@pytest.mark.parametrize(
    "entry",
    [{"endDateTime": "2026-02-01T00:00:00Z"}, {"endDateTime": "soon"}, {"displayName": "x" * 257}],
    ids=["ends before it starts", "no date", "name too long"],
)
async def test_a_senseless_secret_is_refused(caller: Caller, entry: dict[str, str]) -> None:
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {"passwordCredential": entry})
    assert (answer.status_code, await caller.listed()) == (400, [])


async def test_an_application_for_personal_accounts_holds_two_secrets(caller: Caller) -> None:
    tenant = caller.simulation.entra.tenant
    tenant.application(caller.application).audience = "AzureADandPersonalMicrosoftAccount"
    first = await caller.add_password()
    await caller.add_password()
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "TooManyAppPasswords")
    await caller.remove_password(first["keyId"])
    await caller.add_password()


async def test_display_names_are_cut_on_request(caller: Caller) -> None:
    assert (await caller.add_password(displayName="n" * 200))["displayName"] == "n" * 200
    await caller.control("POST", "settings", {"displayNameCut": 90})
    assert (await caller.add_password(displayName="n" * 200))["displayName"] == "n" * 90


async def test_a_service_principals_secret_signs_in_and_is_not_the_applications(caller: Caller) -> None:
    principal = caller.simulation.entra.tenant.find_principal(caller.client_id)
    assert principal is not None
    added = (await caller.graph("POST", f"servicePrincipals/{principal.object_id}/addPassword", {})).json()
    assert await caller.signs_in(added["secretText"])
    assert await caller.listed() == []
    shown = await caller.graph("GET", f"servicePrincipals(appId='{caller.client_id}')")
    assert [entry["keyId"] for entry in shown.json()["passwordCredentials"]] == [added["keyId"]]


def test_about_one_secret_in_forty_begins_with_a_dash() -> None:
    random = Random(1)
    texts = [secret_text(random) for _ in range(8000)]
    dashes = Counter(text[0] for text in texts)["-"]
    assert 150 < dashes < 250
    assert all(SHAPE.fullmatch(text) for text in texts)


async def test_a_test_may_choose_how_many_begin_with_a_dash(caller: Caller) -> None:
    for share, first in ((1, True), (0, False)):
        await caller.control("POST", "settings", {"leadingDashes": share})
        made = [await caller.add_password() for _ in range(5)]
        assert {one["secretText"].startswith("-") for one in made} == {first}


async def test_a_password_lifetime_policy_refuses_longer_secrets_with_details(caller: Caller) -> None:
    restriction = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P90D"}
    await caller.control("POST", "policies", {"restrictions": [restriction]})
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
    assert (error["details"][0]["code"], error["details"][0]["target"]) == ("InvalidKeyEndDate", "EndDate")
    await caller.add_password(endDateTime="2026-05-30T10:00:00Z")


async def test_a_policy_of_one_application_can_forbid_secrets_there_only(caller: Caller) -> None:
    restriction = {"restrictionType": "passwordAddition", "state": "enabled"}
    await caller.control("POST", "policies", {"restrictions": [restriction], "application": caller.application})
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    assert answer.json()["error"]["code"] == "CredentialTypeNotAllowedAsPerAppPolicy"
    other = caller.simulation.population.applications[1].object_id
    assert (await caller.graph("POST", f"applications/{other}/addPassword", {})).status_code == 200
    shown = (await caller.graph("GET", f"applications/{caller.application}/appManagementPolicies")).json()
    assert shown["value"][0]["restrictions"]["passwordCredentials"] == [restriction]


async def test_a_policy_spares_applications_made_before_its_bound(caller: Caller) -> None:
    restriction = {
        "restrictionType": "passwordAddition",
        "state": "enabled",
        "restrictForAppsCreatedAfterDateTime": "2026-03-01T00:00:00Z",
    }
    await caller.control("POST", "policies", {"restrictions": [restriction]})
    await caller.add_password()
    assert json.loads((await caller.graph("GET", "policies/defaultAppManagementPolicy")).text)["isEnabled"] is True
