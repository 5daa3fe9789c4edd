"""Can a person let an application act in his name, and is every grant refused that Entra would refuse?"""

from __future__ import annotations

import base64
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from rotator.simulator.access_tokens import GRAPH
from rotator.simulator.simulation import SimulatorOptions, make_simulation
from rotator.simulator.state_file import read, restore, save
from tests.fakes import ManualClock
from tests.simulator.caller import Caller

BACK = "https://rotator.example/callback"
SCOPE = f"{GRAPH}/.default offline_access"
OWNED = {"Application.ReadWrite.All"}


@pytest.fixture
async def browser(caller: Caller) -> Caller:
    """The administrator's application may act for people, and is told where to send them back."""
    body = {"clientId": admin(caller), "redirectUris": [BACK], "delegated": sorted(OWNED)}
    assert (await caller.control("POST", "clients", body)).status_code == 204
    return caller


def admin(caller: Caller) -> str:
    return caller.simulation.population.admin.client_id


async def authorize(caller: Caller, **changes: str) -> httpx.Response:
    plain = {"client_id": admin(caller), "response_type": "code", "redirect_uri": BACK, "scope": SCOPE, "state": "s 1"}
    tenant = caller.simulation.entra.tenant.tenant_id
    return await caller.http.get(f"{caller.base}/{tenant}/oauth2/v2.0/authorize", params={**plain, **changes})


def sent_back(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(f"{BACK}?")
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def code(caller: Caller, **changes: str) -> str:
    return sent_back(await authorize(caller, **changes))["code"]


async def redeem(caller: Caller, text: str, **changes: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": text, "redirect_uri": BACK, "scope": SCOPE}
    return await caller.token(admin(caller), caller.simulation.population.admin_secret, **{**form, **changes})


async def refresh(caller: Caller, text: str, **changes: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": text, "scope": SCOPE}
    return await caller.token(admin(caller), caller.simulation.population.admin_secret, **{**form, **changes})


def refused(answer: httpx.Response) -> tuple[str, int]:
    assert answer.status_code == 400, answer.text
    body: dict[str, Any] = answer.json()
    return body["error"], body["error_codes"][0]


async def test_a_code_becomes_a_token_in_a_persons_name(browser: Caller) -> None:
    back = sent_back(await authorize(browser))
    assert back["state"] == "s 1"
    body = (await redeem(browser, back["code"])).json()
    assert set(body) == {"token_type", "scope", "expires_in", "ext_expires_in", "access_token", "refresh_token"}
    claims = browser.simulation.entra.tokens.read(body["access_token"])
    assert claims is not None
    assert (claims["scp"], claims["idtyp"], "roles" in claims) == ("Application.ReadWrite.All", "user", False)
    headers = {"authorization": f"Bearer {body['access_token']}"}
    url = f"{browser.base}/v1.0/applications/{browser.application}/addPassword"
    made = await browser.http.post(url, json={"passwordCredential": {"displayName": "by a person"}}, headers=headers)
    assert made.status_code == 200


async def test_refresh_tokens_follow_one_another_and_the_old_one_lives_on(browser: Caller) -> None:
    first = (await redeem(browser, await code(browser))).json()["refresh_token"]
    second = (await refresh(browser, first)).json()["refresh_token"]
    assert second != first
    assert (await refresh(browser, second)).status_code == 200
    assert (await refresh(browser, first)).status_code == 200
    assert sorted(each.used for each in browser.simulation.entra.tenant.people.refresh_tokens.values())[-2:] == [1, 2]


async def test_without_offline_access_there_is_no_refresh_token(browser: Caller) -> None:
    scope = f"{GRAPH}/.default"
    answer = await redeem(browser, await code(browser, scope=scope), scope=scope)
    assert "refresh_token" not in answer.json()


async def test_a_person_who_is_no_administrator_changes_what_he_owns_and_nothing_else(browser: Caller) -> None:
    user = (await browser.control("POST", "users", {"name": "owner@example.org", "administers": False})).json()
    text = await code(browser, login_hint=user["name"])
    headers = {"authorization": f"Bearer {(await redeem(browser, text)).json()['access_token']}"}
    url = f"{browser.base}/v1.0/applications/{browser.application}/addPassword"
    assert (await browser.http.post(url, json={}, headers=headers)).status_code == 403
    owner = {"application": browser.application, "user": user["name"]}
    assert (await browser.control("POST", "owners", owner)).status_code == 204
    assert (await browser.http.post(url, json={}, headers=headers)).status_code == 200
    listed = await browser.http.get(url.replace("addPassword", "owners"), headers=headers)
    assert user["objectId"] in {each["id"] for each in listed.json()["value"]}


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"redirect_uri": "https://elsewhere.example"}, "AADSTS50011"),
        ({"client_id": "00000000-0000-4000-8000-000000000000"}, "AADSTS700016"),
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_the_applications(
    browser: Caller, changes: dict[str, str], number: str
) -> None:
    answer = await authorize(browser, **changes)
    assert (answer.status_code, number in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"response_type": "token"}, "AADSTS900144"),
        ({"scope": ""}, "AADSTS900144"),
        ({"scope": f"{GRAPH}/Mail.Send"}, "AADSTS65001"),
    ],
)
async def test_other_mistakes_come_back_with_the_browser(browser: Caller, changes: dict[str, str], word: str) -> None:
    told = sent_back(await authorize(browser, **changes))
    assert (told["error_description"].partition(":")[0], told["state"], "code" in told) == (word, "s 1", False)


