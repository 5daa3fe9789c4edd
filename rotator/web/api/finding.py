"""Which rotation does the caller mean, may he know of it, and when has what was asked of it ended?"""

from __future__ import annotations

from typing import Any

from rotator.domain.access import Role
from rotator.domain.model import Facts, Request
from rotator.domain.outside import secret_rotation
from rotator.web.access import Caller
from rotator.web.api.resources import Resources
from rotator.web.refusals import BadRequest, Conflict, NotFound

#: How long an answer is waited for, in seconds: more than the proof of a new secret may take by default.
LONGEST = 20 * 60.0
_QUICK, _QUICK_FOR, _SLOW = 0.05, 2.0, 0.25


async def found(resources: Resources, caller: Caller, rotation_id: str, role: Role) -> Facts:
    """The rotation of that id. Raises NotFound for what he may not know of, Forbidden for what he may not do."""
    what = f"Secret rotation {rotation_id}"
    try:
        facts, _ = await resources.books.look(rotation_id)
    except KeyError:
        raise NotFound(f"{what} not found") from None
    if facts.rotation.own_connection:
        raise NotFound(f"{what} not found")
    require(caller, facts, role)
    return facts


def require(caller: Caller, facts: Facts, role: Role) -> None:
    """Raise NotFound or Forbidden unless he has that role where the rotation keeps its secrets."""
    folder = facts.rotation.folder
    what = f"Secret rotation {facts.rotation.id}"
    caller.require(role, folder.project, folder.environment, path=folder.path, what=what)


def require_api_made(facts: Facts) -> None:
    """Raise Conflict for what the configuration defines, naming the file."""
    rotation = facts.rotation
    if not rotation.api_made:
        place = rotation.defined_at or "the configuration"
        raise Conflict(f"The rotation {rotation.name} is defined at {place}", hint="Change it there.")


async def asked(resources: Resources, caller: Caller, facts: Facts, kind: str, **more: object) -> Request:
    """Ask the engine, and return when it has answered. Raises BadRequest for what it refuses or fails at."""
    request_id = await resources.rotations.ask(facts.rotation.id, kind, f"api:{caller.identity.name}", **more)
    return await done(resources, facts, request_id)


async def done(resources: Resources, facts: Facts, request_id: str) -> Request:
    """The request of that id once it has been done. Raises BadRequest for what was refused or failed."""
    request = await ended(resources, request_id)
    if request.result != "done":
        raise BadRequest(f"{facts.rotation.name}: {request.message or 'not ended yet; see its attempts'}")
    return request


async def ended(resources: Resources, request_id: str) -> Request:
    """The request once it has ended, or as it stands when that takes too long."""
    clock = resources.clock
    began = clock.monotonic()
    while True:
        request = await resources.books.request(request_id)
        waited = clock.monotonic() - began
        if request is None:
            raise NotFound("The rotation has been removed meanwhile")
        if request.ended_at is not None or waited > LONGEST:
            return request
        await clock.sleep(_QUICK if waited < _QUICK_FOR else _SLOW)


async def first_attempt_ended(resources: Resources, rotation_id: str) -> None:
    """Return when the first attempt of a new rotation has ended, however, or when that takes too long."""
    clock = resources.clock
    began = clock.monotonic()
    while (waited := clock.monotonic() - began) <= LONGEST:
        past = await resources.books.history(rotation_id, limit=1)
        if past and past[0][0].ended_at is not None:
            return
        await clock.sleep(_QUICK if waited < _QUICK_FOR else _SLOW)


async def shown_as_it_is(resources: Resources, rotation_id: str) -> dict[str, Any]:
    """`{"secretRotation": ...}` as it stands now. Raises NotFound when it has gone meanwhile."""
    try:
        facts, _ = await resources.books.look(rotation_id)
    except KeyError:
        raise NotFound(f"Secret rotation {rotation_id} not found") from None
    return {"secretRotation": secret_rotation(facts, await resources.books.ids())}
