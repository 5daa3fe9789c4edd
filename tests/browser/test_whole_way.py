"""Does a person get from nothing to a secret that works, and see all that becomes of it, in a real browser?"""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from tests.browser.conftest import SOON, WITH_A_BROWSER, sitting
from tests.browser.pictures import shown
from tests.web.house import House

pytestmark = WITH_A_BROWSER

#: A plain rotation proves a secret three times, five seconds apart.
PROVED = 40_000
_CARD = "section.card"


async def test_from_signing_in_to_a_secret_that_works_and_one_that_is_refused(chromium: Any, house: House) -> None:
    async with sitting(chromium, house, name="ada") as page:
        await _add_a_connection(page, house)
        await _add_a_rotation(page, house)
        await _see_it_issued_proved_and_delivered(page)
        assert len(house.living()) == 1
        assert await _signs_in(house, await _revealed(page))

        await page.click("#do-rotate")
        await page.wait_for_selector("td .state.retiring", timeout=PROVED)
        await page.wait_for_selector(".verdict .state.active", timeout=SOON)
        assert len(house.living()) == 2
        await shown(page, "rotation", height=1120)
        await _see_the_overlap(page, house)

        await page.click("text=billing-api")
        await page.click("#do-pause")
        await page.wait_for_selector(".verdict .state.paused", timeout=SOON)
        await page.click("#do-resume")
        await _see_it_refused(page, house)


async def _add_a_connection(page: Any, house: House) -> None:
    body = house.connection_body()
    await page.click("text=Connections")
    await page.click("text=Add a connection")
    for name in ("tenantId", "clientId", "clientSecret"):
        await page.fill(f"[name={name}]", body["credentials"][name])
    await page.fill("[name=name]", "fabrikam")
    await page.fill("[name=cloud]", "simulated")
    await page.click("text=Sign in and keep it")
    await page.wait_for_selector("th:has-text('fabrikam')")


async def _add_a_rotation(page: Any, house: House) -> None:
    app = house.application()
    await page.click("text=Overview")
    await page.click("text=Add a rotation")
    await page.check("[name=connection]")
    await shown(page, "step-1", part=_CARD)
    await page.click("text=Next: Schedule")
    await page.fill("[name=zone]", "Asia/Kolkata")
    await page.fill("[name=interval]", "60")
    await page.wait_for_selector("#meaning:has-text('21:00Z')", timeout=SOON)
    await shown(page, "step-2", part=_CARD)
    await page.click("text=Next: Application")
    await page.type("#f-q", app.display_name[:4], delay=10)
    await page.locator(".picks li").nth(1).wait_for(state="detached", timeout=SOON)
    await page.check(f"[name=app][value^='{app.object_id}']")
    await shown(page, "step-3", part=_CARD)
    await page.click("text=Next: Secrets")
    for name, value in (("project", "payments"), ("idName", "BILLING_ID"), ("secretName", "BILLING_SECRET")):
        await page.fill(f"[name={name}]", value)
    await page.wait_for_selector("#names:has-text('free')", timeout=SOON)
    await shown(page, "step-4", part=_CARD)
    await page.click("text=Next: Name")
    await page.fill("[name=name]", "billing-api")
    await shown(page, "step-5", part=_CARD)
    await page.click("text=Next: Review")
    await page.wait_for_selector(".state.well")
    await shown(page, "step-6", part=_CARD)
    await page.click("text=Create and rotate now")


async def _see_it_issued_proved_and_delivered(page: Any) -> None:
    """Each in its turn, on a page that is not loaded again."""
    await page.wait_for_selector("#part")
    await page.evaluate("window.untouched = true")
    for said in ("issued, valid until", "proved in 3 sign-ins", "delivered to embedded", "is current"):
        await page.wait_for_selector(f".steps .said:has-text('{said}')", timeout=PROVED)
    await page.wait_for_selector(".verdict .state.active", timeout=SOON)
    assert await page.evaluate("window.untouched") is True


async def _revealed(page: Any) -> str:
    """The text of the secret, as the page shows it on request."""
    await page.reload()
    await page.click("text=Show BILLING_SECRET")
    await page.wait_for_selector("#revealed pre", timeout=SOON)
    return str(await page.inner_text("#revealed pre"))


async def _signs_in(house: House, text: str) -> bool:
    """With that secret, as the application does."""
    ready, app = house.running.ready, house.application()
    form = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": text, "scope": ready.scope}
    trust = ssl.create_default_context(cafile=ready.caFile)
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        answer = await http.post(f"{ready.authority}/{ready.tenantId}/oauth2/v2.0/token", data=form)
    return "access_token" in answer.json()


async def _see_the_overlap(page: Any, house: House) -> None:
    """Two bars at one time, below one another, on the first page."""
    await page.goto(house.address)
    new, old = [await page.locator(f"article .bar.{state}").bounding_box() for state in ("current", "retiring")]
    assert new["y"] != old["y"]
    assert min(new["x"] + new["width"], old["x"] + old["width"]) > max(new["x"], old["x"])


async def _see_it_refused(page: Any, house: House) -> None:
    """Rotator is no owner of the application any more: it fails, and says what to do, here and on the first page."""
    app = house.application()
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=house.running.ready.caFile)) as http:
        control = f"{house.running.ready.control}/owners"
        (await http.post(control, json={"application": app.object_id, "remove": True})).raise_for_status()
    await page.click("#do-rotate")
    await page.wait_for_selector(".verdict .state.failed", timeout=SOON)
    hint = f"an owner of '{app.display_name}'"
    assert hint in await page.inner_text(".verdict")
    await page.goto(house.address)
    assert "1 rotation needs you." in await page.inner_text(".health")
    assert hint in await page.inner_text("article .trouble")
