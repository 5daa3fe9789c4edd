"""Does every page work for everybody: by keyboard, on a phone, in the dark, without scripts, with a screen reader?"""

from __future__ import annotations

from typing import Any

from rotator.web.dashboard.routes import ROUTES
from tests.browser.conftest import PHONE, WITH_A_BROWSER, is_for_everybody, sitting
from tests.web.house import House

pytestmark = WITH_A_BROWSER

#: Those that show more than their plain address does.
MORE = (
    "/?show=attention&zoom=year",
    "/rotations/new?step=2&connection={connectionId}",
    "/rotations/new?step=3&connection={connectionId}",
    "/rotations/new?step=4&connection={connectionId}&app=00000000-0000-4000-8000-000000000000",
)
#: Parts of pages, streams, and ways to other places.
NO_PAGES = (
    "/part",
    "/events",
    "/names",
    "/time",
    "/applications",
    "/reveal",
    "/entra",
    "/return",
    "/callback",
    "/adopt",
    "{name}",
)
#: A database in a file has no nodes, and nobody has registered Rotator for consent.
ABSENT = ("/nodes", "/connections/sign-in")
_OF_ABSENT = ("404",)


def pages(made: dict[str, Any]) -> list[str]:
    """Every page there is, of the rotation and its connection where it is of one."""
    plain = {route.path for route in ROUTES if "GET" in (route.methods or ()) and not route.path.endswith(NO_PAGES)}
    ids = {"/connections/{id}": made["connectionId"], "/rotations/{id}": made["id"]}
    found = [*sorted(plain), *MORE]
    for start, id_ in ids.items():
        found = [each.replace(start, start.replace("{id}", id_)) for each in found]
    return [each.format(**made) for each in found]


async def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(chromium: Any, house: House, axe: str) -> None:
    made = await house.rotation(description="a-very-long-word" * 15)
    await house.post(f"/api/v2/secret-rotations/azure-client-secret/{made['id']}/rotate-secrets")
    async with sitting(chromium, house, viewport=PHONE, forgiven=_OF_ABSENT) as page:
        for path in pages(made):
            answer = await page.goto(house.address + path)
            assert answer.status == (404 if path in ABSENT else 200), path
            await is_for_everybody(page, axe)


async def test_without_scripts_everything_is_there_to_read_and_to_do(chromium: Any, house: House) -> None:
    made = await house.rotation()
    async with sitting(chromium, house, java_script_enabled=False, forgiven=_OF_ABSENT) as page:
        for path in pages(made):
            await page.goto(house.address + path)
            assert len(await page.inner_text("main")) > 20, path
        await page.goto(house.address)
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
