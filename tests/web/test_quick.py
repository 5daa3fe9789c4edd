"""Does the route that goes past the framework behave as the framework's own would?"""

from __future__ import annotations

import pytest

from rotator.domain.access import Grant, Role
from tests.web.house import RAW, House

PLACE = {"workspaceId": "payments", "environment": "prod", "secretPath": "/"}
PATHS = (f"{RAW}/BILLING_SECRET", "/api/v4/secrets/BILLING_SECRET")


async def test_it_is_read_by_get_alone(house: House) -> None:
    await house.rotation()
    for path in PATHS:
        assert (await house.ask("GET", path, params=PLACE)).status_code == 200
        for method in ("HEAD", "PUT", "OPTIONS"):
            assert (await house.ask(method, path, params=PLACE)).status_code == 405


async def test_it_is_described_with_its_parameters_and_its_sign_in(house: House) -> None:
    document = await house.get("/api/docs/openapi.json")
    for path in (f"{RAW}/{{name}}", "/api/v4/secrets/{name}"):
        described = document["paths"][path]["get"]
        assert described["security"] == [{"HTTPBearer": []}]
        assert {each["name"] for each in described["parameters"]} >= {"name", "environment", "secretPath", "version"}


@pytest.mark.parametrize(
    ("name", "query", "path"),
    [
        ("X" * 257, {}, ["name"]),
        ("%00", {}, ["name"]),
        ("BILLING_SECRET", {"environment": "Not a slug"}, ["environment"]),
        ("BILLING_SECRET", {"version": "0"}, ["version"]),
        ("BILLING_SECRET", {"viewSecretValue": "perhaps"}, ["viewSecretValue"]),
        ("BILLING_SECRET", {"secretPath": "../etc"}, ["secretPath"]),
    ],
)
async def test_a_mistake_is_told_by_its_path(house: House, name: str, query: dict[str, str], path: list[str]) -> None:
    refused = await house.ask("GET", f"{RAW}/{name}", params={**PLACE, **query})
    assert (refused.status_code, refused.json()["error"]) == (422, "ValidationFailure"), refused.text
    assert [each["path"] for each in refused.json()["message"]] == [path]


async def test_every_check_of_the_caller_is_made(house: House) -> None:
    await house.rotation()
    elsewhere = await house.token(Grant(Role.READER, "sales"))
    for token, status in (("rotator_at_nobody", 403), (elsewhere, 404)):
        assert (await house.ask("GET", PATHS[0], token=token, params=PLACE)).status_code == status
    assert (await house.http.get(PATHS[0], params=PLACE)).status_code == 401
    kinds = [each["kind"] for each in (await house.get("/api/v1/audit", limit=2))["auditLogs"]]
    assert kinds[0] == "bearer.refused"
