"""Can a connection be made in a person's name over the API, and does its refresh token stay where it belongs?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rotator.errors import ConfigError
from rotator.simulator.server import Running
from tests.consent import code, uses
from tests.web.house import CONNECTIONS, ROTATIONS, House, for_people, open_house


@pytest.fixture
async def people(tmp_path: Path, running: Running) -> AsyncIterator[House]:
    async with open_house(tmp_path, running, document=for_people(running)) as opened:
        yield opened


def body(house: House, text: str | None = None, **changes: Any) -> dict[str, Any]:
    simulation = house.running.simulation
    given = {"tenantId": house.running.ready.tenantId, "code": text or code(simulation)}
    return house.connection_body(method="oauth", credentials=given, **changes)


async def made(house: House) -> dict[str, Any]:
    connection: dict[str, Any] = (await house.post(CONNECTIONS, body(house)))["appConnection"]
    return connection


async def test_a_code_makes_a_connection_that_shows_the_tenant_alone(people: House) -> None:
    text = code(people.running.simulation)
    answer = await people.ask("POST", CONNECTIONS, json=body(people, text))
    connection = answer.json()["appConnection"]
    assert (connection["method"], connection["credentials"]) == ("oauth", {"tenantId": people.running.ready.tenantId})
    assert (await people.get(f"{CONNECTIONS}/{connection['id']}"))["appConnection"] == connection
    kept = (await people.engine.store.resources.connections())[0]
    assert set(kept.secrets) == {"refreshToken"}
    said = answer.text + str(dict(kept.document))
    assert not any(each in said for each in (text, kept.secrets["refreshToken"].reveal()))


async def test_a_rotation_works_in_a_persons_name_and_each_refresh_token_is_used_once(people: House) -> None:
    connection = await made(people)
    rotation = (await people.post(ROTATIONS, people.rotation_body(connection["id"])))["secretRotation"]
    directory = await people.engine.directories.open("fabrikam")
    await directory._login.renew()
    await people.post(f"{ROTATIONS}/{rotation['id']}/rotate-secrets")
    assert len(people.living()) == 2
    assert uses(people.running.simulation) == [1, 1, 0]
    again = (await people.get(f"{CONNECTIONS}/{connection['id']}"))["appConnection"]
    assert again == connection


async def test_a_restart_goes_on_with_the_newest_refresh_token(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running, document=for_people(running)) as house:
        connection = await made(house)
        await house.get(f"{CONNECTIONS}/{connection['id']}/clients")
    async with open_house(tmp_path, running, document=for_people(running)) as house:
        await house.get(f"{CONNECTIONS}/{connection['id']}/clients")
    assert uses(running.simulation) == [1, 1, 0]
    with pytest.raises(ConfigError, match=r"fabrikam, made through the API: method: oauth needs the block api\.oauth"):
        async with open_house(tmp_path, running):
            pass


async def test_a_code_that_is_refused_makes_nothing(people: House) -> None:
    text = code(people.running.simulation)
    await people.post(CONNECTIONS, body(people, text, name="first"))
    again = await people.ask("POST", CONNECTIONS, json=body(people, text))
    assert (again.status_code, "AADSTS54005" in again.json()["message"]) == (400, True)
    junk = await people.ask("POST", CONNECTIONS, json=body(people, "junk"))
    assert (junk.status_code, "AADSTS70000" in junk.json()["message"]) == (400, True)
    assert [each["name"] for each in (await people.get(CONNECTIONS))["appConnections"]] == ["first"]


async def test_a_new_code_replaces_the_consent_and_a_description_does_not(people: House) -> None:
    connection = await made(people)
    path = f"{CONNECTIONS}/{connection['id']}"
    await people.get(f"{path}/clients")
    described = (await people.ask("PATCH", path, json={"description": "Anna's"})).json()["appConnection"]
    assert described["credentialsHash"] == connection["credentialsHash"]
    directory = await people.engine.directories.open("fabrikam")
    await directory._login.renew()
    await people.get(f"{path}/clients")
    assert uses(people.running.simulation) == [1, 1, 0]
    tenant = people.running.simulation.entra.tenant
    tenant.people.sign_out(tenant.people.named())
    await directory._login.renew()
    refused = await people.ask("GET", f"{path}/clients")
    assert (refused.status_code, "Sign in again at /authorize" in refused.json()["message"]) == (400, True)
    anew = {"credentials": body(people)["credentials"]}
    changed = await people.ask("PATCH", path, json=anew)
    assert changed.status_code == 200, changed.text
    assert changed.json()["appConnection"]["credentialsHash"] != connection["credentialsHash"]
    await people.get(f"{path}/clients")


async def test_options_name_the_application_in_whose_name_people_sign_in(people: House) -> None:
    (option,) = (await people.get("/api/v1/app-connections/options"))["appConnectionOptions"]
    assert option["methods"][0] == "oauth"
    assert option["oauthClientId"] == people.running.simulation.population.admin.client_id


async def test_without_such_an_application_the_method_is_not_offered_and_is_422(house: House) -> None:
    (option,) = (await house.get("/api/v1/app-connections/options"))["appConnectionOptions"]
    assert ("oauth" in option["methods"], "oauthClientId" in option) == (False, False)
    answer = await house.ask("POST", CONNECTIONS, json=body(house))
    assert (answer.status_code, answer.json()["message"][0]["path"]) == (422, ["method"])


@pytest.mark.parametrize("changes", [{"clientSecret": "x"}, {"code": ""}, {"code": 7}, {"tenantId": "contoso.com"}])
async def test_what_does_not_belong_to_a_code_is_422(people: House, changes: dict[str, Any]) -> None:
    asked = body(people)
    asked["credentials"] |= changes
    assert (await people.ask("POST", CONNECTIONS, json=asked)).status_code == 422
