"""Does each mapped name have one writer, whether he is configured or made through the API, and whoever came first?"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.config import load
from rotator.errors import ConfigError
from rotator.simulator.server import Running
from tests.web.house import ROTATIONS, House, configured, open_house

MAPPING = {"clientId": "BILLING_ID", "clientSecret": "OTHER"}


def clashing(running: Running) -> dict[str, Any]:
    """The configured rotation writes a name that the one of the API has."""
    document = deepcopy(configured(running))
    document["rotations"][0] |= {"environment": "prod", "secretPath": "/", "secretsMapping": MAPPING}
    return document


async def test_a_configured_rotation_on_a_name_of_the_api_is_refused_at_load_in_one_line(
    tmp_path: Path, running: Running
) -> None:
    async with open_house(tmp_path, running) as house:
        await house.rotation()
    with pytest.raises(ConfigError) as caught:
        async with open_house(tmp_path, running, document=clashing(running)):
            pass
    (line,) = caught.value.problems
    assert line.startswith(str(tmp_path / "config.yaml:"))
    assert "payroll: embedded:payments/prod:BILLING_ID is written by 'billing-api' too, made through the API" in line
    async with open_house(tmp_path, running, document=configured(running)) as house:
        assert {each.rotation.name for each in await house.engine.store.definitions()} == {"billing-api", "payroll"}


async def reload(house: House, folder: Path, document: dict[str, Any]) -> str:
    whole = yaml.safe_load((folder / "config.yaml").read_text()) | document
    path = folder / "other.yaml"
    path.write_text(yaml.safe_dump(whole))
    return await house.engine.take(load(path, allow_literal_secrets=True))


async def test_a_reload_that_clashes_changes_nothing(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running) as house:
        made = await house.rotation()
        with pytest.raises(ConfigError, match="BILLING_ID is written by 'billing-api' too"):
            await reload(house, tmp_path, clashing(running))
        assert [each.rotation.name for each in await house.engine.store.definitions()] == ["billing-api"]
        await house.ask("DELETE", f"{ROTATIONS}/{made['id']}", params={"deleteSecrets": "true"})
        assert await reload(house, tmp_path, clashing(running)) == "add 1"


async def test_a_rotation_of_the_api_on_a_configured_name_is_refused_with_where_that_is(
    tmp_path: Path, running: Running
) -> None:
    async with open_house(tmp_path, running, document=clashing(running)) as house:
        connection = await house.connection()
        answer = await house.ask("POST", ROTATIONS, json=house.rotation_body(connection["id"]))
        assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
        assert "in use in payments/prod/ by payroll, defined at" in answer.json()["message"]
        assert str(tmp_path / "config.yaml:") in answer.json()["message"]
        free = house.rotation_body(connection["id"], secretsMapping={"clientId": "A", "clientSecret": "B"})
        made = (await house.post(ROTATIONS, free))["secretRotation"]
        moved = await house.ask("PATCH", f"{ROTATIONS}/{made['id']}", json={"secretsMapping": MAPPING})
        assert (moved.status_code, "by payroll" in moved.json()["message"]) == (400, True)


async def test_a_definition_of_the_same_name_and_application_takes_its_own_names_over(
    tmp_path: Path, running: Running
) -> None:
    async with open_house(tmp_path, running) as house:
        made = await house.rotation()
    document = clashing(running)
    app = running.simulation.population.applications[0]
    document["rotations"][0] |= {"name": "billing-api", "parameters": {"objectId": app.object_id}}
    async with open_house(tmp_path, running, document=document) as house:
        (defined,) = await house.engine.store.definitions()
        assert (defined.rotation.id, defined.rotation.api_made) == (made["id"], False)
