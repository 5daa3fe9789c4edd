"""What happens to rotations, as it happens? `/api/v1/events`, server-sent, resumed by Last-Event-ID."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic.alias_generators import to_camel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from rotator.domain import events as events_
from rotator.domain.access import Role
from rotator.domain.events import Event
from rotator.domain.outside import at
from rotator.options import text
from rotator.redaction import redact_text
from rotator.web.access import Caller, Calling, still_admitted
from rotator.web.api.resources import Known, Resources
from rotator.web.broadcast import Broadcast, Reader, Told
from rotator.web.parts import Parts, parts_of

router = APIRouter(tags=["events"])
#: How soon a client comes back, in milliseconds.
_AGAIN = "retry: 3000\n\n"
_ALIVE = ": alive\n\n"
_GAP = 'event: gap\ndata: {"message": "Events have been missed: read the lists again."}\n\n'
_HEADERS = {"X-Accel-Buffering": "no"}
#: What an event is called outside, whatever its class is called here.
NAMES: dict[type[Event], str] = {
    events_.AttemptBegan: "attemptBegan",
    events_.StepEnded: "stepEnded",
    events_.SignInTried: "signInTried",
    events_.Delivered: "delivered",
    events_.Issued: "issued",
    events_.Promoted: "promoted",
    events_.Revoked: "revoked",
    events_.RevokeHeld: "revokeHeld",
    events_.Reclaimed: "reclaimed",
    events_.AttemptEnded: "attemptEnded",
    events_.AlarmRaised: "alarmRaised",
    events_.AlarmCleared: "alarmCleared",
    events_.DriftFound: "driftFound",
    events_.OrphanFound: "orphanFound",
    events_.LeaseWasLost: "leaseLost",
}
_ABOUT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events without an end.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
_Text = Annotated[str, text(64)]


@router.get("/api/v1/events", response_class=StreamingResponse, responses=_ABOUT)
async def events(
    request: Request,
    caller: Calling,
    known: Known,
    *,
    rotation: Annotated[_Text, Query(description="Only of the rotation of that name.")] = "",
    last: Annotated[_Text, Header(alias="Last-Event-ID", description="The id of the last event seen.")] = "",
) -> StreamingResponse:
    """What happens to the rotations that the caller may read, on the node that is asked.

    It ends when the daemon stops, when the reader is too slow and when the token is worth nothing any more; who comes
    back with the id of the last event hears of what came after it, or of a `gap` when that is no longer known.
    """
    return stream(parts_of(request), known, caller, rotation=rotation, last=last)


def stream(parts: Parts, known: Resources, caller: Caller, *, rotation: str, last: str) -> StreamingResponse:
    """What happens from now on to the rotation of that name, or to all; `last` is the id of the last event seen.

    Raises Unavailable while stopping, TooMany.
    """
    watch = _Watch(parts, known, caller, rotation)
    reader = parts.broadcast.enter(caller.identity.id)
    lines = _lines(parts.broadcast, reader, watch, last)
    return _Stream(lines, partial(parts.broadcast.leave, reader))


class _Stream(StreamingResponse):
    """Lets go of its reader however it ends."""

    def __init__(self, lines: AsyncIterator[str], leave: Callable[[], None]) -> None:
        super().__init__(lines, media_type="text/event-stream", headers=_HEADERS)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


@dataclass(slots=True)
class _Watch:
    """What the caller may hear of; looked at anew from time to time, for tokens end and grants change."""

    parts: Parts
    known: Resources
    caller: Caller
    rotation: str
    looked_at: float = 0.0
    #: Name of a rotation -> whether he may read it.
    seen: dict[str, bool] = field(default_factory=dict)

    async def still(self) -> bool:
        """Tell whether he may hear anything at all."""
        now = self.parts.clock.monotonic()
        if now - self.looked_at >= self.parts.broadcast.beat:
            bearer = await still_admitted(self.parts, self.caller)
            if bearer is None:
                return False
            self.caller, self.looked_at = replace(self.caller, bearer=bearer), now
            self.seen.clear()
        return True

    async def may_hear(self, event: Event) -> bool:
        """Tell whether he may read the rotation that it is about."""
        if self.rotation not in {"", event.rotation}:
            return False
        if self.caller.is_everywhere:
            return True
        if event.rotation not in self.seen:
            self.seen[event.rotation] = await self._may_read(event.rotation)
        return self.seen[event.rotation]

    async def _may_read(self, name: str) -> bool:
        rotations = [facts.rotation for facts in await self.known.books.facts([name])]
        return bool(rotations) and all(
            not each.own_connection
            and self.caller.may(Role.READER, each.folder.project, each.folder.environment, each.folder.path)
            for each in rotations
        )


async def _lines(broadcast: Broadcast, reader: Reader, watch: _Watch, last: str) -> AsyncIterator[str]:
    yield _AGAIN
    missed = broadcast.since(last) if last else []
    if missed is None:
        yield _GAP
    async for line in _heard(missed or (), watch):
        yield line
    while not reader.ended and await watch.still():
        came = await reader.take(broadcast.beat)
        if not came and not reader.ended:
            yield _ALIVE
        async for line in _heard(came, watch):
            yield line


async def _heard(came: Iterable[Told], watch: _Watch) -> AsyncIterator[str]:
    for each in came:
        if type(each.event) in NAMES and await watch.may_hear(each.event):
            yield _line(each)


def _line(told: Told) -> str:
    event = told.event
    facts = {to_camel(each.name): _plain(getattr(event, each.name)) for each in fields(event)}
    return f"id: {told.id}\nevent: {NAMES[type(event)]}\ndata: {json.dumps(facts)}\n\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return at(value)
    return redact_text(value) if isinstance(value, str) else value
