"""Do operations that wait together share one commit, and is each told only of its own failure?"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from rotator.errors import LeaseLost, StoreUnavailable, StoreUnusable
from rotator.store.runner import InlineRunner, ThreadRunner
from rotator.store.session import Times, Transaction
from rotator.store.sqlite import SqliteSession
from tests.fakes import ManualClock

TIMES = Times(ManualClock().now, timedelta)


def session(path: Path, *, reader: bool = False) -> SqliteSession:
    return SqliteSession(path, TIMES, reader=reader, patience=timedelta(0))


class Numbers:
    """A table of numbers behind a thread runner whose writer can be held back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = session(path)
        self.writer.connection.execute("CREATE TABLE numbers (n INTEGER)")
        self.said: list[str] = []
        self.writer.connection.set_trace_callback(self.said.append)
        self.runner = ThreadRunner(self.writer, lambda: session(path, reader=True))

    @property
    def commits(self) -> int:
        return self.said.count("COMMIT")

    async def together(self, *operations: Callable[[Transaction], object]) -> list[object]:
        """Carried out in one group: all of them wait behind one that is held back."""
        entered, gate = threading.Event(), threading.Event()

        def hold(_: Transaction) -> None:
            entered.set()
            gate.wait()

        first = asyncio.create_task(self.runner.write(hold))
        await asyncio.to_thread(entered.wait)
        rest = [asyncio.create_task(self.runner.write(operation)) for operation in operations]
        await asyncio.sleep(0)
        gate.set()
        results = await asyncio.gather(first, *rest, return_exceptions=True)
        return list(results[1:])

    async def all(self) -> list[int]:
        return await self.runner.read(read)


@pytest.fixture
async def numbers(tmp_path: Path) -> AsyncIterator[Numbers]:
    made = Numbers(tmp_path / "numbers.db")
    yield made
    made.runner.close()


def add(n: int) -> Callable[[Transaction], int]:
    def operation(tx: Transaction) -> int:
        tx.cursor.execute("INSERT INTO numbers VALUES (?)", (n,))
        return n

    return operation


def read(tx: Transaction) -> list[int]:
    tx.cursor.execute("SELECT n FROM numbers ORDER BY n")
    return [row[0] for row in tx.cursor.fetchall()]


def stale(tx: Transaction) -> NoReturn:
    add(99)(tx)
    raise LeaseLost("stale")


def undone_by_the_database(tx: Transaction) -> NoReturn:
    tx.cursor.execute("ROLLBACK")
    raise sqlite3.OperationalError("database or disk is full")


async def test_operations_that_wait_together_share_one_commit(numbers: Numbers) -> None:
    assert await numbers.together(*map(add, range(5))) == [0, 1, 2, 3, 4]
    assert numbers.commits == 2
    assert await numbers.all() == [0, 1, 2, 3, 4]


async def test_one_that_fails_in_a_group_does_not_undo_the_others(numbers: Numbers) -> None:
    results = await numbers.together(add(1), stale, add(2))
    assert [type(result) for result in results] == [int, LeaseLost, int]
    assert await numbers.all() == [1, 2]
    assert numbers.commits == 2


async def test_none_of_a_group_is_told_it_is_done_when_the_database_undid_everything(numbers: Numbers) -> None:
    results = await numbers.together(add(1), stale, undone_by_the_database, add(2))
    assert [type(result) for result in results] == [StoreUnavailable, LeaseLost, StoreUnavailable, StoreUnavailable]
    assert await numbers.all() == []
    assert await numbers.runner.write(add(3)) == 3
    assert await numbers.all() == [3]


async def test_a_database_locked_by_another_process_is_said_to_be_locked(numbers: Numbers) -> None:
    other = sqlite3.connect(numbers.path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another process"):
        await numbers.runner.write(add(1))
    other.rollback()
    other.close()
    assert await numbers.runner.write(add(2)) == 2
    assert await numbers.all() == [2]


async def test_a_bug_in_an_operation_is_told_as_it_is(numbers: Numbers) -> None:
    with pytest.raises(ZeroDivisionError):
        await numbers.runner.write(lambda _: 1 // 0)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await numbers.runner.write(lambda tx: tx.cursor.execute("SELECT * FROM missing"))
    results = await numbers.together(add(1), lambda _: 1 // 0)
    assert [type(result) for result in results] == [int, ZeroDivisionError]


async def test_a_cancelled_caller_does_not_undo_its_write(numbers: Numbers) -> None:
    gate = threading.Event()
    first = asyncio.create_task(numbers.runner.write(lambda _: gate.wait()))
    second = asyncio.create_task(numbers.runner.write(add(1)))
    await asyncio.sleep(0)
    second.cancel()
    gate.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert second.cancelled()
    await numbers.runner.write(add(2))
    assert await numbers.all() == [1, 2]


async def test_a_reader_writes_nothing(numbers: Numbers) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await numbers.runner.read(add(1))


async def test_reads_do_not_wait_for_a_write_that_hangs(numbers: Numbers) -> None:
    gate = threading.Event()
    hanging = asyncio.create_task(numbers.runner.write(lambda tx: (add(1)(tx), gate.wait())))
    await asyncio.sleep(0)
    assert await numbers.all() == []
    gate.set()
    await hanging
    assert await numbers.all() == [1]


async def test_closing_ends_what_was_handed_in_and_refuses_more(numbers: Numbers) -> None:
    writes = [asyncio.create_task(numbers.runner.write(add(n))) for n in range(3)]
    await asyncio.sleep(0)
    numbers.runner.close()
    numbers.runner.close()
    assert await asyncio.gather(*writes) == [0, 1, 2]
    with pytest.raises(StoreUnavailable, match="closed"):
        await numbers.runner.write(add(9))
    with pytest.raises(StoreUnavailable, match="closed"):
        await numbers.runner.read(read)


async def test_a_database_that_cannot_be_read_any_more_says_so(tmp_path: Path) -> None:
    path = tmp_path / "numbers.db"
    runner = ThreadRunner(session(path), lambda: session(tmp_path / "missing" / "x.db", reader=True))
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await runner.read(read)
    runner.close()


async def test_an_inline_operation_is_undone_when_it_fails(tmp_path: Path) -> None:
    inline = InlineRunner(session(tmp_path / "numbers.db"))
    await inline.write(lambda tx: tx.cursor.execute("CREATE TABLE numbers (n INTEGER)"))
    await inline.write(add(1))
    with pytest.raises(LeaseLost):
        await inline.write(stale)
    assert await inline.read(read) == [1]
    inline.close()
    inline.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await inline.read(read)


def full(connection: sqlite3.Connection) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()


def fill(tx: Transaction) -> None:
    tx.cursor.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(10_000)])


async def test_a_full_disk_is_said_to_be_full_and_nothing_is_half_done(numbers: Numbers) -> None:
    await numbers.runner.write(add(1))
    full(numbers.writer.connection)
    with pytest.raises(StoreUnavailable, match="disk is full") as error:
        await numbers.runner.write(fill)
    assert error.value.hint == "Make room on its file system."
    assert error.value.retryable
    assert await numbers.all() == [1]


def test_a_damaged_file_is_not_worth_retrying(tmp_path: Path) -> None:
    path = tmp_path / "numbers.db"
    path.write_bytes(b"x" * 8192)
    with pytest.raises(StoreUnusable):
        session(path)
