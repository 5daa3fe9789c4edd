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
            await page.goto(house.address + path.format(id=made["id"]))
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
            await page.goto(house.address + path.format(id=made["id"]))
            await page.evaluate(axe)
            found = await page.evaluate("axe.run()")
            assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == [], path
