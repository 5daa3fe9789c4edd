"""Can connections be made, tried, changed and let go over the API, without a credential ever coming back?"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from rotator.domain.access import Grant, Role
from rotator.errors import ConfigError
from rotator.simulator.server import Running
from tests.web.house import CONNECTIONS, ROTATIONS, House, configured, open_house

FIELDS = """id name orgId createdAt updatedAt app method credentials description version isPlatformManagedCredentials
    gatewayId projectId isAutoRotationEnabled rotation credentialsHash project"""


async def test_a_connection_comes_back_field_by_field_and_never_with_its_secret(house: House) -> None:
    body = house.connection_body(description="Of Fabrikam", projectId="payments", gatewayId=None)
    answer = await house.ask("POST", CONNECTIONS, json=body)
    made = answer.json()["appConnection"]
    assert set(FIELDS.split()) <= set(made)
    assert str(UUID(made["id"])) == made["id"]
    given = body["credentials"]
    assert made["credentials"] == {"tenantId": given["tenantId"], "clientId": given["clientId"]}
    assert (made["project"]["slug"], made["project"]["id"]) == ("payments", made["projectId"])
    assert (made["name"], made["version"], made["app"]) == ("fabrikam", 1, "azure-client-secrets")
    for path in (f"{CONNECTIONS}/{made['id']}", f"{CONNECTIONS}/connection-name/fabrikam"):
        assert (await house.get(path))["appConnection"] == made
    for path in (CONNECTIONS, "/api/v1/app-connections"):
        assert (await house.get(path))["appConnections"] == [made]
    (brief,) = (await house.get(f"{CONNECTIONS}/available", projectId="payments"))["appConnections"]
    assert brief == {key: made[key] for key in ("app", "name", "id", "projectId", "orgId")}
    assert given["clientSecret"] not in answer.text + str(await house.get(CONNECTIONS))


async def test_a_credential_that_does_not_sign_in_is_kept_nowhere(house: House) -> None:
    body = house.connection_body()
    body["credentials"]["clientSecret"] = "not-the-one-that-signs-in"
    answer = await house.ask("POST", CONNECTIONS, json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
    assert "7000215" in answer.json()["message"]
    assert body["credentials"]["clientSecret"] not in answer.text
    assert (await house.get(CONNECTIONS))["appConnections"] == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"method": "oauth"}, "credentials.code"),
        ({"method": "password"}, "method"),
        ({"credentials": {}}, "credentials.clientId"),
        ({"name": "A b"}, "name"),
        ({"isPlatformManagedCredentials": True}, "isPlatformManagedCredentials"),
        ({"gatewayId": str(uuid4())}, "gatewayId"),
        ({"cloud": "nowhere"}, "cloud"),
        ({"isAutoRotationEnabled": True}, "rotation"),
        ({"rotation": {"rotationInterval": 366}}, "rotation.rotationInterval"),
        ({"rotation": {"rotationInterval": 30, "rotateAtUtc": {"hours": 24}}}, "rotation.rotateAtUtc.hours"),
    ],
)
async def test_what_cannot_be_is_422_with_its_path(house: House, changes: dict[str, Any], path: str) -> None:
    answer = await house.ask("POST", CONNECTIONS, json=house.connection_body(**changes))
    assert answer.status_code == 422, answer.text
    assert ".".join(map(str, answer.json()["message"][0]["path"])) == path


async def test_no_body_reads_files_or_variables_of_this_machine(house: House) -> None:
    for reference in ({"file": "/etc/passwd"}, {"env": "HOME"}):
        body = house.connection_body()
        body["credentials"]["clientSecret"] = reference
        answer = await house.ask("POST", CONNECTIONS, json=body)
        assert answer.status_code == 422
        assert "root:" not in answer.text


async def test_the_hash_changes_with_the_credential_and_only_then(house: House) -> None:
    made = await house.connection()
    path = f"{CONNECTIONS}/{made['id']}"
    again = (await house.ask("PATCH", path, json={"description": "Other"})).json()["appConnection"]
    assert (again["description"], again["version"]) == ("Other", 2)
    assert again["credentialsHash"] == made["credentialsHash"]
    simulation = house.running.simulation
    admin = simulation.entra.tenant.find_application(simulation.population.admin.client_id)
    assert admin is not None
    _, text = simulation.entra.tenant.passwords.add(admin, display_name="second")
    credentials = {**house.connection_body()["credentials"], "clientSecret": text}
    changed = await house.ask("PATCH", path, json={"credentials": credentials})
    assert changed.status_code == 200, changed.text
    assert changed.json()["appConnection"]["credentialsHash"] != made["credentialsHash"]
    wrong = {**credentials, "clientSecret": "wrong"}
    assert (await house.ask("PATCH", path, json={"credentials": wrong})).status_code == 400
    assert (await house.get(path))["appConnection"] == changed.json()["appConnection"]


async def test_a_connection_in_use_is_neither_deleted_nor_renamed(house: House) -> None:
    made = await house.rotation()
    path = f"{CONNECTIONS}/{made['connectionId']}"
    for refused in (await house.ask("DELETE", path), await house.ask("PATCH", path, json={"name": "other"})):
        assert (refused.status_code, "billing-api" in refused.json()["message"]) == (400, True)
    await house.ask("DELETE", f"{ROTATIONS}/{made['id']}", params={"deleteSecrets": "true"})
    assert (await house.ask("PATCH", path, json={"name": "other"})).json()["appConnection"]["name"] == "other"
    assert (await house.ask("DELETE", path)).status_code == 200
    assert (await house.ask("GET", path)).status_code == 404


async def test_names_are_unique(house: House) -> None:
    await house.connection()
    answer = await house.ask("POST", CONNECTIONS, json=house.connection_body())
    assert (answer.status_code, "fabrikam" in answer.json()["message"]) == (400, True)


async def test_a_connection_may_have_its_own_secret_rotated(house: House) -> None:
    own = {"isAutoRotationEnabled": True, "rotation": {"rotationInterval": 60, "rotateAtUtc": {"hours": 3}}}
    made = await house.connection(**own)
    assert made["rotation"]["rotationInterval"] == 60
    path = f"{CONNECTIONS}/{made['id']}"
    assert (await house.post(f"{path}/rotate-credentials"))["appConnection"]["id"] == made["id"]
    off = await house.ask("PATCH", path, json={"isAutoRotationEnabled": False})
    assert (off.json()["appConnection"]["isAutoRotationEnabled"], off.status_code) == (False, 200)
    assert off.json()["appConnection"]["rotation"]["nextRotationAt"] is None
    refused = await house.ask("POST", f"{path}/rotate-credentials")
    assert refused.status_code == 400
    in_use = await house.ask("DELETE", path)
    assert (in_use.status_code, "rotator forget connection-fabrikam" in in_use.json()["message"]) == (400, True)
    on = await house.ask("PATCH", path, json={"isAutoRotationEnabled": True})
    assert on.json()["appConnection"]["isAutoRotationEnabled"] is True
    (defined,) = await house.engine.store.definitions()
    assert defined.switches.retired_at is None


async def test_what_the_configuration_defines_is_read_only_and_names_its_file(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running, document=configured(running)) as house:
        (rotation,) = (await house.get(ROTATIONS, projectId="payments"))["secretRotations"]
        (connection,) = (await house.get(CONNECTIONS))["appConnections"]
        assert rotation["connectionId"] == connection["id"]
        for method, path, file in (
            ("PATCH", f"{ROTATIONS}/{rotation['id']}", "config.yaml:"),
            ("DELETE", f"{ROTATIONS}/{rotation['id']}", "config.yaml:"),
            ("PATCH", f"{CONNECTIONS}/{connection['id']}", "config.yaml"),
            ("DELETE", f"{CONNECTIONS}/{connection['id']}", "config.yaml"),
        ):
            answer = await house.ask(method, path, json={} if method == "PATCH" else None)
            assert (answer.status_code, answer.json()["error"]) == (409, "Conflict"), answer.text
            assert str(tmp_path / file) in answer.json()["message"]
        taken = await house.ask("POST", CONNECTIONS, json=house.connection_body(name="contoso"))
        assert taken.status_code == 400
        await house.at_rest(1)
        await house.post(f"{ROTATIONS}/{rotation['id']}/rotate-secrets")
        made = await house.post(ROTATIONS, house.rotation_body(connection["id"]))
        assert made["secretRotation"]["definedAt"] is None


async def test_a_restart_keeps_what_the_api_made(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running, document=configured(running)) as house:
        made = await house.rotation()
    async with open_house(tmp_path, running) as house:
        again = (await house.get(f"{ROTATIONS}/{made['id']}"))["secretRotation"]
        assert (again["state"], again["connectionId"]) == ("active", made["connectionId"])
        await house.post(f"{ROTATIONS}/{made['id']}/rotate-secrets")
        assert [each["name"] for each in (await house.get(CONNECTIONS))["appConnections"]] == ["fabrikam"]
        retired = (await house.get(ROTATIONS, projectId="payments", state="retired"))["secretRotations"]
        assert [each["name"] for each in retired] == ["payroll"]


async def test_only_an_admin_of_everything_makes_connections_for_all(house: House) -> None:
    of_project = await house.token(Grant(Role.ADMIN, "payments"))
    reader = await house.token(Grant(Role.READER, "payments"))
    assert (await house.ask("POST", CONNECTIONS, json=house.connection_body(), token=of_project)).status_code == 403
    body = house.connection_body(projectId="payments")
    made = (await house.ask("POST", CONNECTIONS, json=body, token=of_project)).json()["appConnection"]
    everybodys = await house.connection(name="contoso")
    path = f"{CONNECTIONS}/{everybodys['id']}"
    assert (await house.ask("GET", path, token=of_project)).status_code == 200
    assert (await house.ask("GET", path, token=reader)).status_code == 404
    assert (await house.ask("DELETE", path, token=of_project)).status_code == 403
    assert (await house.ask("DELETE", f"{CONNECTIONS}/{made['id']}", token=reader)).status_code == 403
    refused = await house.ask("POST", ROTATIONS, json=house.rotation_body(made["id"], projectId="sales"))
    assert (refused.status_code, "may use" in refused.json()["message"]) == (400, True)


async def test_a_name_is_either_configured_or_made_through_the_api(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running) as house:
        await house.connection(name="contoso")
    with pytest.raises(ConfigError, match="'contoso' was made through the API too"):
        async with open_house(tmp_path, running, document=configured(running)):
            pass
    elsewhere: dict[str, Any] = {"clouds": {}}
    with pytest.raises(ConfigError, match="connection contoso, made through the API: cloud"):
        async with open_house(tmp_path, running, document=elsewhere):
            pass
