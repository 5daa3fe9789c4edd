"""Does the stream of events tell what happens to whom it concerns, go on where it ended, and end when it must?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from rotator.domain import events
from rotator.domain.access import Grant, Role
from rotator.domain.events import AlarmCleared, Event, Promoted
from rotator.serving import node_of
from rotator.web.api.events import NAMES
from rotator.web.broadcast import MOST_WAITING, Broadcast
from tests.web.house import ROTATIONS, House

EVENTS = "/api/v1/events"
AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


class Stream:
    """What a client of server-sent events makes of the lines; `alive` counts the comments between them."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.alive = 0
        self._lines = answer.aiter_lines()

    async def next(self) -> dict[str, Any] | None:
        """The next event, or None at the end."""
        found: dict[str, Any] = {}
        async with asyncio.timeout(20):
            async for line in self._lines:
                if not line and "data" in found:
                    return {**found, "data": json.loads(found["data"])}
                name, _, value = line.partition(": ")
                self.alive += not name
                if name in {"id", "event", "data"}:
                    found[name] = value
        return None

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """All up to the first of that kind."""
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["event"] != kind:
            event = await self.next()
            assert event is not None, f"it ended before {kind}"
            seen.append(event)
        return seen


@asynccontextmanager
async def listening(house: House, token: str = "", last: str = "", **query: str) -> AsyncIterator[Stream]:
    headers = {"authorization": f"Bearer {token or house.admin}", **({"last-event-id": last} if last else {})}
    async with house.http.stream("GET", EVENTS, headers=headers, params=query) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer)
        yield stream


def broadcast_of(house: House) -> Broadcast:
    """What the API of that house tells events by."""
    (found,) = [each for each in house.engine.world.observers if isinstance(each, Broadcast)]
    return found


async def test_a_rotation_is_told_step_by_step_without_its_secret(house: House) -> None:
    made = await house.rotation()
    async with listening(house) as stream:
        await house.post(f"{ROTATIONS}/{made['id']}/rotate-secrets")
        seen = await stream.until("attemptEnded")
    kinds = [each["event"] for each in seen]
    assert kinds[0] == "attemptBegan"
    assert {"issued", "signInTried", "delivered", "promoted"} <= set(kinds)
    assert {each["data"]["rotation"] for each in seen} == {"billing-api"}
    (promoted,) = [each["data"] for each in seen if each["event"] == "promoted"]
    shown = await house.get(f"{ROTATIONS}/{made['id']}")
    assert promoted["keyId"] in [each["keyId"] for each in shown["secretRotation"]["credentials"]]
    assert promoted["at"].endswith("Z")
    text = (await house.get(f"{ROTATIONS}/{made['id']}/generated-credentials"))["generatedCredentials"]
    assert not any(each["clientSecret"] in str(seen) for each in text)


def test_every_event_has_its_name_outside() -> None:
    every = {each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event)}
    assert set(NAMES) == every - {Event}
    assert len(set(NAMES.values())) == len(NAMES)


async def test_who_comes_back_hears_what_he_has_missed(house: House) -> None:
    broadcast = broadcast_of(house)
    async with listening(house) as stream:
        for n in range(3):
            broadcast.told(AlarmCleared(f"r-{n}", AT, "CODE"))
        first = await stream.next()
    assert first is not None
    assert first["data"] == {"rotation": "r-0", "at": "2026-03-01T10:00:00.000Z", "code": "CODE"}
    broadcast.told(AlarmCleared("r-3", AT, "CODE"))
    async with listening(house, last=first["id"]) as stream:
        broadcast.told(AlarmCleared("r-4", AT, "CODE"))
        assert [(await stream.next() or {})["data"]["rotation"] for _ in range(4)] == ["r-1", "r-2", "r-3", "r-4"]


@pytest.mark.parametrize("last", ["elsewhere-1", "junk", "-", "1" * 64])
async def test_who_has_missed_what_is_no_longer_known_is_told_so(house: House, last: str) -> None:
    async with listening(house, last=last) as stream:
        gap = await stream.next()
        assert gap is not None
        assert (gap["event"], "id" in gap) == ("gap", False)
        broadcast_of(house).told(AlarmCleared("r", AT, "CODE"))
        assert (await stream.next() or {})["event"] == "alarmCleared"


async def test_a_reader_hears_only_of_what_he_may_read(house: House) -> None:
    made = await house.rotation()
    here = await house.token(Grant(Role.READER, "payments", "prod"))
    there = await house.token(Grant(Role.READER, "sales"))
    broadcast = broadcast_of(house)
    async with listening(house, here) as mine, listening(house, there) as other:
        broadcast.told(AlarmCleared("unknown", AT, "CODE"))
        broadcast.told(Promoted("billing-api", AT, "attempt", "key", AT))
        assert (await mine.next() or {})["event"] == "promoted"
        await house.ask("DELETE", f"{ROTATIONS}/{made['id']}")
        broadcast.close()
        assert await other.next() is None


async def test_one_rotation_can_be_chosen(house: House) -> None:
    async with listening(house, rotation="b") as stream:
        for name in "ab":
            broadcast_of(house).told(AlarmCleared(name, AT, "CODE"))
        assert (await stream.next() or {})["data"]["rotation"] == "b"


async def test_a_stream_ends_with_the_worth_of_its_token(house: House) -> None:
    broadcast_of(house).beat = 0.02
    token = await house.token(Grant(Role.ADMIN))
    async with listening(house, token) as stream:
        await house.ask("POST", "/api/v1/auth/token/revoke", json={"accessToken": token})
        assert await stream.next() is None
        assert broadcast_of(house).readers == 0


async def test_a_quiet_stream_says_that_it_is_alive(house: House) -> None:
    broadcast_of(house).beat = 0.02
    async with listening(house) as stream:
        while stream.alive < 3:
            line = await anext(stream._lines)
            stream.alive += line == ": alive"


async def test_streams_end_when_the_daemon_stops_and_new_ones_are_refused(house: House) -> None:
    async with listening(house) as stream:
        await house.engine.dispatcher.drain()
        assert await stream.next() is None
    refused = await house.ask("GET", EVENTS)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")


async def test_who_is_too_slow_is_let_go_and_comes_back_for_the_rest(house: House) -> None:
    broadcast = broadcast_of(house)
    async with listening(house) as slow:
        for n in range(MOST_WAITING + 2):
            broadcast.told(AlarmCleared(f"r-{n}", AT, "CODE"))
        last = await _last(slow)
    async with listening(house, last=last) as again:
        rest = [await again.next() or {} for _ in range(2)]
    assert [each["data"]["rotation"] for each in rest] == [f"r-{MOST_WAITING}", f"r-{MOST_WAITING + 1}"]


async def _last(stream: Stream) -> str:
    """The id of the last event before the end."""
    last = ""
    while event := await stream.next():
        last = event["id"]
    return last


async def test_only_so_many_streams_are_open_at_once(house: House) -> None:
    broadcast = broadcast_of(house)
    for _ in range(20):
        broadcast.enter("somebody")
    access = house.engine.store.access(node_of(house.engine.configuration))
    admin = await access.all_identities()
    for _ in range(20):
        broadcast.enter(next(each.id for each in admin))
    refused = await house.ask("GET", EVENTS)
    assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitExceeded")
    assert refused.headers["retry-after"] == "30"
