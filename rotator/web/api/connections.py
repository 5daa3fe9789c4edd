"""How do we reach tenants? `/api/v1/app-connections/azure-client-secrets`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from rotator.domain.access import Role
from rotator.domain.resources import ShownConnection
from rotator.options import Id, Slug
from rotator.web.access import Caller, Calling
from rotator.web.api.connection_bodies import METHODS, Creation, Patch, parts_of_creation, parts_of_patch
from rotator.web.api.mistakes import told_as_invalid
from rotator.web.api.resources import Known, Resources, record, require_known
from rotator.web.api.shapes import APP, brief_connection, connection_shape
from rotator.web.api.values import ProjectRef
from rotator.web.refusals import BadRequest, Conflict, NotFound

router = APIRouter(prefix="/api/v1/app-connections", tags=["connections"])
_HERE = f"/{APP}"
_Project = Annotated[ProjectRef | None, Query(alias="projectId")]


@router.get("/options")
async def options(_caller: Calling, known: Known) -> dict[str, Any]:
    """Which kinds of connections there are, how each may sign in, and in whose name people do."""
    client_id = known.connections.oauth_client()
    methods = [each for each in METHODS if client_id or each != "oauth"]
    only = {"name": "Azure Client Secrets", "app": APP, "methods": methods}
    return {"appConnectionOptions": [{**only, "oauthClientId": client_id} if client_id else only]}


@router.get("")
@router.get(_HERE)
async def connections(caller: Calling, known: Known, project: _Project = None) -> dict[str, Any]:
    """The connections the caller may know of."""
    chosen = await visible_connections(known, caller, project)
    return {"appConnections": [await _shape(known, each) for each in chosen]}


@router.get(f"{_HERE}/available")
async def available(caller: Calling, known: Known, project: _Project = None) -> dict[str, Any]:
    """The connections the caller may make rotations with."""
    ids = await known.books.ids()
    return {
        "appConnections": [brief_connection(each, ids) for each in await visible_connections(known, caller, project)]
    }


@router.get(f"{_HERE}/connection-name/{{name}}")
async def by_name(caller: Calling, known: Known, name: Slug, project: _Project = None) -> dict[str, Any]:
    """The connection of that name."""
    for each in await visible_connections(known, caller, project):
        if each.name == name:
            return {"appConnection": await _shape(known, each)}
    raise NotFound(f"App connection with name '{name}' not found")


@router.get(f"{_HERE}/{{connection_id}}")
async def by_id(caller: Calling, known: Known, connection_id: Id) -> dict[str, Any]:
    """One connection."""
    return {"appConnection": await _shape(known, await found_connection(known, caller, connection_id))}


@router.post(_HERE)
async def create(request: Request, caller: Calling, known: Known, body: Creation) -> dict[str, Any]:
    """Make a connection; it has signed in before anything is kept."""
    return {"appConnection": await _shape(known, await made_connection(request, caller, known, body))}


async def made_connection(request: Request, caller: Caller, known: Resources, body: Creation) -> ShownConnection:
    """Make it, if he may."""
    project = await known.project(body.project_id) if body.project_id else ""
    require_admin(caller, project)
    document, secrets = parts_of_creation(body)
    with told_as_invalid():
        made = await known.connections.add(body.name, document, secrets=secrets, project=project)
    await record(request, caller, "connection.create", connection=made.name, id=made.id, method=made.method)
    return made


@router.patch(f"{_HERE}/{{connection_id}}")
async def change(request: Request, caller: Calling, known: Known, connection_id: Id, body: Patch) -> dict[str, Any]:
    """Change a connection that was made through the API; new credentials must sign in."""
    connection = await connection_to_change(known, caller, connection_id)
    changed = await changed_connection(request, caller, known, connection=connection, body=body)
    return {"appConnection": await _shape(known, changed)}


async def changed_connection(
    request: Request, caller: Caller, known: Resources, *, connection: ShownConnection, body: Patch
) -> ShownConnection:
    """Change it as it was read. Raises Conflict when it has been changed since."""
    changes, secrets = parts_of_patch(body, connection.method)
    with told_as_invalid():
        changed = await known.connections.change(connection, changes, secrets=secrets)
    said = sorted(body.given())
    await record(request, caller, "connection.change", connection=changed.name, id=changed.id, changed=said)
    return changed


@router.delete(f"{_HERE}/{{connection_id}}")
async def delete(request: Request, caller: Calling, known: Known, connection_id: Id) -> dict[str, Any]:
    """Take out a connection that no rotation uses."""
    connection = await connection_to_change(known, caller, connection_id)
    shown = await _shape(known, connection)
    await removed_connection(request, caller, known, connection)
    return {"appConnection": shown}


async def removed_connection(request: Request, caller: Caller, known: Resources, connection: ShownConnection) -> None:
    """Take it out. Raises BadRequest while a rotation uses it."""
    await record(request, caller, "connection.delete", connection=connection.name, id=connection.id)
    await known.connections.remove(connection)


@router.post(f"{_HERE}/{{connection_id}}/rotate-credentials")
async def rotate(request: Request, caller: Calling, known: Known, connection_id: Id) -> dict[str, Any]:
    """Have the connection's own secret rotated soon."""
    connection = await found_connection(known, caller, connection_id)
    await ask_to_rotate(request, caller, known, connection)
    return {"appConnection": await _shape(known, connection)}


