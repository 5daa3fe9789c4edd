"""Which application shall it be? Those of a tenant whose names hold what was typed, with what of theirs expires."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rotator.domain.inventory import SOON, Holder
from rotator.domain.resources import ShownConnection
from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.api.connections import found_connection
from rotator.web.dashboard.shelf import MOST_KEPT
from rotator.web.dashboard.visits import Visit
from rotator.web.dashboard.words import far, many

#: Applications that are shown at once; more are found by their names.
_MOST = 50


@dataclass(frozen=True, slots=True)
class Pick:
    """One application that may be picked."""

    object_id: str
    client_id: str
    name: str
    #: What of its secrets ends when, in words.
    ends: str
    #: It ends soon, or has.
    is_urgent: bool

    @property
    def value(self) -> str:
        """What a form says for it."""
        return f"{self.object_id} {self.client_id} {self.name}"


async def found_applications(visit: Visit, connection_id: str) -> dict[str, Any]:
    """As many applications as are shown, and why there may be none."""
    try:
        connection = await found_connection(visit.dashboard.resources, visit.who, connection_id)
        holders = await _read(visit, connection, visit.asked("q").lower())
    except RotatorError as problem:
        return {"apps": (), "trouble": redact_text(str(problem)), "is_more": False}
    now = await visit.dashboard.books.now()
    apps = [_pick(each, now) for each in holders[:_MOST]]
    return {"apps": apps, "trouble": "", "is_more": len(holders) > _MOST}


async def _read(visit: Visit, connection: ShownConnection, part: str) -> list[Holder]:
    """As many as are shown, and one more where there are more; the whole list is read only where it takes that."""
    shelf, known = visit.dashboard.shelf, visit.dashboard.resources.connections
    held = shelf.find(connection.id)
    if held is not None:
        return [each for each in held if _fits(each, part)][: _MOST + 1]
    seen: list[Holder] = []
    found: list[Holder] = []
    async with aclosing(known.holders(connection)) as pages:
        async for page in pages:
            seen += page if len(seen) <= MOST_KEPT else ()
            found += [each for each in page if _fits(each, part)]
            if len(found) > _MOST:
                return found
    shelf.keep(connection.id, seen)
    return found


def _fits(holder: Holder, part: str) -> bool:
    return part in holder.name.lower() or part in {holder.object_id, holder.client_id}


def _pick(holder: Holder, now: datetime) -> Pick:
    ends = [each.expires_at for each in holder.held if each.kind == "secret"]
    known = [each for each in ends if each is not None]
    valid = [each for each in known if each > now]
    is_urgent = bool(known) and len(known) == len(ends) and max(known) <= now + SOON
    if not ends:
        said = "no secret"
    elif len(known) < len(ends):
        said = f"{many(len(ends), 'secret')}, one without an end"
    elif valid:
        said = f"{many(len(valid), 'secret')}, the last ends {far(max(valid), now)}"
    else:
        said = f"the last secret ended {far(max(known), now)}"
    return Pick(holder.object_id, holder.client_id, holder.name, said, is_urgent)
