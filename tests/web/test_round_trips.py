"""Does each request of Infisical's contract come back field by field, with valid values in its placeholders?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rotator.simulator.server import Running
from tests.consent import code
from tests.entra.test_login import certificate, change_ourselves
from tests.web.forms import form
from tests.web.house import CONNECTIONS, ROTATIONS, House, for_people, open_house

SCHEDULE = {"rotationInterval": 182, "rotateAtUtc": {"hours": 11, "minutes": 30}}
PLAIN = {
    "description": "Of Fabrikam",
    "projectId": "payments",
    "isPlatformManagedCredentials": False,
    "gatewayId": None,
    "isAutoRotationEnabled": False,
    "rotation": SCHEDULE,
}
CONNECTION = {
    "id": "id",
    "name": "text",
    "orgId": "id",
    "createdAt": "instant",
    "updatedAt": "instant",
    "app": "text",
    "method": "text",
    "credentials": {"tenantId": "id", "clientId": "id"},
    "description": "text",
    "version": "number",
    "isPlatformManagedCredentials": "flag",
    "gatewayId": None,
    "projectId": "id",
    "isAutoRotationEnabled": "flag",
    "rotation": {
        "rotationInterval": "number",
        "rotationStatus": None,
        "rotateAtUtc": {"hours": "number", "minutes": "number"},
        "lastRotationMessage": None,
        "nextRotationAt": None,
    },
    "credentialsHash": "text",
    "project": {"name": "text", "id": "id", "type": "text", "slug": "text"},
    # Ours.
    "cloud": "text",
    "definedAt": None,
}
CREDENTIAL = {
    "keyId": "id",
    "state": "text",
    "hint": "text",
    "startsAt": "instant",
    "expiresAt": "instant",
    "revokeAt": None,
    "message": None,
}
DELIVERY = {
    "destination": "text",
    "keyId": "id",
    "deliveredAt": "instant",
    "retryAt": None,
    "message": None,
    "isDrifted": "flag",
    "isRemoved": "flag",
}
ROTATION = {
    "id": "id",
    "name": "text",
    "description": "text",
    "isAutoRotationEnabled": "flag",
    "activeIndex": "number",
    "folderId": "id",
    "connectionId": "id",
    "createdAt": "instant",
    "updatedAt": "instant",
    "rotationInterval": "number",
    "rotationStatus": "text",
    "lastRotationAttemptedAt": "instant",
    "lastRotatedAt": "instant",
    "lastRotationJobId": "text",
    "nextRotationAt": "instant",
    "isLastRotationManual": "flag",
    "connection": {"app": "text", "name": "text", "id": "id"},
    "environment": {"slug": "text", "name": "text", "id": "id"},
    "projectId": "id",
    "folder": {"id": "id", "path": "text"},
    "rotateAtUtc": {"hours": "number", "minutes": "number"},
    "lastRotationMessage": "text",
    "type": "text",
    "parameters": {"objectId": "id", "clientId": "id", "appName": "text"},
    "secretsMapping": {"clientId": "text", "clientSecret": "text"},
    # Ours.
    "project": "text",
    "overlap": "text",
    "minOverlap": "text",
    "lifetime": "text",
    "verify": {"successes": "number", "interval": "text", "deadline": "text"},
    "destinations": [{"kind": "text", "name": "text", "required": "flag", "order": "number"}],
    "labels": {},
    "definedAt": None,
    "state": "text",
    "isPaused": "flag",
    "retiredAt": None,
    "credentials": [CREDENTIAL],
    "deliveries": [DELIVERY],
    "alarms": [],
}


async def connected(house: House, method: str, credentials: dict[str, Any]) -> dict[str, Any]:
    """Made with every field of the contract; what was said comes back, and only that."""
    body = {**house.connection_body(method=method, credentials=credentials, name=f"by-{method}"), **PLAIN}
    made: dict[str, Any] = (await house.post(CONNECTIONS, body))["appConnection"]
    said = {key: value for key, value in body.items() if key not in {"credentials", "projectId", "rotation"}}
    assert {key: made[key] for key in said} == said
    assert {key: made["rotation"][key] for key in SCHEDULE} == SCHEDULE
    assert made["project"]["slug"] == "payments"
    assert (await house.get(f"{CONNECTIONS}/{made['id']}"))["appConnection"] == made
    return made


def ids(house: House) -> dict[str, str]:
    return {"tenantId": house.running.ready.tenantId, "clientId": house.running.simulation.population.admin.client_id}


async def test_a_connection_by_client_secret_comes_back_whole(house: House) -> None:
    secret = house.running.simulation.population.admin_secret
    made = await connected(house, "client-secret", {**ids(house), "clientSecret": secret})
    assert form(made) == CONNECTION
    assert made["credentials"] == ids(house)
    listed = await house.get(CONNECTIONS, projectId="payments")
    assert listed == {"appConnections": [made]}
    assert await house.get(f"{CONNECTIONS}/connection-name/by-client-secret") == {"appConnection": made}
    changes = {"name": "renamed", "description": None, "isAutoRotationEnabled": True, "rotation": SCHEDULE}
    path = f"{CONNECTIONS}/{made['id']}"
    changed = (await house.ask("PATCH", path, json=changes)).json()["appConnection"]
    assert {key: changed[key] for key in ("name", "description", "isAutoRotationEnabled")} == {
        "name": "renamed", "description": None, "isAutoRotationEnabled": True}  # fmt: skip
    assert (changed["id"], changed["version"], changed["credentialsHash"]) == (made["id"], 2, made["credentialsHash"])
    rotated = await house.post(f"{path}/rotate-credentials")
    assert form(rotated["appConnection"]) | {"description": "text", "rotation": CONNECTION["rotation"]} == CONNECTION


async def test_a_connection_by_code_comes_back_whole(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running, document=for_people(running)) as house:
        tenant = {"tenantId": house.running.ready.tenantId}
        made = await connected(house, "oauth", {**tenant, "code": code(running.simulation)})
        assert form(made) == {**CONNECTION, "credentials": {"tenantId": "id"}}
        gone = (await house.ask("DELETE", f"{CONNECTIONS}/{made['id']}")).json()
        assert gone == {"appConnection": made}


async def test_a_connection_by_certificate_comes_back_whole(house: House) -> None:
    body, key, der = certificate()
    entry = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": der}
    await change_ourselves(house.running.simulation, "PATCH", "", {"keyCredentials": [entry]})
    made = await connected(house, "certificate", {**ids(house), "certificateBody": body, "privateKey": key})
    assert form(made) == CONNECTION
    assert (await house.get(f"{CONNECTIONS}/{made['id']}/clients"))["clients"]


@pytest.mark.parametrize("named", [True, False])
async def test_a_connection_of_the_machine_comes_back_whole(
    house: House, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", house.running.ready.imds)
    credentials = ids(house) if named else {"tenantId": house.running.ready.tenantId}
    made = await connected(house, "managed-identity", credentials)
    assert made["credentials"] == credentials


async def test_a_rotation_comes_back_whole(house: House) -> None:
    connection = await house.connection()
    body = house.rotation_body(connection["id"], description="For bills")
    made = (await house.post(ROTATIONS, body))["secretRotation"]
    assert form(made) == ROTATION
    said = {
        key: value for key, value in body.items() if key not in {"projectId", "environment", "secretPath", "verify"}
    }
    assert {key: made[key] for key in said} == said
    assert (made["project"], made["environment"]["slug"], made["folder"]["path"]) == ("payments", "prod", "/")
    path = f"{ROTATIONS}/{made['id']}"
    for at in (ROTATIONS, "/api/v2/secret-rotations"):
        assert await house.get(at, projectId=made["projectId"]) == {"secretRotations": [made], "totalCount": 1}
    again = await house.post(f"{path}/rotate-secrets")
    two = again["secretRotation"]
    assert form(two) | {"credentials": [CREDENTIAL]} == ROTATION
    assert [each["state"] for each in two["credentials"]] == ["current", "retiring"]
    shown = await house.get(f"{path}/generated-credentials")
    assert form(shown) == {
        "generatedCredentials": [{"clientId": "id", "clientSecret": "text", "keyId": "id"}],
        "activeIndex": "number",
        "rotationId": "id",
        "type": "text",
    }
    gone = await house.ask("DELETE", path, params={"deleteSecrets": "false", "revokeGeneratedCredentials": "false"})
    assert gone.json()["secretRotation"]["id"] == made["id"]


async def test_every_field_of_a_patch_comes_back(house: House) -> None:
    made = await house.rotation()
    changes = {
        "name": "renamed",
        "description": "Other",
        "isAutoRotationEnabled": False,
        "rotationInterval": 60,
        "rotateAtUtc": {"hours": 23, "minutes": 59},
        "parameters": made["parameters"],
        "secretsMapping": {"clientId": "ID", "clientSecret": "SECRET"},
        "overlap": "2d",
        "minOverlap": "36h",
        "lifetime": "200d",
        "verify": {"successes": 2, "interval": "1s", "deadline": "5m"},
        "labels": {"owner": "team"},
    }
    answer = await house.ask("PATCH", f"{ROTATIONS}/{made['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    changed = answer.json()["secretRotation"]
    assert {key: changed[key] for key in changes} == {**changes, "lifetime": "200d", "verify": {
        "successes": 2, "interval": "1s", "deadline": "5m"}}  # fmt: skip
    assert changed["nextRotationAt"] is None
    assert (changed["id"], changed["connectionId"], changed["folder"]) == (
        made["id"], made["connectionId"], made["folder"])  # fmt: skip


async def test_attempts_come_back_with_their_steps(house: House) -> None:
    made = await house.rotation()
    (attempt,) = (await house.get(f"{ROTATIONS}/{made['id']}/attempts"))["attempts"]
    journal = attempt.pop("journal")
    assert form(attempt) == {
        "id": "text",
        "mode": "text",
        "reason": "text",
        "isManual": "flag",
        "startedAt": "instant",
        "endedAt": "instant",
        "outcome": "text",
        "message": "text",
    }
    assert all(set(each) == {"seq", "at", "step", "phase", "facts"} for each in journal)


async def test_the_options_are_those_that_clients_know(house: House) -> None:
    assert await house.get("/api/v2/secret-rotations/options") == {
        "secretRotationOptions": [
            {
                "name": "Azure Client Secret",
                "type": "azure-client-secret",
                "connection": "azure-client-secrets",
                "template": {"secretsMapping": {"clientId": "AZURE_CLIENT_ID", "clientSecret": "AZURE_CLIENT_SECRET"}},
            }
        ]
    }
    (option,) = (await house.get("/api/v1/app-connections/options"))["appConnectionOptions"]
    assert (option["name"], option["app"]) == ("Azure Client Secrets", "azure-client-secrets")
    assert {"client-secret", "certificate"} <= set(option["methods"])


NETWORKS = [{"ipAddress": "0.0.0.0/0"}, {"ipAddress": "::/0"}]
RULE = {
    "accessTokenTrustedIps": NETWORKS,
    "accessTokenTTL": 2592000,
    "accessTokenMaxTTL": 2592000,
    "accessTokenNumUsesLimit": 1,
}
SHOWN_RULE = {
    "accessTokenTTL": "number",
    "accessTokenMaxTTL": "number",
    "accessTokenNumUsesLimit": "number",
    "accessTokenTrustedIps": [{"ipAddress": "text", "type": "text", "prefix": "number"}],
    "accessTokenPeriod": "number",
}
SIGN_IN = {"id": "id", "identityId": "id", "createdAt": "instant", "updatedAt": "instant", **SHOWN_RULE}
TOKEN = {"accessToken": "text", "expiresIn": "number", "accessTokenMaxTTL": "number", "tokenType": "text"}


async def identity(house: House) -> str:
    body = {"name": "machine", "role": "reader", "project": "payments", "environment": "prod", "path": "/team"}
    made = (await house.post("/api/v1/identities", body))["identity"]
    assert {key: made[key] for key in ("name", "role")} == {"name": "machine", "role": "reader"}
    assert made["grants"] == [{key: body[key] for key in ("role", "project", "environment", "path")}]
    assert (await house.get(f"/api/v1/identities/{made['id']}"))["identity"] == made
    return str(made["id"])


async def test_azure_auth_comes_back_whole(house: House) -> None:
    path = f"/api/v1/auth/azure-auth/identities/{await identity(house)}"
    principal = house.running.simulation.entra.tenant.find_principal(ids(house)["clientId"])
    assert principal is not None
    said = {
        "tenantId": ids(house)["tenantId"],
        "resource": "https://management.azure.com/",
        "allowedServicePrincipalIds": principal.object_id,
    }
    made = (await house.post(path, {**said, **RULE}))["identityAzureAuth"]
    assert {key: form(made)[key] for key in SIGN_IN} == SIGN_IN
    assert {key: made[key] for key in said} == said
    assert {key: made[key] for key in RULE if key != "accessTokenTrustedIps"} == {
        key: value for key, value in RULE.items() if key != "accessTokenTrustedIps"
    }
    assert [f"{each['ipAddress']}/{each['prefix']}" for each in made["accessTokenTrustedIps"]] == ["0.0.0.0/0", "::/0"]
    assert (await house.get(path))["identityAzureAuth"] == made
    patch = {"accessTokenTTL": 60, "accessTokenTrustedIps": [{"ipAddress": "127.0.0.1"}]}
    changed = (await house.ask("PATCH", path, json=patch)).json()["identityAzureAuth"]
    assert (changed["accessTokenTTL"], changed["resource"]) == (60, said["resource"])
    assert changed["accessTokenTrustedIps"] == [{"ipAddress": "127.0.0.1", "type": "ipv4", "prefix": 32}]
    gone = (await house.ask("DELETE", path)).json()["identityAzureAuth"]
    assert gone["id"] == made["id"]
    assert (await house.ask("GET", path)).status_code == 400


async def test_universal_auth_comes_back_whole(house: House) -> None:
    named = await identity(house)
    path = f"/api/v1/auth/universal-auth/identities/{named}"
    rule = {**RULE, "accessTokenNumUsesLimit": 5}
    made = (await house.post(path, {**rule, "clientSecretTrustedIps": NETWORKS}))["identityUniversalAuth"]
    assert {key: form(made)[key] for key in SIGN_IN} == SIGN_IN
    said = {"description": "for tests", "numUsesLimit": 3, "ttl": 600}
    secret = await house.post(f"{path}/client-secrets", said)
    shown = secret["clientSecretData"]
    assert (shown["description"], shown["clientSecretNumUsesLimit"], shown["clientSecretTTL"]) == ("for tests", 3, 600)
    login = {"clientId": made["clientId"], "clientSecret": secret["clientSecret"]}
    answer = await house.http.post("/api/v1/auth/universal-auth/login", json=login)
    assert form(answer.json()) == TOKEN
    assert (answer.json()["tokenType"], answer.json()["accessTokenMaxTTL"]) == ("Bearer", 2592000)
    renewed = await house.http.post("/api/v1/auth/token/renew", json={"accessToken": answer.json()["accessToken"]})
    assert form(renewed.json()) == TOKEN
