"""What do the pages show? Their code, links, headings and tables, found without a Markdown library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
#: A command of ours where a line begins, or behind a prompt, `sudo` or `ExecStart=`; not in the middle of a word.
_SHOWN = re.compile(r"^(?:\$ +|sudo +|ExecStart=)?(?:\S*/)?rotator(?= )(.*)$")
#: Where a shell would stop reading the command.
_END = re.compile(r" [#|>&;]| {2,}[a-z]")


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `name` is its path from the root."""

    name: str
    path: Path
    text: str

    def fences(self) -> Iterator[tuple[str, str]]:
        """The language and the text of each fenced block."""
        return ((found[2], found[3]) for found in _FENCE.finditer(self.text))

    def prose(self) -> str:
        """Everything that is not fenced."""
        return _FENCE.sub("", self.text)

    def inline(self) -> list[str]:
        """The inline code, with line ends in it taken for blanks."""
        return [re.sub(r"\s+", " ", found) for found in _INLINE.findall(self.prose())]

    def links(self) -> list[str]:
        """Targets of links and pictures within the repository."""
        targets = _LINK.findall(self.prose())
        return [target for target in targets if "://" not in target and not target.startswith("mailto:")]

    def anchors(self) -> set[str]:
        """What `#` can point to, made of headings as GitHub makes it."""
        headings = _HEADING.findall(self.prose())
        return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}

    def section(self, heading: str) -> str:
        """The text under a heading, up to the next of any level."""
        return self.text.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]

    def commands(self) -> Iterator[str]:
        """Every `rotator ...` that is shown, as one would type it, without what comes after it in a shell."""
        lines = [line.strip() for _, text in self.fences() for line in text.splitlines()]
        for line in [*lines, *self.inline()]:
            found = _SHOWN.match(line)
            if found:
                yield _END.split(f"rotator{found[1]}")[0].strip()


def tables(section: str) -> list[list[list[str]]]:
    """The cells of each table of a section, row by row, without head and rule."""
    found = re.findall(r"(?:^\|.*\n?)+", section, re.MULTILINE)
    return [[_cells(line) for line in table.splitlines()[2:]] for table in found]


def rows(section: str) -> list[list[str]]:
    """The rows of all its tables."""
    return [row for table in tables(section) for row in table]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def page(path: Path) -> Page:
    """The page at that path."""
    return Page(path.relative_to(ROOT).as_posix(), path, path.read_text("utf-8"))


def pages() -> list[Page]:
    """All of them."""
    return [page(path) for path in PAGES]
