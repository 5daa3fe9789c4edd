"""Are the pictures that README and docs show there, of the size that was taken, small, and described?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.conftest import DESK, PHONE
from tests.browser.pictures import DESCRIBED, IMAGES, LARGEST, size_of

_ROOT = IMAGES.parents[1]
_SHOWN = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([a-z0-9-]+\.png)\)")
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))]
_TAKEN = sorted(path.name for path in IMAGES.glob("*.png"))


def test_every_picture_that_is_shown_was_taken_and_every_one_taken_is_shown_and_described() -> None:
    shown = {name for page in _PAGES for name in _SHOWN.findall(page.read_text("utf-8"))}
    assert sorted(shown) == _TAKEN
    assert sorted(path.stem + ".png" for path in DESCRIBED.iterdir()) == _TAKEN


@pytest.mark.parametrize("name", _TAKEN)
def test_a_picture_is_small_and_of_the_size_it_was_taken_in(name: str) -> None:
    picture: Path = IMAGES / name
    width, height = size_of(picture)
    assert picture.stat().st_size < LARGEST
    if name.startswith("step-"):
        assert 600 < width < 800
        assert 200 < height < 1000
    else:
        assert width == (PHONE if name == "phone.png" else DESK)["width"]
        assert height >= (PHONE if name == "phone.png" else DESK)["height"]


def test_readme_shows_the_first_page() -> None:
    assert _SHOWN.findall((_ROOT / "README.md").read_text("utf-8")) == ["overview.png"]