async def ask_to_rotate(request: Request, caller: Caller, known: Resources, connection: ShownConnection) -> None:
    """File the request, if he may. Raises BadRequest for one that does not rotate its own secret."""
    require_admin(caller, connection.project)
    own = f"connection-{connection.name}"
    facts = next((each for each in await known.books.facts([own]) if each.rotation.own_connection), None)
    if facts is None or not connection.auto:
        raise BadRequest(
            f"The connection {connection.name} does not rotate its own secret",
            hint="Set isAutoRotationEnabled and rotation; method client-secret only.",
        )
    await record(request, caller, "connection.rotate", connection=connection.name, id=connection.id)
    await known.rotations.ask(facts.rotation.id, "rotate", f"api:{caller.identity.name}")


async def found_connection(known: Resources, caller: Caller, connection_id: str) -> ShownConnection:
    """The connection of that id. Raises NotFound for one that he may not know of."""
    for each in await known.connections.connections():
        if each.id == connection_id and _may_use(caller, each):
            return each
    raise NotFound(f"App connection {connection_id} not found")


async def visible_connections(known: Resources, caller: Caller, id_or_name: str | None = None) -> list[ShownConnection]:
    """Those that the caller may know of, or those of them that a project may use."""
    found = [each for each in await known.connections.connections() if _may_use(caller, each)]
    if id_or_name is None:
        return found
    project = await known.project(id_or_name)
    require_known(caller, project)
    return [each for each in found if each.project in {"", project}]


def _may_use(caller: Caller, connection: ShownConnection) -> bool:
    """Those of everybody are for whoever makes rotations anywhere, or reads everything."""
    if connection.project:
        return caller.may(Role.READER, connection.project)
    admin = any(grant.role is Role.ADMIN for grant in caller.identity.grants)
    return admin or caller.may(Role.READER, "")


async def connection_to_change(known: Resources, caller: Caller, connection_id: str) -> ShownConnection:
    """The connection, if he may change it. Raises NotFound, Forbidden, Conflict for one that a file defines."""
    connection = await found_connection(known, caller, connection_id)
    require_admin(caller, connection.project)
    if connection.defined_at:
        raise Conflict(
            f"The connection {connection.name} is defined in {connection.defined_at}", hint="Change it there."
        )
    return connection


def require_admin(caller: Caller, project: str) -> None:
    """Raise Forbidden or NotFound unless he may change connections of that project, or of all when it is empty."""
    if not project:
        caller.require_everywhere()
        return
    caller.require(Role.ADMIN, project, what=f"Project {project}")


async def _shape(known: Resources, connection: ShownConnection) -> dict[str, Any]:
    own = f"connection-{connection.name}"
    facts = await known.books.facts([own]) if connection.schedule else ()
    mine = next((each for each in facts if each.rotation.own_connection == connection.name), None)
    return connection_shape(connection, await known.books.ids(), mine)
