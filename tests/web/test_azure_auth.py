"""Do machines of a tenant get in by Azure Auth, those that are meant, and with what?"""

from __future__ import annotations

import pytest

from rotator.simulator.server import Running
from rotator.simulator.signing import read_claims
from tests.web.asking import plainly
from tests.web.door import RESOURCE, Door, principal_of, signed, token_of_tenant

DEFAULT_IPS = [
    {"ipAddress": "0.0.0.0", "type": "ipv4", "prefix": 0},
    {"ipAddress": "::", "type": "ipv6", "prefix": 0},
]
URL = "/api/v1/auth/azure-auth/identities"


async def attached(door: Door, running: Running, **settings: object) -> str:
    identity_id = await door.identity()
    base: dict[str, object] = {"tenantId": running.ready.tenantId, "resource": RESOURCE}
    made = await door.azure(identity_id, **base, allowedServicePrincipalIds=principal_of(running), **settings)
    assert made.status_code == 200, made.text
    return identity_id


async def test_attaching_answers_every_field_with_its_default(azure: Door, running: Running) -> None:
    identity_id = await azure.identity()
    tenant, oid = running.ready.tenantId, principal_of(running)
    made = await azure.azure(
        identity_id, tenantId=f" {tenant} ", resource=RESOURCE, allowedServicePrincipalIds=f"{oid}, {oid}"
    )
    shown = made.json()["identityAzureAuth"]
    assert {name: value for name, value in shown.items() if name not in {"id", "createdAt", "updatedAt"}} == {
        "identityId": identity_id,
        "tenantId": tenant,
        "resource": RESOURCE,
        "allowedServicePrincipalIds": oid,
        "allowAnyPrincipal": False,
        "accessTokenTTL": 2592000,
        "accessTokenMaxTTL": 2592000,
        "accessTokenNumUsesLimit": 0,
        "accessTokenTrustedIps": DEFAULT_IPS,
        "accessTokenPeriod": 0,
    }
    assert shown["createdAt"] == "2026-03-01T10:00:00.000Z"
    assert (await azure.ask("GET", f"{URL}/{identity_id}")).json() == made.json()


async def test_a_service_principal_signs_in_and_acts_as_its_identity(azure: Door, running: Running) -> None:
    identity_id = await attached(azure, running)
    answer = await azure.login(identity_id, await token_of_tenant(running))
    body = answer.json()
    assert (body["expiresIn"], body["accessTokenMaxTTL"], body["tokenType"]) == (2592000, 2592000, "Bearer")
    assert (await azure.whoami(body["accessToken"])).json()["identity"]["id"] == identity_id


async def test_a_managed_identity_signs_in(azure: Door, running: Running) -> None:
    identity_id = await attached(azure, running)
    async with plainly("") as http:
        query = {"api-version": "2018-02-01", "resource": RESOURCE, "client_id": running.ready.adminClientId}
        path = f"{running.ready.imds}/metadata/identity/oauth2/token"
        token = (await http.get(path, params=query, headers={"Metadata": "true"})).json()["access_token"]
    assert (await azure.login(identity_id, token)).status_code == 200


async def test_a_token_of_version_2_is_as_good(azure: Door, running: Running) -> None:
    identity_id = await attached(azure, running)
    claims = read_claims(await token_of_tenant(running))
    client = claims.pop("appid")
    issuer = f"{running.ready.authority}/{running.ready.tenantId}/v2.0"
    second = signed(running, claims | {"iss": issuer, "ver": "2.0", "azp": client, "aud": f"{RESOURCE}/"})
    assert (await azure.login(identity_id, second)).status_code == 200


@pytest.mark.parametrize("claim", ["oid", "appid"])
async def test_the_allow_list_names_object_ids_or_client_ids(azure: Door, running: Running, claim: str) -> None:
    identity_id = await azure.identity()
    token = await token_of_tenant(running)
    named = {"allowedServicePrincipalIds": str(read_claims(token)[claim]).upper()}
    await azure.azure(identity_id, tenantId=running.ready.tenantId, resource=RESOURCE, **named)
    assert (await azure.login(identity_id, token)).status_code == 200


