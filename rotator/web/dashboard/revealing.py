"""What is the text of a secret? Shown on request to those who may read it, with a row of the audit, and for a minute.

It goes out in the answer to a form alone: in no address, no event and no log, and no browser or proxy keeps it.
"""

from __future__ import annotations

from starlette.responses import Response

from rotator.domain.access import Role
from rotator.domain.model import Rotation
from rotator.web.dashboard.choosing import chosen
from rotator.web.dashboard.visits import Visit, page
from rotator.web.refusals import NotFound

#: The only destination whose texts are ours to show.
_KIND = "embedded"


def names_of(rotation: Rotation) -> list[str]:
    """The names whose texts are kept here, that of the client's secret last."""
    rules = [each for each in rotation.destinations if each.kind == _KIND]
    return list(dict.fromkeys(name for rule in rules for name in (rule.names or rotation.mapping).values()))


async def _reveal(visit: Visit) -> Response:
    """Show it, once that has been recorded as the API records a read."""
    facts, _ = await chosen(visit, Role.READER)
    rotation, folder, name = facts.rotation, facts.rotation.folder, visit.sent("name")
    found = None
    if name in names_of(rotation):
        found = await visit.dashboard.resources.places.shown_secret(folder, name)
    if found is None or found.rotation_id != rotation.id:
        raise NotFound("There is no secret of that name to show")
    place = {"project": folder.project, "environment": folder.environment, "path": folder.path}
    await visit.record("secret.read", **place, name=name, version=found.version)
    is_part = "hx-request" in visit.request.headers
    template = "revealed.html" if is_part else "revealed_page.html"
    return visit.page(template, rotation=rotation, found=found, names=names_of(rotation))


async def _hide(visit: Visit) -> Response:
    """What stands in its place before, and again after a minute."""
    facts, _ = await chosen(visit, Role.READER)
    return visit.page("hidden.html", rotation=facts.rotation, names=names_of(facts.rotation))


_HERE = "/rotations/{id}/reveal"
ROUTES = [page(_HERE, _hide), page(_HERE, _reveal, methods=["POST"])]
