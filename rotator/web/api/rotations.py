"""Which rotations are there, and how do they stand? `/api/v2/secret-rotations`, what only looks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from rotator.domain.access import Role
from rotator.domain.model import Credential, Facts, Folder
from rotator.domain.next_time import next_rotation_at
from rotator.domain.outside import attempted, secret_rotation, state_of
from rotator.options import Id, Slug
from rotator.web.access import Caller, Calling
from rotator.web.api.finding import found, shown_as_it_is
from rotator.web.api.resources import Known, Resources, record, require_known
from rotator.web.api.values import Limit, Offset, ProjectRef, SecretPath
from rotator.web.refusals import BadRequest, NotFound

router = APIRouter(prefix="/api/v2/secret-rotations", tags=["rotations"])

_TEMPLATE = {"secretsMapping": {"clientId": "AZURE_CLIENT_ID", "clientSecret": "AZURE_CLIENT_SECRET"}}
_KIND = {"name": "Azure Client Secret", "connection": "azure-client-secrets", "type": "azure-client-secret"}
_States = Literal["new", "rotating", "paused", "retired", "held", "failed", "active"]


@router.get("/options")
async def options(_caller: Calling) -> dict[str, Any]:
    """Which types of rotations there are."""
    return {"secretRotationOptions": [{**_KIND, "template": _TEMPLATE}]}


@router.get("")
@router.get("/azure-client-secret")
async def rotations(
    caller: Calling,
    known: Known,
    project: Annotated[ProjectRef, Query(alias="projectId")],
    *,
    status: Annotated[Literal["success", "failed", "in-progress"] | None, Query()] = None,
    state: Annotated[_States | None, Query()] = None,
    name: Annotated[str | None, Query(max_length=64, description="Part of the name.")] = None,
    due_before: Annotated[datetime | None, Query(alias="dueBefore")] = None,
    limit: Annotated[Limit, Query()] = 1000,
    offset: Annotated[Offset, Query()] = 0,
) -> dict[str, Any]:
    """The rotations of a project by name; retired ones only when asked for by their state."""
    wanted = await known.project(project)
    require_known(caller, wanted)
    chosen = [facts for facts in await visible(known, caller, wanted) if _is_in_state(facts, state)]
    if status:
        chosen = [facts for facts in chosen if facts.standing.status == status]
    if name:
        chosen = [facts for facts in chosen if name in facts.rotation.name]
    if due_before:
        chosen = list(_due(chosen, due_before if due_before.tzinfo else due_before.replace(tzinfo=UTC)))
    ids = await known.books.ids()
    shown = [secret_rotation(facts, ids) for facts in chosen[offset : offset + limit]]
    return {"secretRotations": shown, "totalCount": len(chosen)}


@router.get("/azure-client-secret/rotation-name/{name}")
async def by_name(
    caller: Calling,
    known: Known,
    name: Slug,
    *,
    project: Annotated[ProjectRef, Query(alias="projectId")],
    environment: Annotated[Slug, Query()],
    path: Annotated[SecretPath, Query(alias="secretPath")],
) -> dict[str, Any]:
    """The rotation of that name in that folder."""
    folder = Folder(await known.project(project), environment, path)
    require_known(caller, folder.project)
    if folder not in await known.places.folders():
        raise BadRequest(f"There is no folder {path} in the environment {environment} of that project")
    here = [facts for facts in await visible(known, caller, folder.project) if facts.rotation.folder == folder]
    named = [facts for facts in here if facts.rotation.name == name]
    if not named:
        raise NotFound(f"Secret rotation with name '{name}' not found")
    chosen = min(named, key=lambda facts: facts.switches.retired_at is not None)
    return {"secretRotation": secret_rotation(chosen, await known.books.ids())}


@router.get("/azure-client-secret/{rotation_id}")
async def by_id(caller: Calling, known: Known, rotation_id: Id) -> dict[str, Any]:
    """One rotation."""
    facts = await found(known, caller, rotation_id, Role.READER)
    return await shown_as_it_is(known, facts.rotation.id)


@router.get("/azure-client-secret/{rotation_id}/attempts")
async def attempts(
    caller: Calling, known: Known, rotation_id: Id, *, limit: Annotated[Limit, Query()] = 20
) -> dict[str, Any]:
    """The latest attempts, newest first, each with its journal."""
    await found(known, caller, rotation_id, Role.READER)
    past = await known.books.history(rotation_id, limit=limit)
    return {"attempts": [attempted(attempt, entries) for attempt, entries in past]}


@router.get("/azure-client-secret/{rotation_id}/generated-credentials")
async def generated(request: Request, caller: Calling, known: Known, rotation_id: Id) -> dict[str, Any]:
    """The current credential and the newest retiring one, with their texts; for operators."""
    facts = await found(known, caller, rotation_id, Role.OPERATOR)
    retiring = sorted(facts.retiring, key=lambda each: each.starts_at, reverse=True)
    chosen = [each for each in (facts.current, *retiring) if each is not None and each.has_text][:2]
    shown = [one for each in chosen if (one := await _with_text(known, each))]
    # The two slots in the order of Infisical: `activeIndex` says which of them is in use.
    active = facts.standing.active_index if len(shown) > 1 else 0
    shown = shown[::-1] if active else shown
    await record(request, caller, "rotation.credentials", rotation=facts.rotation.name)
    return {
        "generatedCredentials": shown,
        "activeIndex": active,
        "rotationId": rotation_id,
        "type": "azure-client-secret",
    }


async def visible(known: Resources, caller: Caller, project: str) -> list[Facts]:
    """The rotations of a project that the caller may read, by name."""
    return [facts for facts in await known.books.facts() if _is_visible(facts, caller, project)]


def _is_visible(facts: Facts, caller: Caller, project: str) -> bool:
    folder = facts.rotation.folder
    here = folder.project == project and not facts.rotation.own_connection
    return here and caller.may(Role.READER, project, folder.environment, folder.path)


def _is_in_state(facts: Facts, state: str | None) -> bool:
    return state_of(facts) == state if state else facts.switches.retired_at is None


def _due(chosen: Iterable[Facts], before: datetime) -> Iterable[Facts]:
    for facts in chosen:
        next_at = next_rotation_at(facts)
        if next_at is not None and next_at < before:
            yield facts


async def _with_text(known: Resources, credential: Credential) -> dict[str, Any] | None:
    text = await known.books.text(credential.key_id)
    if text is None:
        return None
    client_id = credential.application.client_id
    return {"clientId": client_id, "clientSecret": text.reveal(), "keyId": credential.key_id}
