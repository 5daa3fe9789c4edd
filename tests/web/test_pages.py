"""Does what docs/api.md shows work as it is shown?"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rotator.simulator.server import Running
from tests.consent import code
from tests.docs.pages import ROOT, page
from tests.web.house import House, for_people, open_house

API = page(ROOT / "docs" / "api.md")


async def test_every_request_that_is_shown_works_in_that_order(running: Running, tmp_path: Path) -> None:
    async with open_house(tmp_path, running, document=for_people(running)) as house:
        await _works(house, tmp_path)


async def _works(house: House, tmp_path: Path) -> None:
    if not (shutil.which("curl") and shutil.which("jq") and shutil.which("bash")):
        pytest.skip("curl, jq or bash is not here: the requests of docs/api.md were NOT tried")
    shown = [text for kind, text in API.fences() if kind == "sh"]
    script = "\n".join(["set -euo pipefail", *shown])
    assert script.count("\nask ") > 20
    population = house.running.simulation.population
    told = {
        "ROTATOR": house.address,
        "TOKEN": house.admin,
        "TENANT": house.running.ready.tenantId,
        "CLIENT": population.admin.client_id,
        "SECRET": population.admin_secret,
        "OBJECT": house.application().object_id,
        "CODE": code(house.running.simulation),
        "CLOUD": "simulated",
    }
    environment = {**os.environ, **told, "NO_PROXY": "*", "no_proxy": "*"}
    ended = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-x", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout[-1500:]}\n{ended.stderr[-1500:]}"
    assert house.living() == []
