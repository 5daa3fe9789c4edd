"""How does a person let a rotation go? On a page of its own that asks what becomes of the secret, and for the name."""

from __future__ import annotations

from starlette.responses import Response

from rotator.domain.access import Role
from rotator.domain.model import Facts
from rotator.errors import RotatorError
from rotator.web.api.rotation_changes import let_go
from rotator.web.dashboard.choosing import chosen_to_change
from rotator.web.dashboard.steps import said_of_problem, status_to_stay
from rotator.web.dashboard.visits import Visit, page

#: How long the page waits for the engine, in seconds; after that the rotation's own page tells.
_PATIENCE = 5.0
_LOOK = 0.05


async def _ask(visit: Visit) -> Response:
    facts, _ = await chosen_to_change(visit, Role.ADMIN)
    return _page(visit, facts)


async def _delete(visit: Visit) -> Response:
    """Let it go as the API does; its page goes on to tell where that takes long or fails."""
    facts, _ = await chosen_to_change(visit, Role.ADMIN)
    rotation = facts.rotation
    if visit.sent("name") != rotation.name:
        return _page(visit, facts, f"Type the name, {rotation.name}, to say that you mean this one.", status=422)
    clears, revokes = visit.sent("secrets") == "remove", visit.sent("credentials") == "revoke"
    try:
        request_id = await let_go(
            visit.request, visit.who, visit.dashboard.resources, facts=facts, secrets=clears, credentials=revokes
        )
    except RotatorError as problem:
        said = f"{said_of_problem(problem)} Nothing rotates it any more; delete it again once that is mended."
        return _page(visit, facts, said, status=status_to_stay(problem))
    is_gone = await _gone(visit, rotation.id, request_id)
    return visit.to("/" if is_gone else f"/rotations/{rotation.id}?asked={request_id}")


async def _gone(visit: Visit, rotation_id: str, request_id: str) -> bool:
    """Has it been forgotten, or will it take longer?"""
    known = visit.dashboard.resources
    began = known.clock.monotonic()
    while known.clock.monotonic() - began < _PATIENCE:
        try:
            await known.books.look(rotation_id)
        except KeyError:
            return True
        request = await known.books.request(request_id)
        if request is None or request.ended_at is not None:
            return request is None or request.result == "done"
        await known.clock.sleep(_LOOK)
    return False


def _page(visit: Visit, facts: Facts, said: str = "", *, status: int = 200) -> Response:
    chosen = {"secrets": visit.sent("secrets"), "credentials": visit.sent("credentials")}
    return visit.page(
        "rotation_delete.html", status=status, facts=facts, rotation=facts.rotation, said=said, chosen=chosen
    )


_HERE = "/rotations/{id}/delete"
ROUTES = [page(_HERE, _ask), page(_HERE, _delete, methods=["POST"])]
