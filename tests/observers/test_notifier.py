"""Is a person told once, told again with growing distance, told that it is over, and never drowned?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rotator.domain import events
from rotator.domain.model import Alarm, Facts
from rotator.domain.notices import Kind, Notice, distance, notice_of
from rotator.observers.notifier import Notifier, Surroundings
from rotator.observers.post import Post, Route, Unsent
from tests.builders import a_rotation, some_facts
from tests.fakes import START, ManualClock

HOUR = timedelta(hours=1)
ALL = frozenset(Kind)


class Books:
    """One rotation, `billing`, as it stands."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.billing = some_facts(a_rotation(name="billing", labels={"owner": "team-billing"}))

    def stands(self, *codes: str, failures: int = 0) -> None:
        alarms = tuple(Alarm(code, f"{code} it is") for code in codes)
        standing = replace(self.billing.standing, alarms=alarms, failures=failures, message="no answer")
        self.billing = replace(self.billing, standing=standing)

    async def troubled(self, most: int) -> Sequence[str]:
        return ["billing"][:most]

    async def facts(self, names: Collection[str] | None = None) -> Sequence[Facts]:
        return [self.billing] if names is None or "billing" in names else []

    async def now(self) -> datetime:
        return self._clock.now()


class Heard:
    """A channel that remembers."""

    name = "heard"

    def __init__(self) -> None:
        self.messages: list[tuple[list[Notice], int]] = []
        self.fails: list[Unsent] = []

    async def send(self, notices: Sequence[Notice], more: int) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.messages.append((list(notices), more))

    @property
    def told(self) -> list[tuple[str, str, int]]:
        return [(each.kind.value, each.code, each.again) for batch, _ in self.messages for each in batch]


class Room:
    """A notifier with one channel, and hands to move the time."""

    def __init__(self, *, leads: bool = True, kinds: Collection[Kind] = ALL, **labels: str) -> None:
        self.clock = ManualClock()
        self.books = Books(self.clock)
        self.leads = leads
        self.beside: list[Notice] = []
        self.heard = Heard()
        self.post = Post(self.heard, Route(frozenset(kinds), labels), self.clock)
        around = Surroundings(self.books, self.clock, self._leads, lambda _: self.beside)
        self.notifier = Notifier([self.post], around)

    async def _leads(self) -> bool:
        return self.leads

    async def turn(self, *told: events.Event) -> list[tuple[str, str, int]]:
        """What is told anew."""
        before = len(self.heard.told)
        for event in told:
            self.notifier.told(event)
        await self.notifier.turn()
        await self.post.send()
        return self.heard.told[before:]


def failed(**changes: Any) -> events.AttemptEnded:
    return replace(events.AttemptEnded("billing", START, "a", "failed", 1.0, "no answer"), **changes)


def raised(code: str) -> events.AlarmRaised:
    return events.AlarmRaised("billing", START, code, f"{code} it is")


async def test_a_failure_is_told_once_however_often_it_is_retried_and_then_that_it_is_over() -> None:
    room = Room(kinds=ALL - {Kind.SUCCESS})

    assert await room.turn(failed()) == [("failure", "FAILED", 0)]
    assert await room.turn(failed(), failed()) == []
    assert await room.turn(failed(outcome="succeeded")) == [("recovery", "", 0)]
    assert await room.turn(failed(outcome="succeeded")) == []


async def test_what_stands_is_told_again_with_growing_distance_and_not_once_it_is_over() -> None:
    room = Room()
    await room.turn(raised("EXPIRING"))
    room.books.stands("EXPIRING")
    hours = []
    for hour in range(1, 61):
        room.clock.advance(HOUR)
        if await room.turn():
            hours.append(hour)
    assert hours == [4, 12, 28, 60]
    assert [again for _, _, again in room.heard.told] == [0, 1, 2, 3, 4]

    room.books.stands()
    room.clock.advance(distance(9))
    assert await room.turn() == []


