"""Does the cost of a look grow with what is looked at, and not with what exists?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from rotator.domain.changes import (
    ClearHints,
    ConnectionFailed,
    ConnectionWorked,
    EndRequest,
    EraseText,
    ForgetDelivery,
    SealText,
    SwitchMapped,
)
from rotator.domain.edits import Add, Change, Retire
from rotator.domain.model import Folder, Secret
from rotator.domain.overview import Look, Place
from rotator.ports import Listed, Marker
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.builders import (
    KEY,
    a_credential,
    a_delivery,
    a_request,
    an_application,
    an_attempt,
    an_entry,
    an_intent,
    rotations,
)
from tests.fakes import START, ManualClock, SeededChance

TTL = timedelta(seconds=90)
NAMES = {"clientSecret": "SECRET"}


@dataclass
class Watched:
    """A store all of whose statements are noted, as the database ran them."""

    clock: ManualClock = field(default_factory=ManualClock)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store: SqlStore = open_store("sqlite://", chance=SeededChance(), database_time=self.clock.now)
        self._steps = 0
        self.connection: sqlite3.Connection = self.store._runner._session.connection  # type: ignore[attr-defined]
        self.connection.set_trace_callback(self.said.append)

    def plans(self) -> list[str]:
        """Each line of the plan of each statement, with the statement."""
        self.connection.set_trace_callback(None)
        found = []
        for statement in dict.fromkeys(self.said):
            if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
                plan = self.connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                found += [f"{line[3]}: {statement}" for line in plan]
        return found

    def scans(self) -> list[str]:
        """Statements that read a whole table, with the line of the plan that says so."""
        return [line for line in self.plans() if "SCAN" in line.partition(": ")[0]]

    def steps(self) -> int:
        """How much work SQLite did since the last call, in hundreds of its virtual machine's instructions."""
        done, self._steps = self._steps, 0
        return done

    @contextmanager
    def counted(self) -> Iterator[None]:
        self._steps = 0

        def count() -> int:
            self._steps += 1
            return 0

        self.connection.set_progress_handler(count, 100)
        yield
        self.connection.set_progress_handler(None, 0)


async def a_whole_life(store: SqlStore) -> None:
    """Everything the engine and the commands ask of a store about one rotation."""
    (claim, *_) = await store.claim("node-1", limit=8, ttl=TTL)
    lease, rotation = claim.lease, claim.facts.rotation
    await store.ask(a_request(rotation_id=rotation.id))
    await store.hint(rotation.id, "embedded")
    attempt = an_attempt(rotation_id=rotation.id)
    intent, entry = an_intent(rotation_id=rotation.id), an_entry(rotation_id=rotation.id)
    credential, sealing = a_credential(rotation_id=rotation.id), SealText(KEY, Secret("hush"))
    await store.write(lease, [attempt, entry, intent, credential, sealing], ttl=TTL)
    await store.look(rotation.id)
    await store.stage(Folder(), NAMES, Marker("abcd2345", rotation.id, KEY))
    await store.mapped(Folder(), NAMES.values())
    await store.mapped_text(Folder(), "SECRET")
    await store.recognise(an_application(), [Listed(KEY, intent.display_name, None, None)])
    failed = ConnectionFailed("contoso", rotation.id, "no", 3, START)
    delivery = a_delivery(rotation_id=rotation.id)
    await store.write(lease, [delivery, failed, SwitchMapped(rotation.id, KEY)], ttl=TTL)
    await store.text(KEY)
    ended, gone = EndRequest("request-1", "done", ""), ForgetDelivery(rotation.id, "embedded")
    cleared = ClearHints(rotation.id, ("embedded",))
    await store.write(lease, [ConnectionWorked("contoso"), gone, ended, cleared, EraseText(KEY)], ttl=TTL)
    standing = replace(claim.facts.standing, anchor_at=START)
    await store.write(lease, [standing], ttl=TTL, wake_at=START + timedelta(days=30), release=True)
    await store.same_time(rotation, START)
    await store.unmap(Folder(), NAMES.values(), rotation.id)
    await store.ledger(rotation.id)
    await store.history(rotation.id)
    await store.journal(rotation.id)
    await store.wake([rotation.id])
    await store.pause(rotation.id)
    await store.resume(rotation.id)
    await store.facts([rotation.name])
    await store.find(rotation.name)
    await store.own_credential("contoso")
    await store.request("request-1")
    await store.next_wake()
    await store.rewrap()
    await store.define([Change(rotation), Retire(rotation.id, START)])


async def test_no_statement_about_some_rotations_reads_a_whole_table() -> None:
    watched = Watched()
    await watched.store.define([Add(rotation) for rotation in rotations(20)])
    watched.said.clear()
    await a_whole_life(watched.store)
    assert len(set(watched.said)) > 60
    assert watched.scans() == []
    watched.store.close()


async def test_a_statement_over_all_rotations_is_seen_to_read_whole_tables() -> None:
    watched = Watched()
    await watched.store.facts()
    assert len(watched.scans()) > 5
    watched.store.close()


#: Small ones, and the one that holds what is needed of all.
NARROW = (
    "rotations USING COVERING INDEX rotations_living",
    "standings USING INDEX standings_in_need",
    "attempts USING",
)


@pytest.mark.parametrize("show", ["all", "attention", "rotating", "paused"])
@pytest.mark.parametrize("places", [None, frozenset({("default", "prod", "/team")})])
async def test_an_overview_reads_no_definition_but_those_of_its_page(
    show: str, places: frozenset[Place] | None
) -> None:
    watched = Watched()
    await watched.store.define([Add(rotation) for rotation in rotations(20)])
    watched.said.clear()
    for text in ("", "bill"):
        await watched.store.overview(Look(START, places, text, show))
    plans = watched.plans()
    assert any("rotations_living" in line for line in plans)
    assert [
        line for line in plans if "SCAN" in line.partition(": ")[0] and not any(each in line for each in NARROW)
    ] == []
    assert [line for line in plans if "rotations_by" in line] == []
    watched.store.close()


async def test_a_claim_costs_the_same_among_a_hundred_and_among_ten_thousand() -> None:
    few, many = [await costs_of_claims(existing) for existing in (100, 10_000)]
    assert all(late <= early + 5 for early, late in zip(few, many, strict=True)), (few, many)


async def costs_of_claims(existing: int) -> list[int]:
    """Of a claim that finds nothing, and of one that finds eight."""
    watched = Watched()
    await watched.store.define([Add(rotation) for rotation in rotations(existing)])
    watched.connection.execute("UPDATE rotations SET wake_at = wake_at + 1000000000000 + rowid")
    costs = []
    for due in (0, 8):
        await watched.store.wake([f"rotation-{n}" for n in range(1, due + 1)])
        with watched.counted():
            assert len(await watched.store.claim("node-1", limit=8, ttl=TTL)) == due
            await watched.store.next_wake()
        costs.append(watched.steps())
    watched.store.close()
    return costs
