"""How are rotations made, changed and let go over the API? `/api/v2/secret-rotations`, what defines."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from rotator.domain.access import Role
from rotator.domain.model import Facts, Folder, Rotation
from rotator.domain.resources import ShownConnection
from rotator.options import Id
from rotator.web.access import Caller, Calling
from rotator.web.api.finding import done, first_attempt_ended, found, require_api_made, shown_as_it_is
from rotator.web.api.mistakes import told_as_invalid
from rotator.web.api.resources import Known, Resources, record
from rotator.web.api.rotation_bodies import Creation, Patch, values_of
from rotator.web.api.values import Switch
from rotator.web.refusals import BadRequest

router = APIRouter(prefix="/api/v2/secret-rotations/azure-client-secret", tags=["rotations"])

_SETTLING = 10.0
_LOOK = 0.1


@router.post("")
async def create(request: Request, caller: Calling, known: Known, body: Creation) -> dict[str, Any]:
    """Make a rotation; answered when its first attempt has ended, so that its secrets can be read.

    Entra is asked first, and nothing is kept when it refuses. When the attempt itself fails, the rotation stands with
    `rotationStatus: failed` and tries again by itself.
    """
    rotation = await made_rotation(request, caller, known, body)
    await first_attempt_ended(known, rotation.id)
    return await shown_as_it_is(known, rotation.id)


async def made_rotation(
    request: Request, caller: Caller, known: Resources, body: Creation, *, adopt: str = ""
) -> Rotation:
    """Define it, if he may, and leave its first attempt to the engine; `adopt`: the key id of a secret that exists."""
    values, folder = await wanted(caller, known, body)
    more = {"adopt": adopt} if adopt else {}
    with told_as_invalid():
        rotation = await known.rotations.define({**values, **({"initial": more} if more else {})})
    said = {"rotation": rotation.name, "id": rotation.id, "project": folder.project, **more}
    await record(request, caller, "rotation.create", **said)
    return rotation


async def wanted(caller: Caller, known: Resources, body: Creation) -> tuple[dict[str, object], Folder]:
    """What is to be defined, and where. Raises what he is refused by."""
    folder = Folder(await known.project(body.project_id), body.environment, body.secret_path)
    caller.require(Role.ADMIN, folder.project, folder.environment, path=folder.path, what=f"Project {body.project_id}")
    connection = await _connection(known, body.connection_id, folder.project)
    place = {"project": folder.project, "environment": folder.environment, "secretPath": folder.path}
    return {**values_of(body), **place, "connection": connection.name}, folder


@router.patch("/{rotation_id}")
async def change(request: Request, caller: Calling, known: Known, rotation_id: Id, body: Patch) -> dict[str, Any]:
    """Change a rotation that was made through the API."""
    facts = await found(known, caller, rotation_id, Role.ADMIN)
    require_api_made(facts)
    changed = await changed_rotation(request, caller, known, facts=facts, body=body)
    if changed.mapping != facts.rotation.mapping:
        await _settled(known, rotation_id)
    return await shown_as_it_is(known, rotation_id)


async def changed_rotation(
    request: Request, caller: Caller, known: Resources, *, facts: Facts, body: Patch, seen: str = ""
) -> Rotation:
    """Define it anew; with `seen` only when its definition still has that hash, else Conflict."""
    with told_as_invalid():
        changed = await known.rotations.redefine(facts.rotation, values_of(body), seen=seen)
    said = sorted(body.given())
    await record(request, caller, "rotation.change", rotation=changed.name, id=changed.id, changed=said)
    return changed


@router.delete("/{rotation_id}")
async def delete(
    request: Request,
    caller: Calling,
    known: Known,
    rotation_id: Id,
    *,
    secrets: Annotated[Switch, Query(alias="deleteSecrets")] = False,
    credentials: Annotated[Switch, Query(alias="revokeGeneratedCredentials")] = False,
) -> dict[str, Any]:
    """Let a rotation go. Its credentials stay alive and its secrets readable, unless the switches say otherwise."""
    facts = await found(known, caller, rotation_id, Role.ADMIN)
    require_api_made(facts)
    shown = await shown_as_it_is(known, rotation_id)
    request_id = await let_go(request, caller, known, facts=facts, secrets=secrets, credentials=credentials)
    await done(known, facts, request_id)
    return shown


async def let_go(
    request: Request, caller: Caller, known: Resources, *, facts: Facts, secrets: bool, credentials: bool
) -> str:
    """Retire it and ask the engine to forget it; the id of that request. Raises DestinationError."""
    rotation = facts.rotation
    said = {"deleteSecrets": secrets, "revokeGeneratedCredentials": credentials}
    await record(request, caller, "rotation.delete", rotation=rotation.name, id=rotation.id, **said)
    await known.rotations.retire(rotation)
    if secrets:
        await known.rotations.clear(rotation)
    by = f"api:{caller.identity.name}"
    return await known.rotations.ask(rotation.id, "forget", by, revoke=credentials, last=credentials)


async def _connection(known: Resources, connection_id: str, project: str) -> ShownConnection:
    """The connection, when that project may use it."""
    every = await known.connections.connections()
    chosen = next((each for each in every if each.id == connection_id), None)
    if chosen is None or chosen.project not in {"", project}:
        raise BadRequest(f"There is no connection {connection_id} that this project may use")
    return chosen


async def _settled(known: Resources, rotation_id: str) -> None:
    """Return when the secrets are to be read under their new names, or after a while."""
    began = known.clock.monotonic()
    while known.clock.monotonic() - began < _SETTLING:
        try:
            facts, _ = await known.books.look(rotation_id)
        except KeyError:
            return
        if not facts.switches.hints or facts.current is None:
            return
        await known.clock.sleep(_LOOK)
