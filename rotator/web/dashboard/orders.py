"""What can a person ask of a rotation? The buttons of its page, each a form; the engine answers, the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from rotator.domain.access import Role
from rotator.web.dashboard.choosing import chosen
from rotator.web.dashboard.rotation import is_under_way
from rotator.web.dashboard.visits import Answer, Visit, page
from rotator.web.refusals import BadRequest, Conflict


@dataclass(frozen=True, slots=True)
class Order:
    """A button; `kind` is the engine's request."""

    kind: str
    #: Not while an attempt is under way.
    is_alone: bool = False
    #: Asked for on a page of its own, that says what will happen.
    is_confirmed: bool = False


_ORDERS = {
    "rotate": Order("rotate", is_alone=True),
    "compromised": Order("compromised", is_confirmed=True),
    "revoke": Order("revoke", is_confirmed=True),
    "deliver": Order("deliver"),
}


def _asking(name: str, order: Order) -> Answer:
    async def ask(visit: Visit) -> Response:
        facts, _ = await chosen(visit, Role.OPERATOR)
        rotation = facts.rotation
        if order.is_alone and is_under_way(facts.attempt):
            raise Conflict(f"The rotation {rotation.name} is being rotated already")
        if order.is_confirmed and visit.sent("sure") != "yes":
            raise BadRequest("It has not been confirmed")
        await visit.record(f"rotation.{name}", rotation=rotation.name, id=rotation.id)
        by = f"dashboard:{visit.who.identity.name}"
        request_id = await visit.dashboard.resources.rotations.ask(rotation.id, order.kind, by)
        return visit.to(f"/rotations/{rotation.id}?asked={request_id}")

    return ask


def _confirming(name: str) -> Answer:
    async def confirm(visit: Visit) -> Response:
        facts, now = await chosen(visit, Role.OPERATOR)
        return visit.page("confirm.html", order=name, facts=facts, rotation=facts.rotation, now=now)

    return confirm


async def _pause(visit: Visit) -> Response:
    """Rotate nothing until it is resumed."""
    facts, _ = await chosen(visit, Role.OPERATOR)
    await visit.record("rotation.pause", rotation=facts.rotation.name, id=facts.rotation.id)
    await visit.dashboard.resources.books.pause(facts.rotation.id)
    return visit.to(f"/rotations/{facts.rotation.id}")


async def _resume(visit: Visit) -> Response:
    """Rotate again; what came due meanwhile waits for its next slot."""
    facts, _ = await chosen(visit, Role.OPERATOR)
    await visit.record("rotation.resume", rotation=facts.rotation.name, id=facts.rotation.id)
    await visit.dashboard.resources.books.resume(facts.rotation.id)
    visit.dashboard.resources.rotations.wake()
    return visit.to(f"/rotations/{facts.rotation.id}")


async def _approve(visit: Visit) -> Response:
    """Let the next rotation go ahead; each approval counts once."""
    facts, _ = await chosen(visit, Role.OPERATOR)
    if not facts.rotation.requires_approval:
        raise BadRequest(f"The rotation {facts.rotation.name} waits for no approval")
    await visit.record("rotation.approve", rotation=facts.rotation.name, id=facts.rotation.id)
    await visit.dashboard.books.approve(facts.rotation.id)
    visit.dashboard.resources.rotations.wake()
    return visit.to(f"/rotations/{facts.rotation.id}")


_BASE = "/rotations/{id}"
ROUTES = [
    *[page(f"{_BASE}/{name}", _asking(name, order), methods=["POST"]) for name, order in _ORDERS.items()],
    *[page(f"{_BASE}/{name}", _confirming(name)) for name, order in _ORDERS.items() if order.is_confirmed],
    page(f"{_BASE}/pause", _pause, methods=["POST"]),
    page(f"{_BASE}/resume", _resume, methods=["POST"]),
    page(f"{_BASE}/approve", _approve, methods=["POST"]),
]
