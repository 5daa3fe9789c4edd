"""How many secrets a second, beside the Azure CLI in a loop?

`az ad app credential reset` issues a secret and forgets it: it neither proves nor delivers it, and removes all others
first. Found by ROTATOR_TEST_AZ or on the PATH; without it there is one line that says so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.ours import engine_at
from tests.benchmarks.report import Goal, Line, measured, show
from tests.benchmarks.tenant import Tenant, tenant, write_configuration

_ROTATIONS = 40
_RESETS = 6
_TURNS = 3
_GOAL = Goal(least=10)


def run() -> None:
    az = os.environ.get("ROTATOR_TEST_AZ") or shutil.which("az")
    if not az:
        show(Line("secrets/s, beside the Azure CLI", "not measured", "no az by ROTATOR_TEST_AZ or on the PATH"))
        return
    with tenant(2 * _ROTATIONS) as where, tempfile.TemporaryDirectory() as folder:
        cli = _Cli(az, where, Path(folder))
        cli.sign_in()
        asyncio.run(_run(where, cli, Path(folder)))


async def _run(where: Tenant, cli: _Cli, folder: Path) -> None:
    config = write_configuration(folder, where, rotations=2 * _ROTATIONS)
    rates: list[tuple[float, float]] = []
    async with engine_at(where, config) as ours:
        for _ in range(_TURNS):
            ours.pass_time()
            with measured() as spent:
                await ours.round()
            rates.append((_ROTATIONS / spent.wall, 1 / cli.seconds_a_reset()))
    ratio = median(ours / theirs for ours, theirs in rates)
    beside = f"az ad app credential reset: {median(theirs for _, theirs in rates):.2f}"
    show(Line("secrets/s", f"{median(ours for ours, _ in rates):.1f}", beside, ratio, _GOAL.verdict(ratio)))


class _Cli:
    """`az` with a home of its own, pointed at the tenant as docs/simulator.md tells."""

    def __init__(self, az: str, where: Tenant, folder: Path) -> None:
        self._az = az
        self._where = where
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AZURE_CONFIG_DIR": str(folder / "azure"),
            "REQUESTS_CA_BUNDLE": where.ca_file,
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
        }

    def sign_in(self) -> None:
        self._do("cloud", "register", "-n", "simulated", "--endpoint-resource-manager", self._where.authority)
        self._do("cloud", "set", "-n", "simulated")
        who = ("-u", self._where.client_id, f"-p={self._where.client_secret}", "--tenant", self._where.tenant_id)
        self._do("login", "--service-principal", *who, "--allow-no-subscriptions")

    def seconds_a_reset(self) -> float:
        began = time.perf_counter()
        for n in range(_RESETS):
            self._do("ad", "app", "credential", "reset", "--id", self._where.applications[n]["clientId"], "--append")
        return (time.perf_counter() - began) / _RESETS

    def _do(self, *arguments: str) -> None:
        subprocess.run([self._az, *arguments], env=self._environment, check=True, capture_output=True)
