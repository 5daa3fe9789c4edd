"""Which stores must keep the contract? Every kind of database is one more entry here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rotator.domain.edits import Add
from rotator.domain.model import Facts, Lease, Rotation
from rotator.ports import Claim
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.builders import a_rotation
from tests.fakes import ManualClock, SeededChance
from tests.postgres import SEALING

TTL = timedelta(seconds=90)
NEVER = datetime.max.replace(tzinfo=UTC)


class Books:
    """One database under a manual clock, and a second node beside the first where the kind of database allows it."""

    def __init__(self, opened: Callable[[ManualClock, Callable[[], timedelta]], SqlStore]) -> None:
        self.clock = ManualClock()
        self.offset = timedelta(0)
        self.store = opened(self.clock, lambda: self.offset)

    async def defined(self, *rotations: Rotation) -> None:
        await self.store.define([Add(rotation) for rotation in rotations or (a_rotation(),)])

    async def claimed(self, holder: str = "node-1", **how: object) -> Claim:
        """The one rotation that is due."""
        (claim,) = await self.store.claim(holder, limit=8, ttl=TTL, **how)  # type: ignore[arg-type]
        return claim

    async def leased(self) -> Lease:
        """The plain rotation, defined and claimed."""
        await self.defined()
        return (await self.claimed()).lease

    async def facts(self, rotation_id: str = "rotation-1") -> Facts:
        return (await self.store.look(rotation_id))[0]


def in_memory(_folder: Path) -> Books:
    return Books(lambda clock, offset: _open("sqlite://", clock, offset, inline=True))


def in_file(folder: Path) -> Books:
    return Books(lambda clock, offset: _open(f"sqlite:///{folder}/state.db", clock, offset, inline=False))


def _open(url: str, clock: ManualClock, offset: Callable[[], timedelta], *, inline: bool) -> SqlStore:
    return open_store(url, chance=SeededChance(), database_time=clock.now, offset=offset, inline=inline)


def on_server(url: str) -> Books:
    """In a database that was made ready before, with the clock of the test for the server's."""
    return Books(lambda clock, offset: _on_server(url, clock, offset))


def _on_server(url: str, clock: ManualClock, offset: Callable[[], timedelta]) -> SqlStore:
    return open_store(url, chance=SeededChance(), database_time=clock.now, offset=offset, keys=[SEALING])


STORES: dict[str, Callable[[Path], Books]] = {"sqlite-memory": in_memory, "sqlite-file": in_file}
