"""Do the pages that change things work in a real browser: as one types, when one leaves, and for everybody?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.browser.conftest import PHONE, SOON, WITH_A_BROWSER, is_for_everybody, sitting
from tests.web.house import House

pytestmark = WITH_A_BROWSER


async def test_a_taken_name_is_told_as_it_is_typed(chromium: Any, house: House) -> None:
    made = await house.rotation()
    place = "project=payments&environment=prod&path=/"
    async with sitting(chromium, house) as page:
        connection = f"connection={made['connectionId']}&app=00000000-0000-4000-8000-000000000000"
        await page.goto(f"{house.address}/rotations/new?step=4&{connection}&{place}")
        await page.fill("[name=secretName]", "BILLING_SECRET")
        await page.wait_for_selector("#names:has-text('in use there, by billing-api')", timeout=SOON)
        await page.fill("[name=secretName]", "OTHER_SECRET")
        await page.fill("[name=idName]", "OTHER_ID")
        await page.wait_for_selector("#names:has-text('Both names are free')", timeout=SOON)


async def test_a_text_that_was_shown_is_gone_when_one_leaves_and_comes_back(chromium: Any, house: House) -> None:
    made = await house.rotation()
    async with sitting(chromium, house) as page:
        await page.goto(f"{house.address}/rotations/{made['id']}")
        await page.click("text=Show BILLING_SECRET")
        await page.wait_for_selector("#revealed pre", timeout=SOON)
        text = await page.inner_text("#revealed pre")
        assert len(text) > 20
        assert text not in page.url
        await page.click("text=Overview >> nth=0")
        await page.wait_for_selector(".health")
        await page.go_back()
        await page.wait_for_selector("text=Show BILLING_SECRET", timeout=SOON)
        assert text not in await page.content()
        await page.click("text=Show BILLING_SECRET")
        await page.wait_for_selector("#revealed pre", timeout=SOON)
        await page.click("text=Hide it")
        await page.wait_for_selector("text=Show BILLING_SECRET", timeout=SOON)
        assert text not in await page.content()


async def test_the_inventory_appears_without_loading_again_and_is_searched_as_one_types(
    chromium: Any, house: House
) -> None:
    await house.connection()
    with_secrets(house)
    async with sitting(chromium, house) as page:
        await page.click("text=Inventory")
        await page.click("text=Take the inventory")
        await page.wait_for_selector("#stock td", timeout=SOON)
        before = await page.locator("#stock tbody tr").count()
        await page.fill("[name=q]", house.application(1).object_id)
        await page.wait_for_url(f"**/inventory?q={house.application(1).object_id}", timeout=SOON)
        assert 0 < await page.locator("#stock tbody tr").count() < before
        await page.click("text=Adopt >> nth=0")
        await page.fill("[name=project]", "payments")
        await page.click("text=Adopt it")
        await page.wait_for_selector("#part:has-text('it was not touched')", timeout=2 * SOON)


async def test_axe_finds_nothing_on_the_way_either(chromium: Any, house: House, axe: str) -> None:
    made = await house.rotation()
    with_secrets(house)
    edit = f"/rotations/{made['id']}/edit"
    async with sitting(chromium, house, viewport=PHONE) as page:
        await page.goto(f"{house.address}/inventory")
        await page.click("text=Take the inventory")
        await page.wait_for_selector("#stock td", timeout=SOON)
        adopt = await page.get_attribute("text=Adopt >> nth=0", "href")
        steps = [f"{edit}?step={n}" for n in range(1, 6)]
        for path in (
            "/inventory",
            adopt,
            *steps,
            f"{edit}?step=6&interval=60&idName=A&app=x",
            f"/rotations/{made['id']}",
        ):
            await page.goto(house.address + path)
            if path == f"/rotations/{made['id']}":
                await page.click("text=Show BILLING_SECRET")
                await page.wait_for_selector("#revealed pre", timeout=SOON)
            await is_for_everybody(page, axe)


def with_secrets(house: House) -> None:
    """Applications hold secrets that nobody rotates."""
    tenant, now = house.running.simulation.entra.tenant, house.engine.world.clock.now()
    for n, app in enumerate(house.running.simulation.population.applications[1:]):
        tenant.passwords.add(app, display_name="by hand", expires_at=now + timedelta(days=9 + n))
