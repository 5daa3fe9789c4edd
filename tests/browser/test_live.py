"""Does an open page show what happens as it happens, whoever does it, and though the server goes away meanwhile?"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rotator.app import open_books
from rotator.domain.access import Method
from rotator.simulator.server import serve
from rotator.simulator.simulation import SimulatorOptions
from tests.browser.conftest import SOON, WITH_A_BROWSER, sitting
from tests.web.dashboard.entrance import free_port
from tests.web.dashboard.person import NOTE, books_of
from tests.web.house import ROTATIONS, House, open_house

pytestmark = WITH_A_BROWSER

_LATER = 40_000
#: What the browser and htmx say of a stream that ends.
_OF_A_LOST_STREAM = ("ERR_", "Event")


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
        async with page.expect_response(lambda answer: answer.url.endswith("/part"), timeout=SOON):
            await page.goto(f"{house.address}/rotations/{made['id']}")
        # The stream is open now: what came before it was on the page.
        await page.evaluate("window.untouched = true")
        await house.ask("POST", f"{ROTATIONS}/{made['id']}/rotate-secrets")
        await page.wait_for_selector("td .state.retiring", timeout=SOON)
        assert await page.evaluate("window.untouched") is True


async def test_a_page_is_right_again_after_the_server_restarted_during_an_attempt(
    chromium: Any, tmp_path: Path
) -> None:
    there = {"api": {"listen": f"127.0.0.1:{free_port()}"}}
    slow = {"successes": 3, "interval": "2s"}
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(serve(SimulatorOptions(seed=7)))
        first = AsyncExitStack()
        house = await first.enter_async_context(open_house(tmp_path, running, document=there))
        made = await house.rotation(verify={"successes": 1, "interval": "0s"})
        await house.ask("PATCH", f"{ROTATIONS}/{made['id']}", json={"verify": slow})
        page = await stack.enter_async_context(sitting(chromium, house, forgiven=_OF_A_LOST_STREAM))
        await page.goto(f"{house.address}/rotations/{made['id']}")
        await page.click("#do-rotate")
        await page.wait_for_selector("td .state.pending", timeout=SOON)
        await page.evaluate("window.untouched = true")

        await first.aclose()
        assert await _is_half_done(house)
        house = await stack.enter_async_context(open_house(tmp_path, running, document=there))

        await page.wait_for_selector(".verdict .state.active", timeout=_LATER)
        assert await page.locator("td .state.retiring").count() == 1
        assert await page.locator("td .state.pending").count() == 0
        assert await page.evaluate("window.untouched") is True
        assert len(house.living()) == 2


async def test_a_page_whose_rotation_is_deleted_says_so(chromium: Any, house: House) -> None:
    made = await house.rotation()
    async with sitting(chromium, house, forgiven=("404", *_OF_A_LOST_STREAM)) as page:
        await page.goto(f"{house.address}/rotations/{made['id']}")
        await house.ask("DELETE", f"{ROTATIONS}/{made['id']}")
        await page.wait_for_selector("text=There is no such rotation", timeout=_LATER)


async def test_a_page_whose_session_ends_asks_to_sign_in(chromium: Any, house: House) -> None:
    made = await house.rotation()
    async with sitting(chromium, house, name="ada", forgiven=("401", *_OF_A_LOST_STREAM)) as page:
        await page.goto(f"{house.address}/rotations/{made['id']}")
        ada = await books_of(house).identity("ada")
        assert ada is not None
        await books_of(house).revoke_tokens(ada.id, Method.SESSION, NOTE)
        await page.wait_for_url("**/sign-in", timeout=_LATER)


async def _is_half_done(house: House) -> bool:
    """By the books, after the daemon has ended: an attempt is open, with a secret in the middle of its proof."""
    store = open_books(house.engine.configuration.state)
    try:
        (facts,) = await store.facts()
        return facts.attempt is not None and facts.pending is not None
    finally:
        store.close()
