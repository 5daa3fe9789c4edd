"""Does the Azure CLI, which nobody here wrote, take the simulator for Entra?

The recipe is in docs/simulator.md. The CLI is found by ROTATOR_TEST_AZ or on the PATH.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rotator.simulator.server import Ready, Running

AZ = os.environ.get("ROTATOR_TEST_AZ") or shutil.which("az")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AZ, reason="the Azure CLI is neither on the PATH nor named by ROTATOR_TEST_AZ"),
]


@dataclass(frozen=True)
class Cli:
    """`az` with a home of its own, pointed at the simulator."""

    ready: Ready
    home: Path

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        assert AZ is not None
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AZURE_CONFIG_DIR": str(self.home / "azure"),
            "REQUESTS_CA_BUNDLE": self.ready.caFile,
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
        }
        process = await asyncio.create_subprocess_exec(
            AZ,
            *arguments,
            "-o",
            "json",
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def sign_in(self, client_id: str, *proof: str) -> tuple[int, str, str]:
        """Register the simulator as a cloud and sign in, from a clean home: the CLI keeps tokens of old secrets."""
        shutil.rmtree(self.home / "azure", ignore_errors=True)
        await self.ask("cloud", "register", "-n", "simulated", "--endpoint-resource-manager", self.ready.authority)
        await self.ask("cloud", "set", "-n", "simulated")
        login = ("login", "--service-principal", "--tenant", self.ready.tenantId, "--allow-no-subscriptions")
        return await self.run(*login, "-u", client_id, *proof)

    async def ask(self, *arguments: str) -> Any:
        status, out, err = await self.run(*arguments)
        assert status == 0, err
        return json.loads(out or "null")


@pytest.fixture
async def az(running: Running, tmp_path: Path) -> Cli:
    cli = Cli(running.ready, tmp_path)
    status, _, err = await cli.sign_in(running.ready.adminClientId, f"-p={running.ready.adminClientSecret}")
    assert status == 0, err
    return cli


async def test_the_cli_resets_lists_and_deletes_credentials(az: Cli) -> None:
    client_id = az.ready.applications[0]["clientId"]
    credential = ("ad", "app", "credential")
    made = await az.ask(*credential, "reset", "--id", client_id, "--display-name", "by the CLI")
    assert made["tenant"] == az.ready.tenantId
    listed = await az.ask(*credential, "list", "--id", client_id)
    assert [(one["displayName"], one["hint"]) for one in listed] == [("by the CLI", made["password"][:3])]
    another = Cli(az.ready, az.home / "another")
    assert (await another.sign_in(client_id, f"-p={made['password']}"))[0] == 0
    delete = (*credential, "delete", "--id", client_id, "--key-id", listed[0]["keyId"])
    await az.ask(*delete)
    assert await az.ask(*credential, "list", "--id", client_id) == []
    status, _, err = await az.run(*delete)
    assert (status, "No password credential found with keyId" in err) == (1, True)
    status, _, err = await another.sign_in(client_id, f"-p={made['password']}")
    assert (status, "AADSTS7000215" in err) == (1, True)


async def test_a_reset_replaces_what_was_there_unless_it_appends(az: Cli) -> None:
    client_id = az.ready.applications[1]["clientId"]
    reset = ("ad", "app", "credential", "reset", "--id", client_id)
    for arguments, held in (((), 1), ((), 1), (("--append",), 2)):
        await az.ask(*reset, *arguments)
        assert len(await az.ask("ad", "app", "credential", "list", "--id", client_id)) == held


async def test_the_cli_signs_in_with_a_certificate_that_it_made(az: Cli) -> None:
    client_id = az.ready.applications[2]["clientId"]
    made = await az.ask("ad", "app", "credential", "reset", "--id", client_id, "--create-cert", "--years", "1")
    status, out, err = await az.sign_in(client_id, "--certificate", made["fileWithCertAndPrivateKey"])
    assert status == 0, err
    assert json.loads(out)[0]["user"] == {"name": client_id, "type": "servicePrincipal"}