async def test_an_empty_allow_list_attaches_with_a_warning_and_lets_nobody_in(azure: Door, running: Running) -> None:
    identity_id = await azure.identity()
    made = await azure.azure(identity_id, tenantId=running.ready.tenantId, resource=RESOURCE)
    assert made.status_code == 200
    assert "allow-list is empty" in made.json()["warning"]
    token = await token_of_tenant(running)
    refused = await azure.login(identity_id, token)
    assert (refused.status_code, azure.tenants.asked) == (401, 0)
    assert "allow-list is empty" in refused.json()["message"]
    opened = await azure.ask("PATCH", f"{URL}/{identity_id}", json={"allowAnyPrincipal": True})
    assert "warning" not in opened.json()
    assert (await azure.login(identity_id, token)).status_code == 200


async def test_keys_are_asked_for_once_and_again_when_the_tenant_has_a_new_one(azure: Door, running: Running) -> None:
    identity_id = await attached(azure, running)
    token = await token_of_tenant(running)
    for _ in range(3):
        assert (await azure.login(identity_id, token)).status_code == 200
    assert azure.tenants.asked == 1
    claims = read_claims(token)
    running.simulation.entra.tokens.signer = type(running.simulation.entra.tokens.signer)()
    rolled = signed(running, claims)
    assert (await azure.login(identity_id, rolled)).status_code == 401
    azure.clock.advance(61)
    assert (await azure.login(identity_id, rolled)).status_code == 200
    assert azure.tenants.asked == 2


async def test_a_tenant_that_cannot_be_reached_is_503_and_not_asked_at_once_again(door: Door) -> None:
    identity_id = await door.identity()
    tenant = "11111111-1111-4111-8111-111111111111"
    await door.azure(identity_id, tenantId=tenant, resource=RESOURCE, allowAnyPrincipal=True)
    header = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ"
    for _ in range(3):
        answer = await door.login(identity_id, f"{header}.e30.eHg")
        assert (answer.status_code, answer.json()["error"]) == (503, "ServiceUnavailable")
    assert door.tenants.asked == 1


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"accessTokenTTL": 10, "accessTokenMaxTTL": 5}, 422, "cannot be greater"),
        ({"accessTokenMaxTTL": 5}, 422, "cannot be greater"),
        ({"accessTokenTTL": 315360001}, 422, "315360000"),
        ({"accessTokenTTL": -1}, 422, "greater than or equal to 0"),
        ({"accessTokenNumUsesLimit": -1}, 422, "greater than or equal to 0"),
        ({"accessTokenTrustedIps": []}, 422, "at least 1"),
        ({"accessTokenTrustedIps": [{"ipAddress": "here"}]}, 400, "no IP address"),
        ({"tenantId": "contoso"}, 422, "id of a tenant"),
        ({"resource": "https://graph.microsoft.com/"}, 422, "Microsoft Graph"),
        ({"resource": "  "}, 422, "at least 1 character"),
    ],
)
async def test_a_setting_out_of_bounds_is_refused_with_its_reason(
    azure: Door, running: Running, change: dict[str, object], status: int, said: str
) -> None:
    identity_id = await attached(azure, running)
    answer = await azure.ask("PATCH", f"{URL}/{identity_id}", json=change)
    assert answer.status_code == status, answer.text
    assert said in str(answer.json()["message"])


async def test_a_maximal_life_is_lowered_together_with_the_life(azure: Door, running: Running) -> None:
    identity_id = await attached(azure, running, accessTokenTTL=100, accessTokenMaxTTL=200)
    lowered = await azure.ask("PATCH", f"{URL}/{identity_id}", json={"accessTokenMaxTTL": 100})
    assert lowered.json()["identityAzureAuth"]["accessTokenMaxTTL"] == 100


async def test_attaching_twice_and_patching_what_is_not_there_are_400(azure: Door, running: Running) -> None:
    identity_id = await attached(azure, running)
    assert (await azure.azure(identity_id, tenantId=running.ready.tenantId, resource=RESOURCE)).status_code == 400
    other = await azure.identity("other")
    for method in ("GET", "PATCH", "DELETE"):
        answer = await azure.ask(method, f"{URL}/{other}", json={} if method == "PATCH" else None)
        assert answer.status_code == 400
    assert (await azure.ask("GET", f"{URL}/nobody")).status_code == 404
    assert (await azure.login("nobody", "x")).status_code == 404
    assert (await azure.login(other, "x")).status_code == 404


async def test_detaching_ends_the_tokens_that_came_of_it(azure: Door, running: Running) -> None:
    identity_id = await attached(azure, running)
    token = (await azure.login(identity_id, await token_of_tenant(running))).json()["accessToken"]
    assert (await azure.ask("DELETE", f"{URL}/{identity_id}")).status_code == 200
    assert (await azure.whoami(token)).status_code == 403
