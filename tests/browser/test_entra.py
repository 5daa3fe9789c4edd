"""Does a real browser go to Entra and come back, with the cookies and the policy that it keeps to?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rotator.simulator.server import Running, serve
from rotator.simulator.simulation import SimulatorOptions
from tests.browser.conftest import PHONE, WITH_A_BROWSER, is_for_everybody
from tests.web.dashboard.entrance import free_port, open_entrance, person
from tests.web.house import House, for_people

pytestmark = WITH_A_BROWSER

ADMIN = "admin@simulated.onmicrosoft.com"


@asynccontextmanager
async def entrance(folder: Path, running: Running) -> AsyncIterator[House]:
    """People sign in, and let connections act for them; Entra sends the browser back to both pages."""
    port = free_port()
    document = for_people(running)
    document["api"]["oauth"]["redirectUri"] = f"http://127.0.0.1:{port}/oauth/callback"
    async with open_entrance(folder, running, document=document, port=port) as house:
        admin = running.simulation.population.admin
        admin.redirect_uris.append(document["api"]["oauth"]["redirectUri"])
        admin.delegated.append("Application.ReadWrite.All")
        yield house


@asynccontextmanager
async def tab(chromium: Any) -> AsyncIterator[Any]:
    """A page of a browser that takes the simulator's certificate; no complaint about ours is let pass."""
    context = await chromium.new_context(viewport=PHONE, ignore_https_errors=True)
    page = await context.new_page()
    heard: list[str] = []
    page.on(
        "console", lambda said: heard.append(f"{said.location['url']} {said.text}") if said.type == "error" else None
    )
    page.on("pageerror", lambda said: heard.append(str(said)))
    yield page
    await context.close()
    # The simulator has no icon, and the page for who has no role is answered 403.
    assert [each for each in heard if not each.startswith("https:") and "403" not in each] == []


async def test_a_browser_signs_in_makes_a_connection_and_signs_out(chromium: Any, axe: str, tmp_path: Path) -> None:
    async with serve(SimulatorOptions(seed=7)) as running, entrance(tmp_path, running) as house, tab(chromium) as page:
        person(house, ADMIN)
        await page.goto(f"{house.address}/connections")
        await is_for_everybody(page, axe)
        await page.click("text=Sign in with Microsoft")
        await page.wait_for_selector("text=You have no role here")
        await is_for_everybody(page, axe)

        person(house, ADMIN, roles=("Rotator.Admin",))
        await page.goto(f"{house.address}/connections")
        await page.click("text=Sign in with Microsoft")
        await page.wait_for_url(f"{house.address}/connections")

        await page.click("text=Add a connection")
        await page.click("text=Sign in with Microsoft")
        await page.fill("#f-name", "mine")
        await page.fill("#f-tenantId", running.ready.tenantId)
        await page.fill("#f-cloud", "simulated")
        await is_for_everybody(page, axe)
        await page.click("main button")
        await page.click(f"text={ADMIN}")
        await page.wait_for_url(f"{house.address}/connections")
        await page.click("text=Try")
        await page.wait_for_selector("text=It signs in, and sees applications.")

        await page.click("text=Sign out")
        await page.wait_for_url(f"{house.address}/sign-in")
        out = [each.operation for each in running.simulation.entra.log.entries if each.operation == "logout"]
        assert out == ["logout"]
        await page.goto(f"{house.address}/connections")
        assert page.url == f"{house.address}/sign-in?to=/connections"
