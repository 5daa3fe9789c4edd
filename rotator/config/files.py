"""Which files make up the configuration, and what do they hold? The main one and those it includes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from rotator import __version__
from rotator.config.problems import Problems, Spot
from rotator.config.reading import Place, Table, Unreadable, read
from rotator.options import shown

#: Grows when the same text begins to mean something else, so that unchanged files are read again.
_MEANING = 1
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file as bytes, before it is understood."""

    file: str
    raw: bytes

    @property
    def path(self) -> str:
        """The whole path, links not followed."""
        return os.path.abspath(self.file)  # noqa: PTH100 - Path keeps the '..'

    @property
    def digest(self) -> str:
        """What it says to this version of the program."""
        return hashlib.sha256(f"{__version__} {_MEANING}\n".encode() + self.raw).hexdigest()

    def read(self, problems: Problems, *, leave_out: str = "") -> Table | None:
        """The document, or None when it is not one."""
        twice: list[tuple[Place, str]] = []
        try:
            table = read(self._text(), self.file, twice=twice, leave_out=leave_out)
        except Unreadable as exc:
            problems.take(exc)
            return None
        for place, what in twice:
            problems.at(place, what)
        return table

    def _text(self) -> str:
        try:
            return self.raw.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            before = self.raw[: exc.start]
            place = Place(self.file, before.count(b"\n") + 1, exc.start - before.rfind(b"\n"))
            raise Unreadable(place, "not text (UTF-8)") from None


def open_source(path: Path, problems: Problems, *, named_at: Spot | None = None) -> Source | None:
    """The file's bytes, or None when it cannot be read; said where it is named, else at its own beginning."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as exc:
        what = f"cannot be read: {exc.strerror} (a YAML file)"
    else:
        if len(raw) <= _LARGEST:
            return Source(str(path), raw)
        what = "is too large (at most 64 MiB; include: reads several files)"
    if named_at is None:
        problems.at(Place(str(path), 1, 1), what)
    else:
        problems.add(named_at, f"{path} {what}")
    return None


def included(main: Spot, path: Path, problems: Problems) -> list[Source]:
    """The files that `include` names, each once, sorted by name; patterns start at the main file's folder."""
    patterns = main.document.get("include")
    if patterns is None:
        return []
    at = main / "include"
    if not isinstance(patterns, list):
        problems.add(at, f"{shown(patterns)} is not allowed (a list of paths such as conf.d/*.yaml)")
        return []
    named = (
        (each, at / n)
        for n, pattern in enumerate(patterns)
        for each in _matches(pattern, at / n, path.parent, problems)
    )
    seen = {path.resolve()}
    found: list[Source | None] = []
    for each, spot in named:
        if each.resolve() not in seen:
            seen.add(each.resolve())
            found.append(open_source(each, problems, named_at=spot))
    return [each for each in found if each is not None]


def _matches(pattern: object, at: Spot, folder: Path, problems: Problems) -> Iterator[Path]:
    if not isinstance(pattern, str) or not pattern or not pattern.isprintable():
        problems.add(at, f"{shown(pattern)} is not allowed (a path such as conf.d/*.yaml)")
        return
    if not has_magic(pattern):
        yield folder / pattern
        return
    found = sorted(glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207 - Path.glob knows no absolute patterns
    yield from (folder / each for each in found if (folder / each).is_file())


def digests(sources: list[Source]) -> Mapping[str, str]:
    """File -> digest; the same names from whatever folder they are read."""
    return {source.path: source.digest for source in sources}