async def test_a_code_is_redeemed_once_in_time_and_by_whom_it_was_made_for(browser: Caller, clock: ManualClock) -> None:
    used = await code(browser)
    await redeem(browser, used)
    assert refused(await redeem(browser, used)) == ("invalid_grant", 54005)
    assert refused(await redeem(browser, "junk")) == ("invalid_grant", 70000)
    fresh = await code(browser)
    assert refused(await redeem(browser, fresh, redirect_uri="https://elsewhere.example"))[1] == 500112
    assert (await redeem(browser, fresh, client_secret="wrong")).json()["error_codes"] == [7000215]
    clock.advance(601)
    assert refused(await redeem(browser, fresh)) == ("invalid_grant", 70008)


async def test_a_code_with_a_challenge_wants_its_verifier(browser: Caller) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    text = await code(browser, code_challenge=challenge, code_challenge_method="S256")
    assert refused(await redeem(browser, text, code_verifier="other")) == ("invalid_grant", 501481)
    assert (await redeem(browser, text, code_verifier=verifier)).status_code == 200


async def test_refresh_tokens_that_are_revoked_expired_or_anothers_are_refused(
    browser: Caller, clock: ManualClock
) -> None:
    text = (await redeem(browser, await code(browser))).json()["refresh_token"]
    other = await browser.add_password()
    form = {"grant_type": "refresh_token", "refresh_token": text, "scope": SCOPE}
    foreign = await browser.token(browser.client_id, other["secretText"], **form)
    assert refused(foreign) == ("invalid_grant", 70000)
    clock.advance(1)
    await browser.control("POST", "users", {"signOut": True})
    assert refused(await refresh(browser, text)) == ("invalid_grant", 50173)
    clock.advance(1)
    text = (await redeem(browser, await code(browser))).json()["refresh_token"]
    await browser.control("POST", "users", {"disabled": True})
    assert refused(await refresh(browser, text)) == ("invalid_grant", 50057)
    await browser.control("POST", "users", {"disabled": False})
    clock.advance(timedelta(days=90).total_seconds())
    assert refused(await refresh(browser, text)) == ("invalid_grant", 700082)


async def test_people_and_their_grants_survive_a_restart(browser: Caller, tmp_path: Path, clock: ManualClock) -> None:
    text = (await redeem(browser, await code(browser))).json()["refresh_token"]
    save(browser.simulation, tmp_path / "tenant.json")
    state = read(tmp_path / "tenant.json")
    assert state is not None
    again = make_simulation(SimulatorOptions(), real_now=clock.now, people=lambda tenant: restore(tenant, state))
    kept = again.entra.tenant.people
    assert kept.refresh_token(text) == browser.simulation.entra.tenant.people.refresh_token(text)
    assert kept.users == browser.simulation.entra.tenant.people.users
