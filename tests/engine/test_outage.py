"""What becomes of a secret that is issued while the books cannot be written? Nothing is lost, nothing is orphaned."""

from __future__ import annotations

import asyncio
import logging
import resource
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.engine.spooling import clean_up, take_up
from rotator.errors import DirectoryUnavailable, StoreUnavailable
from rotator.ports import Marker
from rotator.store.seal import Seal
from rotator.store.spool import SpoolFolders
from tests.builders import OBJECT
from tests.engine.harness import HOUR, INSTALLATION, Engine, Harness, Watched, billing


class Outage:
    """The books as one node reaches them: not at all from Graph's answer to an issue until `over`."""

    def __init__(self, harness: Harness, *, recorded: bool = False, hangs: bool = False) -> None:
        self._port = Watched(harness)
        self._harness = harness
        #: The commit is carried out, and only its answer is lost.
        self._recorded = recorded
        #: Nothing is refused, nor answered.
        self._hangs = hangs
        self.over = False

    @property
    def _lasts(self) -> bool:
        return not self.over and self._harness.entra.living(OBJECT) != []

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self._port, name)
        if name == "installation":
            return wanted

        async def call(*args: Any, **named: Any) -> Any:
            lasts = self._lasts
            if lasts and self._recorded and name == "write":
                self._recorded = False
                await wanted(*args, **named)
            while self._hangs and self._lasts:
                await self._harness.clock.sleep(5)
            if self._lasts:
                raise StoreUnavailable("the database does not answer")
            return await wanted(*args, **named)

        return call


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = Harness(tmp_path)
    await made.define(billing())
    yield made
    made.store.close()


def spooled(harness: Harness) -> list[Path]:
    return sorted(harness.folder.glob("spool/*.spooled"))


async def issued_without_books(harness: Harness, **how: Any) -> tuple[Engine, Outage]:
    """A node that waits with a secret in its hands."""
    outage = Outage(harness, **how)
    engine = harness.start("node-1", store=outage)
    await engine.dispatcher.fill()
    for _ in range(100):
        await asyncio.sleep(0)
    harness.clock.advance(10)
    for _ in range(20):
        await asyncio.sleep(0)
    assert engine.dispatcher.busy == 1
    assert len(harness.ours()) == 1
    return engine, outage


async def killed(engine: Engine) -> None:
    engine.dispatcher.abort()
    await engine.dispatcher.settle()


async def is_well(harness: Harness, *, attempts: int = 1) -> None:
    """One credential, current and delivered, by so many issues; nothing waits."""
    await harness.run_for(HOUR)
    facts = await harness.facts()
    assert facts.current is not None
    assert harness.ours() == [facts.current.key_id]
    assert (await harness.steps()).count("issue intent") == attempts
    assert spooled(harness) == []


async def test_it_is_recorded_when_the_books_return_and_the_attempt_goes_on(harness: Harness) -> None:
    engine, outage = await issued_without_books(harness)
    (file,) = spooled(harness)
    (text,) = [password.text for password in harness.entra.living(OBJECT)]
    assert text.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    outage.over = True
    await harness.settle(engine)
    await is_well(harness)


async def test_books_that_neither_take_nor_refuse_it_are_not_waited_for_without_a_file(harness: Harness) -> None:
    engine, outage = await issued_without_books(harness, hangs=True)
    assert len(spooled(harness)) == 1
    outage.over = True
    await harness.settle(engine)
    await is_well(harness)


async def test_a_node_that_is_killed_with_the_file_written_records_it_in_its_next_life(harness: Harness) -> None:
    engine, _ = await issued_without_books(harness)
    await killed(engine)
    assert (await harness.facts()).pending is None
    await take_up(harness.start("node-1").world)
    assert (await harness.facts()).pending is not None
    await is_well(harness)


async def test_a_node_that_is_killed_before_the_file_leaves_a_key_that_is_found_by_its_name(harness: Harness) -> None:
    engine, _ = await issued_without_books(harness)
    await killed(engine)
    (file,) = spooled(harness)
    file.unlink()
    await take_up(harness.start("node-2").world)
    await is_well(harness, attempts=2)


async def test_one_that_another_node_has_overtaken_is_revoked_by_its_key_id(harness: Harness) -> None:
    engine, outage = await issued_without_books(harness)
    (key,) = harness.ours()
    harness.clock.advance(timedelta(minutes=3))
    # The other one does not see the key yet.
    harness.entra.listing_delay = timedelta(hours=2)
    other = harness.start("node-2")
    (claim,) = await harness.store.claim("node-2", limit=1, ttl=timedelta(seconds=90))
    outage.over = True
    await harness.settle(engine)
    assert harness.ours() == []
    assert spooled(harness) == []
    harness.entra.listing_delay = timedelta(0)
    harness.clock.advance(claim.lease.until - harness.clock.now() + timedelta(seconds=1))
    harness.engine = other
    await is_well(harness, attempts=2)
    assert key not in harness.ours()


async def test_one_of_an_earlier_life_that_is_overtaken_loses_its_text_and_is_revoked(harness: Harness) -> None:
    engine, _ = await issued_without_books(harness)
    await killed(engine)
    harness.clock.advance(timedelta(minutes=3))
    await harness.store.claim("node-2", limit=1, ttl=timedelta(seconds=90))
    world = harness.start("node-1").world
    harness.entra.fail("remove_password", DirectoryUnavailable("removePassword", "no answer"))
    await clean_up(world)
    (left,) = await world.spool.left()
    assert (left.text, left.stale) == (None, True)
    assert len(harness.ours()) == 1
    await clean_up(world)
    assert harness.ours() == []
    assert spooled(harness) == []


