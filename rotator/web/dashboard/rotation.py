"""How does one rotation stand, what happens to it right now, and what happened before? Its page, kept up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from rotator.domain.access import Role
from rotator.domain.model import Attempt, Delivery, DestinationRule, Entry, Facts, Request
from rotator.domain.next_time import next_rotation_at
from rotator.domain.outside import span as span_text
from rotator.domain.outside import state_of
from rotator.domain.telling import told
from rotator.web.api.events import stream
from rotator.web.dashboard import timeline
from rotator.web.dashboard.choosing import chosen, may
from rotator.web.dashboard.revealing import names_of
from rotator.web.dashboard.visits import Visit, page

#: Attempts and credentials on the page, the newest.
_MOST_ATTEMPTS, _MOST_CREDENTIALS = 15, 40


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an attempt did."""

    at: datetime
    step: str
    said: str
    #: None while it goes on.
    ok: bool | None
    #: From its intent to its outcome, in seconds; None where there is no intent.
    took: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """One destination, as it is defined and as it stands."""

    name: str
    rule: DestinationRule | None
    delivery: Delivery | None
    #: In one word.
    state: str


async def _rotation(visit: Visit) -> Response:
    told = await _told(visit)
    return visit.page("rotation.html", names=names_of(told["rotation"]), **told)


async def _part(visit: Visit) -> Response:
    """What changes of the page, for who holds it open."""
    return visit.page("rotation_part.html", **await _told(visit))


async def _events(visit: Visit) -> Response:
    """What happens to it, as it happens."""
    facts, _ = await chosen(visit)
    last = visit.request.headers.get("last-event-id", "")[:64]
    dashboard = visit.dashboard
    return stream(dashboard.parts, dashboard.resources, visit.who, rotation=facts.rotation.name, last=last)


async def _told(visit: Visit) -> dict[str, Any]:
    facts, now = await chosen(visit)
    rotation, books = facts.rotation, visit.dashboard.books
    span, zoom = timeline.Span.fitting(now, rotation.schedule)
    past = await visit.dashboard.resources.books.history(rotation.id, limit=_MOST_ATTEMPTS)
    ledger = await books.ledger(rotation.id)
    return {
        "facts": facts,
        "rotation": rotation,
        "now": now,
        "state": state_of(facts),
        "next_at": next_rotation_at(facts),
        "span": span,
        "zoom": zoom,
        "lane": timeline.lane(facts, await books.life(rotation.id, span.start), span),
        "attempts": [(attempt, list(lines(entries))) for attempt, entries in past],
        "places": list(_places(facts)),
        "ledger": [(each, timeline.state_of(each, now)) for each in reversed(ledger[-_MOST_CREDENTIALS:])],
        "asked": await _asked(visit, facts),
        "may_operate": may(visit.who, facts, Role.OPERATOR),
        "may_change": _may_change(visit, facts),
        "schedule": _schedule(facts),
        "is_under_way": is_under_way(facts.attempt),
    }


def is_under_way(attempt: Attempt | None) -> bool:
    """An attempt is open, and does not wait for a later time."""
    return attempt is not None and attempt.resume_at is None


def lines(entries: Sequence[Entry]) -> Iterator[Line]:
    """An attempt's journal in words; of the sign-ins of one proof the last only."""
    begun: dict[tuple[str, object], datetime] = {}
    for n, entry in enumerate(entries):
        key = (entry.step, entry.facts.get("destination"))
        if entry.phase == "intent":
            begun[key] = entry.at
        said = told(entry)
        if said is None or _is_said_again(entry, entries[n + 1 :]):
            continue
        since = begun.get(key) if entry.phase == "outcome" else None
        took = (entry.at - since).total_seconds() if since else None
        yield Line(entry.at, entry.step, *said, took=took)


def _is_said_again(entry: Entry, later: Sequence[Entry]) -> bool:
    return entry.phase == "note" and any(each.step == entry.step and each.phase != "intent" for each in later)


def _places(facts: Facts) -> Iterator[Place]:
    """Those of the definition in their order, then those that left it."""
    rules = {rule.name: rule for rule in sorted(facts.rotation.destinations, key=lambda each: each.order)}
    for name, rule in rules.items():
        delivery = facts.delivery(name)
        yield Place(name, rule, delivery, _state(facts, delivery))
    for delivery in facts.deliveries:
        if delivery.destination not in rules:
            yield Place(delivery.destination, None, delivery, "removed")


def _state(facts: Facts, delivery: Delivery | None) -> str:
    """Does it bear what it is to bear?"""
    if delivery is not None and (delivery.drifted or delivery.failures):
        return "failed"
    wanted = facts.pending or facts.current
    if delivery is None or wanted is None or delivery.key_id != wanted.key_id:
        return "waiting"
    return "delivered"


def _may_change(visit: Visit, facts: Facts) -> bool:
    """Is it defined here, and may he?"""
    rotation = facts.rotation
    return rotation.api_made and not rotation.own_connection and may(visit.who, facts, Role.ADMIN)


async def _asked(visit: Visit, facts: Facts) -> Request | None:
    """What he has asked for lately, by the address that the form led to."""
    request_id = visit.asked("asked")
    found = await visit.dashboard.resources.books.request(request_id) if request_id else None
    return found if found is not None and found.rotation_id == facts.rotation.id else None


def _schedule(facts: Facts) -> str:
    schedule = facts.rotation.schedule
    days = "every day" if schedule.interval == 1 else f"every {schedule.interval} days"
    overlap = facts.rotation.overlap
    kept = "until the next rotation" if overlap is None else f"for {span_text(overlap)}"
    return f"{days} at {schedule.hour:02}:{schedule.minute:02} {schedule.zone}; the old secret is kept {kept}"


ROUTES = [
    page("/rotations/{id}", _rotation),
    page("/rotations/{id}/part", _part),
    page("/rotations/{id}/events", _events),
]
