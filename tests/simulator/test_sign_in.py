"""Does the token endpoint answer and refuse as Entra's does?"""

from __future__ import annotations

import re

import pytest

from tests.fakes import ManualClock
from tests.simulator.caller import BASE, Caller


async def test_a_token_answer_has_entras_fields(caller: Caller) -> None:
    population = caller.simulation.population
    answer = await caller.token(population.admin.client_id, population.admin_secret)
    body = answer.json()
    assert set(body) == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3599)
    assert answer.headers["date"] == "Sun, 01 Mar 2026 10:00:00 GMT"


async def test_a_refusal_has_entras_body(caller: Caller) -> None:
    answer = await caller.token(caller.client_id, "wrong")
    body = answer.json()
    assert answer.status_code == 401
    assert set(body) == {
        "error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri",
    }  # fmt: skip
    assert body["error"] == "invalid_client"
    assert re.match(r"AADSTS7000215: Invalid client secret .* Trace ID: \S+ Correl", body["error_description"])


async def _refusal(caller: Caller, client_id: str | None = None, **form: str) -> tuple[int, str, list[int]]:
    secret = form.pop("client_secret", caller.simulation.population.admin_secret)
    answer = await caller.token(client_id or caller.simulation.population.admin.client_id, secret, **form)
    body = answer.json()
    return answer.status_code, body["error"], body["error_codes"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", [7000215])),
        ({"client_secret": ""}, (401, "invalid_client", [7000218])),
        ({"tenant": "elsewhere.example"}, (400, "invalid_request", [90002])),
        ({"scope": "https://graph.microsoft.com/User.Read"}, (400, "invalid_scope", [1002012])),
        ({"scope": "a b"}, (400, "invalid_scope", [70011])),
        ({"scope": ""}, (400, "invalid_request", [900144])),
        ({"scope": "https://unknown.example/.default"}, (400, "invalid_resource", [500011])),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", [70003])),
        ({"client_id": "00000000-0000-4000-8000-000000000000"}, (400, "unauthorized_client", [700016])),
    ],
)
async def test_each_mistake_has_its_number(
    caller: Caller, form: dict[str, str], expected: tuple[int, str, list[int]]
) -> None:
    assert await _refusal(caller, **form) == expected


async def test_a_disabled_client_cannot_sign_in(caller: Caller) -> None:
    client_id = caller.simulation.population.admin.client_id
    await caller.control("POST", "clients", {"clientId": client_id, "disabled": True})
    assert (await _refusal(caller))[1:] == ("unauthorized_client", [7000112])
    await caller.control("POST", "clients", {"clientId": client_id, "disabled": False})
    await caller.sign_in()


async def test_an_application_without_service_principal_cannot_sign_in(caller: Caller) -> None:
    made = await caller.graph("POST", "applications", {"displayName": "alone", "signInAudience": "AzureADMyOrg"})
    assert (await _refusal(caller, made.json()["appId"]))[2] == [7000229]
    await caller.graph("POST", "servicePrincipals", {"appId": made.json()["appId"]})
    assert (await _refusal(caller, made.json()["appId"]))[2] == [7000215]


async def test_a_deleted_application_is_unknown(caller: Caller) -> None:
    added = await caller.add_password()
    await caller.graph("DELETE", f"applications/{caller.application}")
    assert (await _refusal(caller, caller.client_id, client_secret=added["secretText"]))[2] == [700016]


async def test_the_tenant_may_be_named_by_its_domain(caller: Caller) -> None:
    population = caller.simulation.population
    answer = await caller.token(population.admin.client_id, population.admin_secret, tenant="simulated.onmicrosoft.com")
    assert answer.status_code == 200


async def test_tokens_expire_in_real_time_whatever_the_tenants_clock_says(caller: Caller, clock: ManualClock) -> None:
    await caller.sign_in()
    await caller.control("POST", "clock", {"advance": 86400 * 400})
    assert (await caller.graph("GET", f"applications/{caller.application}")).status_code == 200
    clock.advance(3600)
    answer = await caller.graph("GET", f"applications/{caller.application}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_graph_refuses_no_token_and_foreign_tokens(caller: Caller) -> None:
    url = f"{BASE}/v1.0/applications"
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer eyJ.eyJ.sig"}, {"authorization": "x"}):
        answer = await caller.http.get(url, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_a_token_for_another_audience_does_not_open_graph(caller: Caller) -> None:
    population = caller.simulation.population
    other = await caller.token(
        population.admin.client_id, population.admin_secret, scope=f"{population.admin.client_id}/.default"
    )
    answer = await caller.http.get(
        f"{BASE}/v1.0/applications", headers={"authorization": f"Bearer {other.json()['access_token']}"}
    )
    assert (answer.status_code, "audience" in answer.json()["error"]["message"]) == (401, True)


async def test_a_client_that_answers_challenges_gets_a_token_of_a_day(caller: Caller) -> None:
    population = caller.simulation.population
    claims = '{"access_token": {"xms_cc": {"values": ["CP1"]}}}'
    answer = await caller.token(population.admin.client_id, population.admin_secret, claims=claims)
    assert answer.json()["expires_in"] == 86399


async def test_permissions_are_those_of_the_moment_the_token_was_issued(caller: Caller) -> None:
    await caller.sign_in()
    admin = caller.simulation.population.admin.client_id
    await caller.control("POST", "clients", {"clientId": admin, "withdraw": ["Application.ReadWrite.OwnedBy"]})
    assert (await caller.graph("GET", f"applications/{caller.application}")).status_code == 200
    await caller.sign_in()
    answer = await caller.graph("GET", f"applications/{caller.application}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
