"""Can a rotation be made, read, rotated, changed and let go over the API, as Infisical's clients expect it?"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from rotator.domain.access import Grant, Role
from tests.web.house import CONNECTIONS, RAW, ROTATIONS, House

PLACE = {"workspaceId": "payments", "environment": "prod", "secretPath": "/"}


async def value(house: House, name: str = "BILLING_SECRET") -> str:
    found = await house.get(f"{RAW}/{name}", **PLACE)
    return str(found["secret"]["secretValue"])


async def test_a_rotation_is_answered_when_its_first_credential_can_be_read(house: House) -> None:
    made = await house.rotation()
    assert made["rotationStatus"] == "success"
    assert made["lastRotatedAt"]
    assert made["isLastRotationManual"] is True
    assert len(house.living()) == 1
    assert await value(house, "BILLING_ID") == house.application().client_id
    proof = await house.ask("POST", f"{ROTATIONS}/{made['id']}/check-credentials")
    assert (proof.status_code, proof.content) == (204, b"")


async def test_what_was_asked_for_comes_back_field_by_field(house: House) -> None:
    connection = await house.connection()
    body = house.rotation_body(connection["id"], labels={"owner": "team"}, overlap="36h", lifetime="90d")
    made = (await house.post(ROTATIONS, body))["secretRotation"]
    same = ("name", "description", "connectionId", "isAutoRotationEnabled", "rotationInterval", "rotateAtUtc")
    assert {key: made[key] for key in same} == {key: body[key] for key in same}
    assert (made["parameters"], made["secretsMapping"]) == (body["parameters"], body["secretsMapping"])
    assert (made["overlap"], made["lifetime"], made["labels"]) == ("36h", "90d", {"owner": "team"})
    assert made["connection"] == {"app": "azure-client-secrets", "name": "fabrikam", "id": connection["id"]}
    assert made["environment"]["slug"] == "prod"
    assert made["type"] == "azure-client-secret"
    for path in (f"{ROTATIONS}/{made['id']}", f"{ROTATIONS}/rotation-name/billing-api"):
        query = {"projectId": made["projectId"], "environment": "prod", "secretPath": "/"}
        assert (await house.get(path, **query))["secretRotation"] == made
    listed = await house.get("/api/v2/secret-rotations", projectId=made["projectId"])
    assert listed == {"secretRotations": [made], "totalCount": 1}


@pytest.mark.parametrize("interval", [11, 11.0, "11"])
async def test_a_whole_number_may_be_written_in_several_ways(house: House, interval: object) -> None:
    made = await house.rotation(rotationInterval=interval, rotateAtUtc={"hours": 2.0, "minutes": 0})
    assert (made["rotationInterval"], made["rotateAtUtc"]) == (11, {"hours": 2, "minutes": 0})


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"rotationInterval": 11.5}, "rotationInterval"),
        ({"rotationInterval": 0}, "rotationInterval"),
        ({"rotateAtUtc": {"hours": 11.5}}, "rotateAtUtc.hours"),
        ({"connectionId": "contoso"}, "connectionId"),
        ({"name": "Not a slug"}, "name"),
        ({"description": "x" * 257}, "description"),
        ({"secretPath": "../x"}, "secretPath"),
        ({"parameters": {"objectId": "x"}}, "parameters.objectId"),
        ({"strange": 1}, "strange"),
        ({"secretsMapping": {"clientId": "A"}}, "secretsMapping.clientSecret"),
        ({"secretsMapping": {"clientId": "A:B", "clientSecret": "C"}}, "secretsMapping.clientId"),
        ({"secretsMapping": {"clientId": "A", "clientSecret": "A"}}, "secretsMapping"),
        ({"parameters": {}}, "parameters"),
        ({"lifetime": "2d"}, "lifetime"),
        ({"destinations": [{"kind": "file", "path": "/etc/passwd", "format": "dotenv"}]}, "destinations"),
    ],
)
async def test_what_cannot_be_is_422_with_its_path(house: House, changes: dict[str, Any], path: str) -> None:
    connection = await house.connection()
    answer = await house.ask("POST", ROTATIONS, json=house.rotation_body(connection["id"], **changes))
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"] == "ValidationFailure"
    assert [".".join(map(str, each["path"])) for each in answer.json()["message"]] == [path]
    assert house.living() == []


async def test_what_goes_against_the_rules_is_400_and_makes_nothing(house: House) -> None:
    made = await house.rotation()
    body = house.rotation_body(made["connectionId"])
    for changes, said in (
        ({}, "named billing-api"),
        ({"name": "other"}, "in use"),
        ({"connectionId": str(uuid4())}, "no connection"),
        ({"name": "other", "parameters": {"objectId": str(uuid4())}, "secretPath": "/x"}, "application"),
    ):
        answer = await house.ask("POST", ROTATIONS, json={**body, **changes})
        assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest"), answer.text
        assert said in answer.json()["message"]
    assert len(house.living()) == 1


async def test_rotating_by_hand_changes_what_is_read_and_keeps_the_old_one_alive(house: House) -> None:
    made = await house.rotation()
    before = await value(house)
    again = (await house.post(f"{ROTATIONS}/{made['id']}/rotate-secrets"))["secretRotation"]
    assert again["activeIndex"] == 1
    assert await value(house) != before
    assert len(house.living()) == 2
    shown = await house.get(f"{ROTATIONS}/{made['id']}/generated-credentials")
    assert (shown["activeIndex"], shown["type"], shown["rotationId"]) == (1, "azure-client-secret", made["id"])
    texts = [each["clientSecret"] for each in shown["generatedCredentials"]]
    assert texts == [before, await value(house)]


async def test_a_failed_rotation_says_why_and_leaves_what_is_read(house: House) -> None:
    made = await house.rotation()
    before = await value(house)
    faults = house.running.simulation.entra.faults
    faults.add(match="addPassword", when="before", status=403, times=1)
    answer = await house.ask("POST", f"{ROTATIONS}/{made['id']}/rotate-secrets")
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest"), answer.text
    assert "billing-api" in answer.json()["message"]
    assert await value(house) == before
    assert (await house.get(f"{ROTATIONS}/{made['id']}"))["secretRotation"]["rotationStatus"] == "failed"


async def test_attempts_are_shown_with_their_steps(house: House) -> None:
    made = await house.rotation()
    (attempt,) = (await house.get(f"{ROTATIONS}/{made['id']}/attempts"))["attempts"]
    assert (attempt["id"], attempt["outcome"]) == (made["lastRotationJobId"], "succeeded")
    assert {"preflight", "issue", "verify", "promote", "close"} <= {each["step"] for each in attempt["journal"]}


async def test_a_paused_rotation_refuses_until_it_is_resumed(house: House) -> None:
    made = await house.rotation()
    path = f"{ROTATIONS}/{made['id']}"
    assert (await house.post(f"{path}/pause"))["secretRotation"]["isPaused"] is True
    assert (await house.ask("POST", f"{path}/rotate-secrets")).status_code == 400
    assert (await house.post(f"{path}/resume"))["secretRotation"]["isPaused"] is False
    await house.post(f"{path}/rotate-secrets")


async def test_a_patch_changes_what_it_names_and_nothing_else(house: House) -> None:
    made = await house.rotation()
    changes: dict[str, Any] = {
        "description": None,
        "rotationInterval": 60,
        "rotateAt": {"hours": 4, "timeZone": "Europe/Oslo"},
    }
    answer = await house.ask("PATCH", f"{ROTATIONS}/{made['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    changed = answer.json()["secretRotation"]
    assert (changed["description"], changed["rotationInterval"], changed["lifetime"]) == (None, 60, "126d")
    assert changed["rotateAt"]["timeZone"] == "Europe/Oslo"
    assert (changed["id"], changed["secretsMapping"]) == (made["id"], made["secretsMapping"])
    assert changed["nextRotationAt"] != made["nextRotationAt"]


async def test_two_patches_at_once_both_hold(house: House) -> None:
    rotation = await house.rotation()
    path = f"{ROTATIONS}/{rotation['id']}"
    patches = ({"description": "new"}, {"labels": {"team": "billing"}}, {"rotationInterval": 60})
    answers = await asyncio.gather(*(house.ask("PATCH", path, json=each) for each in patches))
    assert [each.status_code for each in answers] == [200, 200, 200]
    now = (await house.get(path))["secretRotation"]
    assert (now["description"], now["labels"], now["rotationInterval"]) == ("new", {"team": "billing"}, 60)


async def test_a_new_mapping_renames_the_secrets(house: House) -> None:
    made = await house.rotation()
    before = await value(house)
    mapping = {"clientId": "BILLING_ID", "clientSecret": "NEW_NAME"}
    answer = await house.ask("PATCH", f"{ROTATIONS}/{made['id']}", json={"secretsMapping": mapping})
    assert answer.status_code == 200, answer.text
    assert await value(house, "NEW_NAME") == before
    assert (await house.ask("GET", f"{RAW}/BILLING_SECRET", params=PLACE)).status_code == 404


async def test_another_application_is_refused_with_the_way_to_do_it(house: House) -> None:
    made = await house.rotation()
    other = house.application(1)
    for parameters in ({"objectId": other.object_id}, {"clientId": other.client_id}):
        answer = await house.ask("PATCH", f"{ROTATIONS}/{made['id']}", json={"parameters": parameters})
        assert (answer.status_code, answer.json()["error"]) == (409, "Conflict"), answer.text
        assert "revokeGeneratedCredentials" in answer.json()["message"]


async def test_by_default_a_deleted_rotation_leaves_its_secret_alive_and_readable(house: House) -> None:
    made = await house.rotation()
    before = await value(house)
    gone = await house.ask("DELETE", f"{ROTATIONS}/{made['id']}")
    assert gone.json()["secretRotation"]["id"] == made["id"]
    assert (await house.ask("GET", f"{ROTATIONS}/{made['id']}")).status_code == 404
    assert await value(house) == before
    assert len(house.living()) == 1
    body = {**house.rotation_body(made["connectionId"])}
    refused = await house.ask("POST", ROTATIONS, json=body)
    assert (refused.status_code, "in use" in refused.json()["message"]) == (400, True)
    for name in ("BILLING_ID", "BILLING_SECRET"):
        assert (await house.ask("DELETE", f"{RAW}/{name}", json=PLACE)).status_code == 200
    await house.post(ROTATIONS, body)


async def test_a_rotation_can_be_deleted_with_all_it_made(house: House) -> None:
    made = await house.rotation()
    both = {"deleteSecrets": "true", "revokeGeneratedCredentials": "true"}
    gone = await house.ask("DELETE", f"{ROTATIONS}/{made['id']}", params=both)
    assert gone.status_code == 200, gone.text
    assert house.living() == []
    assert (await house.ask("GET", f"{RAW}/BILLING_SECRET", params=PLACE)).status_code == 404
    await house.post(ROTATIONS, house.rotation_body(made["connectionId"]))


async def test_lists_are_filtered_and_paged(house: House) -> None:
    first = await house.rotation()
    mapping = {"clientId": "B_ID", "clientSecret": "B_SECRET"}
    app = house.application(2)
    other: dict[str, Any] = {"name": "sales-api", "secretsMapping": mapping, "parameters": {"objectId": app.object_id}}
    other |= {"isAutoRotationEnabled": False}
    await house.post(ROTATIONS, house.rotation_body(first["connectionId"], **other))

    async def names(**query: Any) -> list[str]:
        found = await house.get(ROTATIONS, projectId="payments", **query)
        return [each["name"] for each in found["secretRotations"]]

    assert await names() == ["billing-api", "sales-api"]
    assert await names(name="sales") == ["sales-api"]
    assert await names(limit=1, offset=1) == ["sales-api"]
    assert await names(status="failed") == []
    assert await names(state="active", dueBefore="2199-01-01T00:00:00Z") == ["billing-api"]


async def test_who_may_read_may_not_rotate_and_strangers_may_know_of_nothing(house: House) -> None:
    made = await house.rotation()
    path = f"{ROTATIONS}/{made['id']}"
    reader = await house.token(Grant(Role.READER, "payments", "prod"))
    operator = await house.token(Grant(Role.OPERATOR, "payments"))
    stranger = await house.token(Grant(Role.ADMIN, "sales"))
    rotate, credentials = f"{path}/rotate-secrets", f"{path}/generated-credentials"
    wanted = {
        reader: {("GET", path): 200, ("POST", rotate): 403, ("GET", credentials): 403, ("DELETE", path): 403},
        operator: {("GET", path): 200, ("POST", rotate): 200, ("GET", credentials): 200, ("DELETE", path): 403},
        stranger: {("GET", path): 404, ("POST", rotate): 404, ("GET", credentials): 404, ("DELETE", path): 404},
    }
    for token, cases in wanted.items():
        for (method, at), status in cases.items():
            assert (await house.ask(method, at, token=token)).status_code == status, (method, at)
    listed = await house.ask("GET", ROTATIONS, params={"projectId": "payments"}, token=stranger)
    assert listed.status_code == 404
    body = house.rotation_body(made["connectionId"], name="new")
    assert (await house.ask("POST", ROTATIONS, json=body, token=operator)).status_code == 403
    assert (await house.ask("POST", ROTATIONS, json=body, token=stranger)).status_code == 404
    assert (await house.http.get(CONNECTIONS)).status_code == 401
