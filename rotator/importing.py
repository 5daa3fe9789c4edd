"""How do very many definitions come into the books? All are looked at first; then they are brought in a few at a time.

Memory does not grow with them: what is to be done is written to a folder of scratch, and nothing of it is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

from rotator.config.from_api import places_of
from rotator.domain.definition import Defined, definition_hash, from_text, to_text
from rotator.domain.edits import Add, Change, Edit
from rotator.domain.model import Application, Folder, Rotation
from rotator.errors import ConfigError, DefinitionsMoved, StoreUnavailable

if TYPE_CHECKING:
    from rotator.config.lines import Line
    from rotator.store.store import SqlStore

#: So many lines are looked at together, and so many definitions brought in by one transaction: a daemon at work on the
#: same file waits for no longer than that takes.
_AT_ONCE = 250
#: More mistakes are not told.
_MOST_MISTAKES = 100
_ADD, _CHANGE, _MOVE = "add", "change", "move"

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE lines (name TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID;
CREATE TABLE writers (place TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID;
CREATE TABLE edits (line INTEGER PRIMARY KEY, kind TEXT, document TEXT);
"""
#: The first that comes is noted; who that was is told.
_LINES = ("INSERT OR IGNORE INTO lines VALUES (?, ?)", "SELECT line FROM lines WHERE name = ?")
_WRITERS = ("INSERT OR IGNORE INTO writers VALUES (?, ?)", "SELECT name FROM writers WHERE place = ?")