async def test_a_commit_whose_answer_was_lost_does_not_cost_the_secret(harness: Harness) -> None:
    """Another node has brought it to every destination meanwhile."""
    engine, outage = await issued_without_books(harness, recorded=True)
    harness.clock.advance(timedelta(minutes=3))
    await harness.turn(harness.start("node-2"))
    current = (await harness.current()).key_id
    outage.over = True
    await harness.settle(engine)
    assert harness.ours() == [current]
    await is_well(harness)


async def test_nor_when_the_other_node_has_only_begun_with_it(harness: Harness) -> None:
    engine, outage = await issued_without_books(harness, recorded=True)
    harness.clock.advance(timedelta(minutes=3))
    await harness.store.claim("node-2", limit=1, ttl=timedelta(seconds=90))
    outage.over = True
    await harness.settle(engine)
    harness.clock.advance(timedelta(minutes=3))
    await is_well(harness)


async def test_L16_one_that_a_destination_bears_stays_whatever_the_books_say(harness: Harness) -> None:
    """They were restored from a copy made between the question and its answer."""
    engine, _ = await issued_without_books(harness)
    await killed(engine)
    (password,) = harness.entra.living(OBJECT)
    await harness.store.claim("node-2", limit=1, ttl=timedelta(seconds=90))
    harness.places["vault"].overwritten(password.text, Marker(INSTALLATION, "rotation-1", password.key_id, 1))
    harness.clock.advance(timedelta(minutes=3))
    await harness.store.claim("node-2", limit=1, ttl=timedelta(seconds=90))
    await clean_up(harness.start("node-1").world)
    assert harness.ours() == [password.key_id]
    assert spooled(harness) == []


async def test_nor_does_it_after_the_node_has_died(harness: Harness) -> None:
    engine, _ = await issued_without_books(harness, recorded=True)
    await killed(engine)
    harness.clock.advance(timedelta(minutes=3))
    await harness.turn(harness.start("node-2"))
    await clean_up(harness.start("node-1").world)
    await is_well(harness)


async def test_a_node_that_is_to_stop_does_not_wait_for_the_books(harness: Harness) -> None:
    engine, _ = await issued_without_books(harness)
    stopping = asyncio.create_task(engine.dispatcher.drain())
    await harness.settle(engine)
    await stopping
    assert len(spooled(harness)) == 1
    await take_up(harness.start("node-1").world)
    await is_well(harness)


async def test_without_a_folder_it_waits_in_memory(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    (harness.folder / "spool").write_text("no folder")
    engine, outage = await issued_without_books(harness)
    outage.over = True
    await harness.settle(engine)
    (harness.folder / "spool").unlink()
    await is_well(harness)


async def test_a_disk_that_takes_no_more_is_such_an_outage(harness: Harness) -> None:
    log = harness.folder / "state.db-wal"
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_up() -> None:
        """The log of the database may not grow; a small file of its own still has room."""
        harness.entra.after_effect = lambda: None
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, usual[1]))

    harness.entra.after_effect = fill_up
    engine = harness.start("node-1")
    try:
        await engine.dispatcher.fill()
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(spooled(harness)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    await harness.settle(engine)
    await is_well(harness)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-20]), "is cut short or damaged"),
        (lambda file: file.write_bytes(b""), "is cut short or damaged"),
        (lambda file: file.write_bytes(b"[1, 2]"), "is cut short or damaged"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"abcd2345", b"zzzz2345")), "is of installation zzzz"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b'"keyId": "', b'"keyId": "0')), "does not open"),
        (lambda file: file.rename(file.with_name("moved")) and file.mkdir(), "cannot be read"),
    ],
)
async def test_a_file_that_cannot_be_used_is_told_in_one_line_and_kept(
    harness: Harness, caplog: pytest.LogCaptureFixture, spoil: Any, said: str
) -> None:
    engine, _ = await issued_without_books(harness)
    await killed(engine)
    (file,) = spooled(harness)
    spoil(file)
    world = harness.start("node-1").world
    with caplog.at_level(logging.WARNING):
        await take_up(world)
        await clean_up(world)
    lines = [record.getMessage() for record in caplog.records if "could not be recorded" in record.getMessage()]
    assert len(lines) == 1
    assert said in lines[0]
    assert [path for path in file.parent.iterdir() if path.is_file()] != []
    await harness.run_for(HOUR)
    assert len(harness.ours()) == 1


async def test_a_file_that_the_books_cannot_take_keeps_no_daemon_from_starting(harness: Harness) -> None:
    engine, _ = await issued_without_books(harness)
    await killed(engine)

    class Rejecting:
        def __getattr__(self, name: str) -> Any:
            if name == "write":
                raise sqlite3.IntegrityError("a constraint of a later schema")
            return getattr(harness.store, name)

    await take_up(harness.start("node-1", store=Rejecting()).world)
    assert len(spooled(harness)) == 1


async def test_a_file_under_another_key_waits_for_that_key(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    engine, _ = await issued_without_books(harness)
    await killed(engine)
    (file,) = spooled(harness)
    stranger = SpoolFolders([file.parent], Seal([bytes(32)]), installation=INSTALLATION, inline=True)
    with caplog.at_level(logging.WARNING):
        assert await stranger.left() == []
    assert "No configured key opens" in caplog.text
    await take_up(harness.start("node-1").world)
    await is_well(harness)
