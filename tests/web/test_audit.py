"""Does the record tell what was done, before the answer does, and does it show when somebody has changed it?"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from rotator.domain.access import Note
from rotator.store.opening import open_store
from rotator.web.audit import GATHERING, Audit
from tests.fakes import ManualClock, SeededChance
from tests.web.door import NODE, Door


async def test_a_change_has_a_row_that_says_who_did_it_and_from_where(door: Door) -> None:
    answer = await door.ask("POST", "/api/v1/identities", json={"name": "payroll", "role": "reader"})
    row = (await door.audited())[0]
    assert {name: row[name] for name in ("node", "kind", "actor", "identity_id", "address", "request_id")} == {
        "node": NODE,
        "kind": "identity.create",
        "actor": "root",
        "identity_id": "id-root",
        "address": "127.0.0.1",
        "request_id": answer.headers["x-request-id"],
    }


async def test_what_was_refused_changed_nothing_and_has_no_row_of_a_change(door: Door) -> None:
    before = len(await door.audited())
    assert (await door.ask("POST", "/api/v1/identities", json={"name": "root", "role": "admin"})).status_code == 400
    assert len(await door.audited()) == before


async def test_rows_of_one_moment_are_one_commit_and_come_before_their_answers() -> None:
    class Books:
        def __init__(self) -> None:
            self.groups: list[int] = []

        async def record(self, notes: list[Note]) -> None:
            self.groups.append(len(notes))

    books, clock = Books(), ManualClock()
    audit = Audit(books, clock)  # type: ignore[arg-type]
    answers = [asyncio.create_task(audit.record(Note("secret.read", "x"))) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (books.groups, any(each.done() for each in answers)) == ([], False)
    clock.advance(GATHERING)
    await asyncio.gather(*answers)
    assert books.groups == [50]
    assert GATHERING <= 0.02


async def test_a_row_that_cannot_be_written_is_no_answer() -> None:
    class Full:
        async def record(self, notes: list[Note]) -> None:
            raise OSError("disk full")

    clock = ManualClock()
    audit = Audit(Full(), clock)  # type: ignore[arg-type]
    waiting = asyncio.create_task(audit.record(Note("secret.read", "x")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(GATHERING)
    with pytest.raises(OSError, match="disk full"):
        await waiting


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE n = 3", "row 3 has been changed"),
        ("UPDATE audit SET facts = '{\"x\":1}' WHERE n = 5", "row 5 has been changed"),
        ("DELETE FROM audit WHERE n = 2 AND node = 'node-1'", "row 2 is missing"),
        ("DELETE FROM audit WHERE n = 1 AND node = 'node-1'", "row 1 is missing"),
        ("UPDATE audit SET hash = (SELECT hash FROM audit WHERE n = 1) WHERE n = 4", "row 4 has been changed"),
    ],
)
async def test_a_row_that_was_changed_or_taken_out_shows(tmp_path: Path, tampering: str, found: str) -> None:
    path = tmp_path / "state.db"
    store = open_store(f"sqlite:///{path}", chance=SeededChance(), database_time=ManualClock().now)
    try:
        access = store.access(NODE)
        await access.record([Note("secret.read", f"reader-{n}") for n in range(3)])
        await access.record([Note("secret.read", f"reader-{n}", facts={"n": n}) for n in range(3)])
        await store.access("node-2").record([Note("secret.read", "another")])
        assert [(each.rows, each.broken) for each in await access.verify()] == [(6, ""), (1, "")]
        with sqlite3.connect(path) as tampered, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            tampered.execute(tampering)
        _tamper(path, tampering)
        broken = {each.node: each.broken for each in await access.verify()}
        assert broken["node-2"] == ""
        assert broken[NODE].startswith(found)
    finally:
        store.close()


def _tamper(path: Path, statement: str) -> None:
    """As somebody does who may write the file."""
    connection = sqlite3.connect(path)
    for verb in ("update", "delete"):
        connection.execute(f"DROP TRIGGER audit_refuses_{verb}")
    connection.execute(statement)
    connection.commit()
    connection.close()