@dataclass(slots=True)
class Counts:
    """What the lines of a file come to."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


class Intake:
    """One import. What it defines belongs to the books, like what the API defines."""

    def __init__(self, store: SqlStore, scratch: sqlite3.Connection, *, source: str, reserved: Collection[str]) -> None:
        """`source` is what the lines come from, for people; `reserved` are names that configuration files define."""
        self.counts = Counts()
        self._store = store
        self._scratch = scratch
        self._source = source
        self._reserved = reserved
        self._mistakes: list[str] = []
        self._passed: set[Folder | None] = set()
        self._edition = 0

    async def look(self, lines: Iterator[Line]) -> AsyncIterator[int]:
        """Find out what is to be done, changing nothing; gives the line that it has come to, now and then.

        Raises ConfigError with a line `FILE:LINE: path: what is wrong` for each mistake.
        """
        self._edition = await self._store.edition()
        while batch := list(islice(lines, _AT_ONCE)):
            await self._look(batch)
            if len(self._mistakes) >= _MOST_MISTAKES:
                break
            yield batch[-1].number
        if self._mistakes:
            more = ["there may be more mistakes: these are the first"] if len(self._mistakes) >= _MOST_MISTAKES else []
            raise ConfigError([*self._mistakes[:_MOST_MISTAKES], *more])

    async def bring_in(self) -> AsyncIterator[int]:
        """Do it, a transaction for every few; gives how many have been brought in.

        What is in stays in, and is left alone when this is repeated. Raises StoreUnavailable when somebody else has
        changed definitions meanwhile.
        """
        done = 0
        rows = self._scratch.execute("SELECT kind, document FROM edits ORDER BY line")
        while batch := rows.fetchmany(_AT_ONCE):
            now = await self._store.now()
            edits: list[Edit] = []
            for kind, document in batch:
                rotation = from_text(document)
                edits.append(Add(rotation) if kind == _ADD else Change(rotation, now if kind == _MOVE else None))
            await self._define(edits, done)
            done += len(edits)
            yield done
        # The nodes on a server hear of it; beside a file there is a bell.
        await self._store.wake(())

    async def _define(self, edits: Sequence[Edit], done: int) -> None:
        try:
            await self._store.define(edits, edition=self._edition)
        except DefinitionsMoved:
            raise StoreUnavailable(
                f"Somebody else has changed definitions meanwhile; {done:,} have been brought in",
                hint="Run it again: what is in already stays as it is.",
            ) from None
        self._edition += 1

    async def _look(self, batch: Sequence[Line]) -> None:
        usable = [(line.number, line.rotation) for line in batch if line.rotation is not None]
        known: dict[str, list[Defined]] = {}
        for each in await self._store.definitions_named([rotation.name for _, rotation in usable]):
            known.setdefault(each.rotation.name, []).append(each)
        await self._pass_by([rotation for _, rotation in usable])
        left = await self._left_behind([rotation for _, rotation in usable])
        for line in batch:
            if line.rotation is None:
                self._refuse(line.number, *line.problems)
            else:
                self._judge(line.number, line.rotation, known.get(line.rotation.name, ()), left=left)

    async def _pass_by(self, rotations: Iterable[Rotation]) -> None:
        """Note which places those write that are in the books, where these could clash with them."""
        near: set[Folder | None] = {rotation.folder for rotation in rotations}
        if any(rule.kind != "embedded" for rotation in rotations for rule in rotation.destinations):
            near.add(None)
        for folder in near - self._passed:
            self._passed.add(folder)
            await self._store.pass_by(folder, lambda other: self._claim(other, places_of(other)))

    async def _left_behind(self, rotations: Iterable[Rotation]) -> dict[tuple[Folder, str], str]:
        """Names that show a secret in the embedded store -> the id of its rotation, which may be gone."""
        wanted: dict[Folder, set[str]] = {}
        for each in rotations:
            wanted.setdefault(each.folder, set()).update(_names(each))
        found: dict[tuple[Folder, str], str] = {}
        for folder, names in wanted.items():
            held = await self._store.mapped(folder, names)
            found |= {(folder, each.name): each.rotation_id for each in held.values() if each.rotation_id}
        return found

    def _judge(
        self, number: int, wanted: Rotation, known: Sequence[Defined], *, left: dict[tuple[Folder, str], str]
    ) -> None:
        # One that is in use before one that is retired, which comes back.
        old = min(known, key=lambda each: each.switches.retired_at is not None, default=None)
        problem = self._name_problem(number, wanted, old)
        if problem:
            self._refuse(number, problem)
            return
        rotation = replace(wanted, id=old.rotation.id if old else str(uuid4()))
        for place, other in self._claim(rotation, places_of(rotation)):
            self._refuse(number, f"{place} is written by {other!r} too (each place has one writer)")
        for name in sorted(_names(rotation)):
            if left.get((rotation.folder, name), rotation.id) != rotation.id and old is None:
                self._refuse(number, f"secretsMapping: {name} still shows the secret of a rotation that is gone")
        self._plan(number, rotation, old)

    def _name_problem(self, number: int, wanted: Rotation, old: Defined | None) -> str:
        first = self._first(_LINES, wanted.name, number)
        if first != number:
            return f"name: {wanted.name!r} is taken (another name; the first is on line {first})"
        lives = old is not None and old.switches.retired_at is None
        if wanted.name in self._reserved or (old is not None and lives and not old.rotation.api_made):
            return f"name: {wanted.name!r} is defined in a configuration file, where it stays (another name)"
        if old is not None and old.rotation.own_connection:
            return f"name: {wanted.name!r} rotates the secret of a connection (another name)"
        if old is not None and not _one_application(old.rotation.application, wanted.application):
            ids = old.rotation.application
            return f"parameters: {wanted.name!r} is for the application {ids.object_id or ids.client_id} (another name)"
        return ""

    def _plan(self, number: int, rotation: Rotation, old: Defined | None) -> None:
        if old is None:
            self.counts.added += 1
            kind = _ADD
        else:
            before = old.rotation
            # How it began is history.
            rotation = replace(rotation, initial=before.initial, adopt_key_id=before.adopt_key_id)
            back = old.switches.retired_at is not None
            if definition_hash(rotation) == old.hash and not back:
                self.counts.unchanged += 1
                return
            self.counts.changed += 1
            moves = back or rotation.schedule != before.schedule or (rotation.auto and not before.auto)
            kind = _MOVE if moves else _CHANGE
        self._scratch.execute("INSERT INTO edits VALUES (?, ?, ?)", (number, kind, to_text(rotation)))

    def _claim(self, rotation: Rotation, places: Iterable[str]) -> list[tuple[str, str]]:
        """Note that it writes these places; gives those that another one writes, with its name."""
        writers = [(place, self._first(_WRITERS, place, rotation.name)) for place in sorted(places)]
        return [(place, str(name)) for place, name in writers if name != rotation.name]

    def _first(self, said: tuple[str, str], key: str, value: str | int) -> str | int:
        """What stands for that key: the value, unless there is one already."""
        if self._scratch.execute(said[0], (key, value)).rowcount:
            return value
        found: str | int = self._scratch.execute(said[1], (key,)).fetchone()[0]
        return found

    def _refuse(self, number: int, *problems: str) -> None:
        self._mistakes += [f"{self._source}:{number}: {problem}" for problem in problems]


@contextmanager
def scratch() -> Iterator[sqlite3.Connection]:
    """A database of our own beside the books, taken away at the end; nothing secret comes into it."""
    with (
        TemporaryDirectory(prefix="rotator-import-") as folder,
        closing(sqlite3.connect(Path(folder) / "plan.db", isolation_level=None, check_same_thread=False)) as made,
    ):
        made.executescript(_TABLES)
        yield made


def _names(rotation: Rotation) -> set[str]:
    """Under which it delivers."""
    return {name for rule in rotation.destinations for name in (rule.names or rotation.mapping).values()}


def _one_application(one: Application, other: Application) -> bool:
    """The ids that both know are the same."""
    pairs = (
        (one.tenant_id, other.tenant_id),
        (one.object_id, other.object_id),
        (one.client_id, other.client_id),
    )
    return all(a.lower() == b.lower() for a, b in pairs if a and b)
