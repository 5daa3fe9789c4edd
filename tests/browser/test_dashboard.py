"""Do the pages work in a real browser: by keyboard, on a phone, in the dark, without scripts, and live?"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import sitting
from tests.web.house import ROTATIONS, House

#: In milliseconds; the page would read itself again after 15 s without hearing anything.
SOON = 8000
PAGES = (
    "/",
    "/?show=attention&zoom=year",
    "/rotations/{id}",
    "/rotations/{id}/compromised",
    "/connections",
    "/connections/new",
    "/rotations/new",
    "/rotations/new?step=2&connection={connectionId}",
    "/rotations/new?step=3&connection={connectionId}",
    "/rotations/new?step=4&connection={connectionId}&app=00000000-0000-4000-8000-000000000000",
    "/audit",
)


async def test_rotate_now_is_pressed_and_its_end_seen_without_loading_again(chromium: Any, house: House) -> None:
    made = await house.rotation()
    async with sitting(chromium, house) as page:
        await page.click("text=billing-api")
        await page.click("#do-rotate")
        await page.wait_for_selector(".state.well", timeout=SOON)
        assert await page.locator("td .state.retiring").count() == 1
    assert len(house.living()) == 2
    assert made["id"] in page.url


async def test_an_open_page_hears_of_what_others_do(chromium: Any, house: House) -> None:
    made = await house.rotation()
    async with sitting(chromium, house) as page:
        await page.goto(f"{house.address}/rotations/{made['id']}")
        await page.evaluate("window.untouched = true")
        await asyncio.sleep(0.5)  # the stream is open then; what came before it was on the page
        await house.ask("POST", f"{ROTATIONS}/{made['id']}/rotate-secrets")
        await page.wait_for_selector("td .state.retiring", timeout=SOON)
        assert await page.evaluate("window.untouched") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_is_wider_than_a_phone(chromium: Any, house: House, scheme: str) -> None:
    made = await house.rotation(description="a-very-long-word" * 15)
    async with sitting(chromium, house, viewport={"width": 360, "height": 740}, color_scheme=scheme) as page:
        for path in PAGES:
            await page.goto(house.address + path.format(**made))
            assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path


async def test_without_scripts_everything_is_there_to_read_and_to_do(chromium: Any, house: House) -> None:
    await house.rotation()
    async with sitting(chromium, house, java_script_enabled=False) as page:
        await page.click("text=billing-api")
        assert "proved in 1 sign-ins" in await page.inner_text("main")
        await page.click("#do-pause")
        await page.wait_for_selector("#do-resume")


async def test_the_keyboard_alone_leads_to_a_rotation(chromium: Any, house: House) -> None:
    await house.rotation()
    async with sitting(chromium, house) as page:
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "To the content"
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.textContent") == "billing-api":
                break
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#do-rotate")


@pytest.fixture
def axe() -> str:
    path = Path(os.environ.get("AXE_CORE", "axe.min.js"))
    if not path.exists():
        pytest.skip("NO AXE: accessibility is not checked; name axe-core's axe.min.js with AXE_CORE")
    return path.read_text("utf-8")


async def test_axe_finds_nothing_to_complain_of(chromium: Any, house: House, axe: str) -> None:
    made = await house.rotation()
    async with sitting(chromium, house) as page:
        for path in PAGES:
            await page.goto(house.address + path.format(**made))
            await page.evaluate(axe)
            found = await page.evaluate("axe.run()")
            assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == [], path


async def test_the_whole_way_from_a_connection_to_a_secret_that_works(chromium: Any, house: House) -> None:
    body = house.connection_body()
    app = house.application()
    async with sitting(chromium, house) as page:
        await page.goto(f"{house.address}/connections/new")
        for name in ("tenantId", "clientId", "clientSecret"):
            await page.fill(f"[name={name}]", body["credentials"][name])
        await page.fill("[name=name]", "fabrikam")
        await page.fill("[name=cloud]", "simulated")
        await page.click("text=Sign in and keep it")
        await page.click("text=Overview")
        await page.click("text=Add a rotation")
        await page.check("[name=connection]")
        await page.click("text=Next: Schedule")
        await page.fill("[name=zone]", "Asia/Kolkata")
        await page.fill("[name=interval]", "60")
        await page.wait_for_selector("#meaning:has-text('21:00Z')", timeout=SOON)
        await page.click("text=Next: Application")
        await page.type("#f-q", app.display_name, delay=10)
        await page.check(f"[name=app][value^='{app.object_id}']", timeout=SOON)
        await page.click("text=Next: Secrets")
        for name, value in (("project", "payments"), ("idName", "BILLING_ID"), ("secretName", "BILLING_SECRET")):
            await page.fill(f"[name={name}]", value)
        await page.click("text=Next: Name")
        await page.fill("[name=name]", "billing-api")
        await page.click("text=Next: Review")
        await page.wait_for_selector(".state.well")
        await page.click("text=Create and rotate now")
        # A plain rotation proves the secret three times, five seconds apart; the page follows.
        await page.wait_for_selector("#part .state.active", timeout=40_000)
        assert "delivered" in await page.inner_text("main")
    assert len(house.living()) == 1
