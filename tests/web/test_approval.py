"""Is what waits for a person let go ahead over the API, by who may, once, and with a row of the audit?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rotator.cli import elsewhere
from rotator.cli.settings import Settings
from rotator.domain.access import Grant, Role
from rotator.simulator.server import Running
from tests.web.house import ROTATIONS, House, configured, open_house


def waiting(running: Running, **changes: Any) -> dict[str, Any]:
    """One rotation that the configuration defines, held for approval."""
    document = configured(running)
    [rotation] = document["rotations"]
    rotation.update({"requiresApproval": True, **changes})
    return document


async def the_rotation(house: House) -> dict[str, Any]:
    [found] = (await house.get(ROTATIONS, projectId="payments"))["secretRotations"]
    rotation: dict[str, Any] = found
    return rotation


async def rotated(house: House) -> bool:
    for _ in range(100):
        if (await the_rotation(house))["rotationStatus"] == "success":
            return True
        await asyncio.sleep(0.05)
    return False


async def test_an_approved_rotation_goes_ahead_and_the_audit_says_who_let_it(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running, document=waiting(running)) as house:
        rotation = await the_rotation(house)
        assert house.living() == []

        answer = await house.post(f"{ROTATIONS}/{rotation['id']}/approve")

        assert answer["secretRotation"]["id"] == rotation["id"]
        assert await rotated(house)
        [row] = (await house.get("/api/v1/audit", kind="rotation.approve"))["auditLogs"]
        assert row["facts"]["rotation"] == rotation["name"]


async def test_the_command_approves_on_a_daemon_elsewhere(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running, document=waiting(running)) as house:
        name = (await the_rotation(house))["name"]
        (tmp_path / "token").write_text(house.admin)
        settings = Settings(server=house.address, token_file=str(tmp_path / "token"))

        await asyncio.to_thread(elsewhere.switch, settings, [name], "approve")

        assert await rotated(house)


async def test_what_waits_for_nobody_is_refused_and_leaves_no_row(tmp_path: Path, running: Running) -> None:
    async with open_house(tmp_path, running, document=waiting(running, requiresApproval=False)) as house:
        rotation = await the_rotation(house)

        answer = await house.ask("POST", f"{ROTATIONS}/{rotation['id']}/approve")

        assert (answer.status_code, "waits for no approval" in answer.json()["message"]) == (400, True)
        assert (await house.get("/api/v1/audit", kind="rotation.approve"))["auditLogs"] == []


@pytest.mark.parametrize(("project", "status"), [("payments", 403), ("sales", 404)])
async def test_only_an_operator_of_that_place_approves(
    tmp_path: Path, running: Running, project: str, status: int
) -> None:
    async with open_house(tmp_path, running, document=waiting(running)) as house:
        rotation = await the_rotation(house)
        reader = await house.token(Grant(Role.READER, project))

        answer = await house.ask("POST", f"{ROTATIONS}/{rotation['id']}/approve", token=reader)

        assert answer.status_code == status
        assert house.living() == []