async def test_the_distance_grows_to_a_week_and_no_further() -> None:
    assert [distance(told) // HOUR for told in (1, 2, 3, 7, 50)] == [4, 8, 16, 168, 168]


async def test_the_end_of_an_alarm_is_told() -> None:
    room = Room()
    await room.turn(raised("DRIFT"))

    assert await room.turn(events.AlarmCleared("billing", START, "DRIFT")) == [("recovery", "DRIFT", 0)]


async def test_after_a_restart_what_stands_is_not_news_and_is_told_again_in_its_turn() -> None:
    room = Room()
    room.books.stands("AWAITING_APPROVAL", failures=3)

    assert await room.turn() == []
    assert await room.turn(failed()) == []
    room.clock.advance(4 * HOUR)
    assert sorted(await room.turn()) == [("failure", "FAILED", 0), ("overdue", "AWAITING_APPROVAL", 0)]


async def test_only_the_leading_node_tells_again() -> None:
    room = Room(leads=False)
    assert await room.turn(raised("EXPIRING")) == [("expiring", "EXPIRING", 0)]
    room.books.stands("EXPIRING")

    room.clock.advance(5 * HOUR)
    assert await room.turn() == []
    room.leads = True
    room.clock.advance(10 * HOUR)
    assert await room.turn() == [("expiring", "EXPIRING", 2)]


async def test_the_end_of_a_connections_credential_is_told_once_and_again() -> None:
    room = Room()
    room.beside = [Notice(Kind.EXPIRING, "contoso", START, "it ends", "CONNECTION_EXPIRING")]

    assert await room.turn() == [("expiring", "CONNECTION_EXPIRING", 0)]
    room.clock.advance(2 * HOUR)
    assert await room.turn() == []
    room.clock.advance(2 * HOUR)
    assert await room.turn() == [("expiring", "CONNECTION_EXPIRING", 1)]


async def test_a_channel_hears_of_its_kinds_and_of_the_rotations_that_bear_its_labels() -> None:
    assert await Room(kinds=[Kind.DRIFT]).turn(failed()) == []
    assert await Room(owner="team-billing").turn(failed()) == [("failure", "FAILED", 0)]
    assert await Room(owner="team-orders").turn(failed()) == []


async def test_a_storm_is_one_message_that_says_how_many_more_there_are() -> None:
    room = Room()

    await room.turn(*(replace(failed(), rotation=f"r-{n}") for n in range(300)))

    [(batch, more)] = room.heard.messages
    assert (len(batch), more) == (20, 280)


async def test_what_was_not_taken_waits_and_is_told_with_what_comes_next() -> None:
    room = Room()
    room.heard.fails = [Unsent("it answered 503")]
    assert await room.turn(failed()) == []

    assert await room.turn(raised("DRIFT")) == [("failure", "FAILED", 0), ("drift", "DRIFT", 0)]


async def test_what_would_never_be_taken_is_dropped() -> None:
    room = Room()
    room.heard.fails = [Unsent("it answered 404", for_good=True)]
    assert await room.turn(failed()) == []
    assert await room.turn() == []


async def test_it_runs_by_itself_and_gathers_what_comes_together() -> None:
    room = Room()
    running = [asyncio.create_task(room.notifier.run()), asyncio.create_task(room.post.run())]
    await _settle()
    room.notifier.told(failed())
    room.notifier.told(raised("DRIFT"))
    await _settle()
    assert room.heard.messages == []

    room.clock.advance(10)
    await _settle()

    assert [len(batch) for batch, _ in room.heard.messages] == [2]
    for task in running:
        task.cancel()


def test_a_compromised_rotation_and_an_orphan_are_told_and_a_resumed_attempt_is_not() -> None:
    began = events.AttemptBegan("billing", START, "a", "REQUESTED", compromised=True)
    orphan = events.OrphanFound("billing", START, "key-1", "rotator/x", "left alone")

    assert [each.kind if (each := notice_of(event)) else None for event in (began, orphan)] == ["compromised", "orphan"]
    assert notice_of(replace(began, resumed=True)) is None
    assert notice_of(replace(began, compromised=False)) is None


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
