"""Is the demo's dashboard there for whoever opens its link, though days pass in seconds?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.conftest import PHONE, WITH_A_BROWSER, watched
from tests.browser.pictures import IS_TAKING, shown
from tests.cli.test_demo import Demo
from tests.web.asking import NOBODY

pytestmark = WITH_A_BROWSER

_PATIENCE = 40
#: Enough of them for a picture: two days of a week's page.
_LANES, _SPEED, _LIVED = 12, "4", 24.0
_OVERLAPPING = "article:has(.bar.current):has(.bar.retiring)"


@asynccontextmanager
async def playing(folder: Path) -> AsyncIterator[str]:
    """A demo under way; gives its link."""
    demo = Demo(folder, "--speed", _SPEED)
    try:
        yield await asyncio.wait_for(asyncio.to_thread(_link, demo), _PATIENCE)
    finally:
        demo.interrupt()
        status, rest = await asyncio.wait_for(asyncio.to_thread(demo.end), _PATIENCE)
    assert status == 0, rest


@pytest.mark.slow
async def test_a_session_outlives_the_demos_days_and_the_first_page_tells_all(chromium: Any, tmp_path: Path) -> None:
    async with playing(tmp_path) as link, watched(chromium, link) as page:
        base = link.partition("/sign-in")[0]
        async with httpx.AsyncClient(verify=NOBODY, trust_env=False) as http:
            assert "rotator_build_info" in (await http.get(f"{base}/metrics")).text
        if IS_TAKING:
            await asyncio.sleep(_LIVED)
        await _look_until(page, f"{base}/?zoom=week", f"article.troubled ~ {_OVERLAPPING}")
        assert await page.locator("article").count() == _LANES
        assert re.search("needs? you", await page.inner_text(".health"))
        assert await page.locator("article .trouble:has-text(\"an owner of 'Data Lake'\")").count() == 1
        await shown(page, "overview")
        await page.set_viewport_size(PHONE)
        await shown(page, "phone")
    assert _left_in(tmp_path) == []


def _link(demo: Demo) -> str:
    for line in demo.said:
        found = re.search(r"http://127\.0\.0\.1:\d+/sign-in\?link=\S+", line)
        if found:
            return found[0]
    raise AssertionError("the demo ended without a link")


async def _look_until(page: Any, address: str, wanted: str) -> None:
    """Load the page again and again, as a person does, until that is on it."""
    for _ in range(_PATIENCE):
        await page.goto(address)
        if await page.locator(wanted).count():
            return
        await asyncio.sleep(0.5)  # days pass; there is nothing else to wait for
    raise AssertionError(await page.inner_text("main"))


def _left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
