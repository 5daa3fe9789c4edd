"""What do the pictures of README and docs show? What a page holds, in words, and taken when that is asked for.

`make pictures` takes them anew, with their descriptions. Without it a page is compared with what was described: its
landmarks, headings, columns, fields and buttons; never its pixels.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DESCRIBED = Path(__file__).parent / "described"
#: Read before a test bares the environment.
IS_TAKING = bool(os.environ.get("ROTATOR_PICTURES"))
LARGEST = 200_000
_HEAD = b"\x89PNG\r\n\x1a\n"


async def shown(page: Any, name: str, *, part: str = "", height: int = 0) -> None:
    """The page is what its picture shows: compared with the description, or described and photographed anew.

    `part` is the selector of what is photographed alone; `height` how much of the page is, in pixels (0: what is seen).
    """
    said = await page.evaluate(_DESCRIBE, part or "body")
    if not IS_TAKING:
        assert said == (DESCRIBED / f"{name}.txt").read_text("utf-8"), "`make pictures` takes it anew"
        return
    DESCRIBED.mkdir(exist_ok=True)
    (DESCRIBED / f"{name}.txt").write_text(said, "utf-8")
    path = str(IMAGES / f"{name}.png")
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    if part:
        await page.locator(part).screenshot(path=path)
        return
    if height:
        await page.set_viewport_size({**page.viewport_size, "height": height})
    await page.screenshot(path=path)


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG, in pixels."""
    head = picture.read_bytes()[:24]
    assert head.startswith(_HEAD), f"{picture.name} is no PNG"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


#: One line for each thing that structures the page; of things that repeat (lanes, attempts, rows) one.
_DESCRIBE = """
(part) => {
  const words = (node) => node.textContent.replace(/\\s+/g, " ").trim();
  const first = (node) =>
    words([...node.childNodes].find((each) => each.nodeType === 3 && each.textContent.trim()) || node);
  const kinds = {
    HEADER: () => "banner", MAIN: () => "main", NAV: (each) => "navigation " + (each.getAttribute("aria-label") || ""),
    H1: (each) => "heading 1: " + words(each), H2: (each) => "heading 2: " + words(each),
    TH: (each) => "column: " + words(each), DT: (each) => "fact: " + words(each),
    LABEL: (each) => "field: " + first(each),
    BUTTON: (each) => "button: " + (each.getAttribute("aria-label") || words(each)),
    LI: (each) => "listed: " + words(each), ARTICLE: () => "lane", DETAILS: () => "attempt",
  };
  const wanted = "header, nav, main, h1, main h2:not(article h2), th[scope=col], dt, label:not(.picks label), " +
    "main button, .trail li, .legend li, article, details";
  const seen = [...document.querySelectorAll(part + " :is(" + wanted + ")")].map((each) => kinds[each.tagName](each));
  return seen.filter((each, n) => each !== seen[n - 1]).join("\\n") + "\\n";
}
"""
