"""What do tests with a real browser start from? Chromium driven by Playwright, where the machine has both.

Where it has not they are skipped, and say so: install Debian's `chromium` and the package `playwright`.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rotator.simulator.server import serve
from rotator.simulator.simulation import SimulatorOptions
from tests.web.dashboard.person import a_link
from tests.web.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with serve(SimulatorOptions(seed=7)) as running, open_house(tmp_path, running) as opened:
        yield opened


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None or importlib.util.find_spec("playwright") is None:
        pytest.skip("NO BROWSER: the dashboard is not tried in Chromium; install chromium and playwright")
    playwright: Any = importlib.import_module("playwright.async_api")
    async with playwright.async_playwright() as driver:
        # Chromium refuses its own sandbox to root, which tests in containers are.
        launched = await driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        await launched.close()


@asynccontextmanager
async def sitting(chromium: Any, house: House, **how: Any) -> AsyncIterator[Any]:
    """A page of somebody who has signed in by a link, as a person does; no complaint of the browser is let pass."""
    context = await chromium.new_context(**how)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda said: complaints.append(str(said)))
    await page.goto(f"{house.address}/sign-in?link={await a_link(house)}")
    await page.click("text=Sign in >> nth=-1")
    await page.wait_for_selector(".health")
    yield page
    await context.close()
    assert complaints == []
