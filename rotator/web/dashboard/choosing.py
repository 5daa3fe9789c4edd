"""Which rotation is meant, and may he know of it? As over the API; connections' own are for admins of everything."""

from __future__ import annotations

from datetime import datetime

from rotator.domain.access import Role
from rotator.domain.model import Facts
from rotator.web.access import Caller
from rotator.web.api.finding import require, require_api_made
from rotator.web.dashboard.visits import Visit
from rotator.web.refusals import Conflict, NotFound


async def chosen(visit: Visit, role: Role = Role.READER) -> tuple[Facts, datetime]:
    """The rotation of the address, as it stands now. Raises NotFound for what he may not know of, Forbidden."""
    rotation_id = visit.request.path_params["id"]
    unknown = NotFound("There is no such rotation, or it has been forgotten")
    try:
        facts, now = await visit.dashboard.resources.books.look(rotation_id)
    except KeyError:
        raise unknown from None
    if not may(visit.who, facts, Role.READER):
        raise unknown
    if not may(visit.who, facts, role):
        require(visit.who, facts, role)
    return facts, now


async def chosen_to_change(visit: Visit, role: Role) -> tuple[Facts, datetime]:
    """The same, to be changed or deleted by a person. Raises Conflict for what is defined elsewhere, naming where."""
    facts, now = await chosen(visit, role)
    rotation = facts.rotation
    if rotation.own_connection:
        what = f"The rotation {rotation.name} belongs to the connection {rotation.own_connection}"
        raise Conflict(what, hint="Change that one.")
    require_api_made(facts)
    return facts, now


def may(caller: Caller, facts: Facts, role: Role) -> bool:
    """Tell whether he may act in that role there."""
    folder = facts.rotation.folder
    if facts.rotation.own_connection:
        return caller.is_everywhere
    return caller.may(role, folder.project, folder.environment, folder.path)
