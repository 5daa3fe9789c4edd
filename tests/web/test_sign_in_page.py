"""Does what docs/sign-in.md shows work as it is shown?"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rotator.simulator.server import Running
from tests.web.door import Door, principal_of, token_of_tenant

PAGE = Path(__file__).parents[2] / "docs" / "sign-in.md"


async def test_every_request_that_is_shown_works_in_that_order(azure: Door, running: Running, tmp_path: Path) -> None:
    if not (shutil.which("curl") and shutil.which("jq") and shutil.which("bash")):
        pytest.skip("curl, jq or bash is not here: the requests of docs/sign-in.md were NOT tried")
    shown = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    script = "\n".join(["set -euo pipefail", *shown])
    assert script.count("\nask ") >= 6
    told = {
        "ROTATOR": azure.address,
        "TOKEN": azure.admin,
        "TENANT": running.ready.tenantId,
        "PRINCIPAL": principal_of(running),
        "AZURE_TOKEN": await token_of_tenant(running),
    }
    ended = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-x", "-c", script],
        cwd=tmp_path,
        env={**os.environ, **told, "NO_PROXY": "*", "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout[-1500:]}\n{ended.stderr[-1500:]}"
