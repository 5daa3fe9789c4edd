"""What do the routes of resources work with? Found on the app, beside the parts of sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast
from uuid import UUID

from fastapi import Depends, Request

from rotator.domain.access import Role
from rotator.domain.resources import Ids
from rotator.web.access import Caller
from rotator.web.api.ports import ConnectionDesk, ResourceBooks, RotationBooks, RotationDesk
from rotator.web.parts import parts_of
from rotator.web.refusals import NotFound

if TYPE_CHECKING:
    from rotator.ports import Clock


@dataclass(frozen=True, slots=True)
class Resources:
    """Rotations, connections, projects and secrets: where they are kept, and where they are changed."""

    books: RotationBooks
    places: ResourceBooks
    rotations: RotationDesk
    connections: ConnectionDesk
    clock: Clock
    installation: str
    #: Ids of projects that have been seen -> their names; they never change.
    seen: dict[str, str] = field(default_factory=dict)

    async def project(self, id_or_name: str) -> str:
        """The name of a project; one that is no id we know is taken for a name."""
        try:
            wanted = str(UUID(id_or_name))
        except ValueError:
            return id_or_name
        if wanted not in self.seen:
            ids = Ids(self.installation)
            self.seen.update({ids.project(each.name): each.name for each in await self.places.projects()})
        return self.seen.get(wanted, id_or_name)


async def resources_of(request: Request) -> Resources:
    """Those of the app that the request has reached. Awaitable: the framework runs plain functions in a thread."""
    return cast("Resources", request.app.state.resources)


async def record(request: Request, caller: Caller, kind: str, **facts: object) -> None:
    """Return when the audit row is durable."""
    await parts_of(request).audit.record(caller.note(kind, **facts))


def require_known(caller: Caller, project: str) -> None:
    """Raise NotFound for a project in which the caller may read nothing at all."""
    grants = caller.identity.grants
    if not any(grant.role.covers(Role.READER) and grant.touches(project) for grant in grants):
        raise NotFound(f"Project {project} not found")


Known = Annotated[Resources, Depends(resources_of)]
