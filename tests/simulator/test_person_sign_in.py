"""Can a person sign in to an application by OpenID Connect, and does the id token say who he is and what he may do?"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from rotator.simulator.signing import read_claims
from tests.simulator.caller import Caller

BACK = "https://rotator.example/sign-in/entra/return"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
GROUPS = [f"00000000-0000-4000-8000-{n:012}" for n in range(201)]


@pytest.fixture
async def browser(caller: Caller) -> Caller:
    """An application that people sign in to, and whose id tokens name groups."""
    body = {"clientId": admin(caller), "redirectUris": [BACK], "delegated": ["User.Read"], "groupClaims": True}
    assert (await caller.control("POST", "clients", body)).status_code == 204
    return caller


def admin(caller: Caller) -> str:
    return caller.simulation.population.admin.client_id


async def authorize(caller: Caller, **changes: str) -> httpx.Response:
    plain = {
        "client_id": admin(caller),
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": "openid profile https://graph.microsoft.com/User.Read",
        "nonce": "n 1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    tenant = caller.simulation.entra.tenant.tenant_id
    return await caller.http.get(f"{caller.base}/{tenant}/oauth2/v2.0/authorize", params={**plain, **changes})


async def redeem(caller: Caller, answer: httpx.Response, **changes: str) -> httpx.Response:
    code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    plain = {**form, "scope": "openid", **changes}
    return await caller.token(admin(caller), caller.simulation.population.admin_secret, **plain)


async def claims(caller: Caller, **changes: str) -> dict[str, Any]:
    body = (await redeem(caller, await authorize(caller, **changes))).json()
    assert caller.simulation.entra.tokens.signer.verify(body["id_token"])
    return read_claims(body["id_token"])


async def test_an_id_token_says_who_has_signed_in_where_and_for_whom(browser: Caller) -> None:
    said = await claims(browser, login_hint="anna@example.org")
    tokens = browser.simulation.entra.tokens
    assert (said["aud"], said["iss"], said["nonce"]) == (admin(browser), tokens.issuer(2), "n 1")
    assert (said["tid"], said["preferred_username"]) == (tokens.tenant.tenant_id, "anna@example.org")
    assert said["oid"] == tokens.tenant.people.named("anna@example.org").object_id != said["sub"]
    assert {"groups", "roles"}.isdisjoint(said)


async def test_groups_and_app_roles_are_those_of_the_person_and_the_application(browser: Caller) -> None:
    roles = {admin(browser): ["Rotator.Admin"], "another": ["Other"]}
    await browser.control("POST", "users", {"name": "anna@example.org", "groups": GROUPS[:200], "appRoles": roles})
    said = await claims(browser, login_hint="anna@example.org")
    assert (said["groups"], said["roles"]) == (GROUPS[:200], ["Rotator.Admin"])
    await browser.control("POST", "clients", {"clientId": admin(browser), "groupClaims": False})
    assert "groups" not in await claims(browser, login_hint="anna@example.org")


async def test_more_than_200_groups_are_pointed_at_and_graph_tells_which_he_is_in(browser: Caller) -> None:
    await browser.control("POST", "users", {"name": "anna@example.org", "groups": GROUPS})
    body = (await redeem(browser, await authorize(browser, login_hint="anna@example.org"), scope="")).json()
    said = read_claims(body["id_token"])
    assert "groups" not in said
    assert said["_claim_names"] == {"groups": "src1"}
    headers = {"authorization": f"Bearer {body['access_token']}"}

    async def check(ids: list[str]) -> httpx.Response:
        url = f"{browser.base}/v1.0/me/checkMemberGroups"
        return await browser.http.post(url, json={"groupIds": ids}, headers=headers)

    assert (await check([GROUPS[7], "elsewhere"])).json()["value"] == [GROUPS[7]]
    assert (await check(GROUPS[:21])).status_code == 400
    alone = await browser.graph("POST", "me/checkMemberGroups", {"groupIds": GROUPS[:1]})
    assert (alone.status_code, "delegated" in alone.text) == (400, True)


async def test_a_challenge_is_not_its_own_verifier(browser: Caller) -> None:
    for wrong in (CHALLENGE, "", "other"):
        refused = await redeem(browser, await authorize(browser), code_verifier=wrong)
        assert refused.json()["error_codes"] == [501481]


async def test_a_public_client_redeems_without_a_secret_and_may_send_none(browser: Caller) -> None:
    await browser.control("POST", "clients", {"clientId": admin(browser), "publicClient": True})
    assert (await redeem(browser, await authorize(browser))).json()["error_codes"] == [700025]
    assert "id_token" in (await redeem(browser, await authorize(browser), client_secret="")).json()
    alone = await browser.token(admin(browser), "")
    assert alone.json()["error_codes"] == [7000218]


async def test_who_shall_pick_an_account_is_shown_those_there_are(browser: Caller) -> None:
    await browser.control("POST", "users", {"name": "<anna>@example.org"})
    page = await authorize(browser, prompt="select_account")
    assert (page.status_code, "<anna>" in page.text, "&lt;anna&gt;@example.org" in page.text) == (200, False, True)
    assert "login_hint=%3Canna%3E%40example.org" in page.text


async def test_signing_out_leads_back_to_an_address_that_is_registered_and_nowhere_else(browser: Caller) -> None:
    url = f"{browser.base}/{browser.simulation.entra.tenant.tenant_id}/oauth2/v2.0/logout"
    known = await browser.http.get(url, params={"post_logout_redirect_uri": BACK})
    assert (known.status_code, known.headers["location"]) == (302, BACK)
    strange = await browser.http.get(url, params={"post_logout_redirect_uri": "https://evil.example"})
    assert (strange.status_code, "location" in strange.headers) == (200, False)


async def test_discovery_names_where_people_sign_in_and_out(browser: Caller) -> None:
    tenant = browser.simulation.entra.tenant.tenant_id
    body = (await browser.http.get(f"{browser.base}/{tenant}/v2.0/.well-known/openid-configuration")).json()
    assert body["authorization_endpoint"].endswith(f"/{tenant}/oauth2/v2.0/authorize")
    assert body["end_session_endpoint"].endswith(f"/{tenant}/oauth2/v2.0/logout")
