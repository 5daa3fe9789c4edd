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
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from rotator.simulator.server import serve
from rotator.simulator.simulation import SimulatorOptions
from tests.web.dashboard.person import a_link
from tests.web.house import House, open_house

#: For a module of tests with a browser, which lives in the session's loop.
WITH_A_BROWSER = pytest.mark.asyncio(loop_scope="session")
#: In milliseconds; a page that hears nothing reads itself again after 15 s, so what takes less was heard.
SOON = 14_000
DESK = {"width": 1200, "height": 800}
PHONE = {"width": 360, "height": 740}
#: It asks its maker for nothing, so that what is asked outside was asked by a page; no sandbox, which root is refused;
#: no compiling of scripts for speed, for none of them runs long enough to win what that costs.
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
    "--js-flags=--no-opt --no-maglev",
    "--force-color-profile=srgb",
)
_VIOLATIONS = "asked => axe.run(asked).then(found => found.violations)"


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with serve(SimulatorOptions(seed=7)) as running, open_house(tmp_path, running) as opened:
        yield opened


def found_chromium() -> str:
    """Where it is; empty where it cannot be driven."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    return path if path and importlib.util.find_spec("playwright") else ""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Any]:
    """One browser for all tests of a worker; each opens a context of its own in it, as a private window."""
    if not found_chromium():
        pytest.skip("NO BROWSER: the dashboard is not tried in Chromium; install chromium and playwright")
    playwright: Any = importlib.import_module("playwright.async_api")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=found_chromium(), args=list(FLAGS))
        yield browser
        await browser.close()


@pytest.fixture
def axe() -> str:
    """The script of axe-core, as its package brings it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("NO AXE: accessibility is not checked; install axe-playwright-python")
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


async def is_for_everybody(page: Any, axe: str) -> None:
    """The page goes no wider than its window, and axe finds nothing; in the dark only colours differ."""
    assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, page.url
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
        await page.add_init_script(axe)  # where this page goes from here it is there already
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        await page.emulate_media(color_scheme=scheme)
        found = await page.evaluate(_VIOLATIONS, {"resultTypes": ["violations"], **rules})
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], (page.url, scheme)
    await page.emulate_media(color_scheme="light")


@asynccontextmanager
async def sitting(
    chromium: Any, house: House, *, name: str = "", forgiven: tuple[str, ...] = (), **how: Any
) -> AsyncIterator[Any]:
    """A page of somebody who has signed in by a link, as a person does; see `watched`."""
    link = f"{house.address}/sign-in?link={await a_link(house, name=name)}"
    async with watched(chromium, link, forgiven=forgiven, **how) as page:
        yield page


@asynccontextmanager
async def watched(chromium: Any, link: str, *, forgiven: tuple[str, ...] = (), **how: Any) -> AsyncIterator[Any]:
    """The page behind a link for signing in.

    No complaint of the browser is let pass, unless it holds one of what is `forgiven`; nor a request to another server.
    """
    context = await chromium.new_context(**{"viewport": DESK, **how})
    page = await context.new_page()
    heard: list[str] = []
    page.on("console", lambda said: heard.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda said: heard.append(str(said)))
    ours = urlsplit(link).netloc
    context.on("request", lambda asked: heard.append(asked.url) if urlsplit(asked.url).netloc != ours else None)
    await page.goto(link)
    await page.click("main button")
    await page.wait_for_selector(".health")
    yield page
    await context.close()
    assert [each for each in heard if not any(part in each for part in forgiven)] == []
