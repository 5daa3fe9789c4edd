"""What can somebody find who has the files, or who changes them behind our back?"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.changes import EraseText, SealText
from rotator.domain.edits import Add
from rotator.domain.model import Lease, Secret
from rotator.errors import StoreUnusable
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.builders import KEY, a_credential, a_rotation, an_entry
from tests.fakes import ManualClock, SeededChance

TTL = timedelta(seconds=90)
CANARY = "8Q~canary-text-that-is-nowhere"


class Files:
    """A store in a directory with one sealed text."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.db"
        clock = ManualClock()
        self.store: SqlStore = open_store(
            f"sqlite:///{self.path}", chance=SeededChance(), database_time=clock.now, inline=True
        )
        self.lease: Lease

    async def seal(self) -> None:
        await self.store.define([Add(a_rotation())])
        (claim,) = await self.store.claim("node-1", limit=1, ttl=TTL)
        self.lease = claim.lease
        sealing = SealText(KEY, Secret(CANARY))
        await self.store.write(self.lease, [a_credential(), sealing, an_entry()], ttl=TTL)

    def content(self) -> bytes:
        return b"".join(file.read_bytes() for file in self.path.parent.iterdir() if ".key" not in file.name)

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.path)
        try:
            found = connection.execute(statement).fetchall()
            connection.commit()
            return found
        finally:
            connection.close()


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    made = Files(tmp_path)
    await made.seal()
    yield made
    made.store.close()


async def test_L11_no_text_stands_in_the_clear_in_any_file(files: Files) -> None:
    assert CANARY.encode() not in files.content()
    await files.store.tidy()
    assert CANARY.encode() not in files.content()
    assert KEY.encode() in files.content()
    assert await files.store.text(KEY) == Secret(CANARY)


async def test_L11_nothing_of_an_erased_text_stays_in_any_file(files: Files) -> None:
    ((body,),) = files.run("SELECT body FROM sealed WHERE of_table = 'credentials'")
    assert body in files.content()
    await files.store.write(files.lease, [EraseText(KEY)], ttl=TTL)
    await files.store.tidy()
    assert body[40:] not in files.content()
    assert body[:40] not in files.content()


async def test_L11_a_text_copied_to_another_row_does_not_open(files: Files) -> None:
    files.run(
        "INSERT INTO sealed SELECT of_table, 'other', of_column, key, body FROM sealed WHERE of_row = '" + KEY + "'"
    )
    with pytest.raises(StoreUnusable, match="credentials/other/text does not open"):
        await files.store.text("other")


@pytest.mark.parametrize("statement", ["UPDATE journal SET step = 'x'", "DELETE FROM journal"])
async def test_L2_the_journal_refuses_to_be_changed(files: Files, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        files.run(statement)
    assert len(await files.store.journal("rotation-1")) == 1


async def test_L8_a_lease_row_outlives_its_rotation(files: Files) -> None:
    files.run("DELETE FROM rotations")
    assert files.run("SELECT count(*) FROM leases") == [(1,)]


async def test_the_database_is_durable_at_every_commit(files: Files) -> None:
    connection = files.store._runner._session.connection  # type: ignore[attr-defined]
    pragmas = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == ["wal", 2, 1, 1]


async def test_a_reader_holds_back_the_tidying_but_nobody_waits_for_it(files: Files) -> None:
    reader = sqlite3.connect(files.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM journal").fetchall()
    await files.store.write(files.lease, [an_entry()], ttl=TTL)
    session = files.store._runner._session  # type: ignore[attr-defined]
    assert not session.tidy()
    await files.store.write(files.lease, [an_entry()], ttl=TTL)
    reader.close()
    assert session.tidy()
    assert files.path.with_name("state.db-wal").stat().st_size == 0
