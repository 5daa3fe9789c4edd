"""What can be asked of a rotation besides changing it? Rotate, check, pause, resume, approve."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from rotator.domain.access import Role
from rotator.options import Id
from rotator.web.access import Calling
from rotator.web.api.finding import asked, found, shown_as_it_is
from rotator.web.api.resources import Known, record
from rotator.web.refusals import BadRequest

router = APIRouter(prefix="/api/v2/secret-rotations/azure-client-secret/{rotation_id}", tags=["rotations"])


@router.post("/rotate-secrets")
async def rotate(request: Request, caller: Calling, known: Known, rotation_id: Id) -> dict[str, Any]:
    """Rotate now; answered when the attempt has ended. 400 when it failed, or when one is under way."""
    facts = await found(known, caller, rotation_id, Role.OPERATOR)
    if facts.attempt is not None and facts.attempt.resume_at is None:
        raise BadRequest(f"The rotation {facts.rotation.name} is being rotated already")
    await record(request, caller, "rotation.rotate", rotation=facts.rotation.name, id=rotation_id)
    await asked(known, caller, facts, "rotate")
    return await shown_as_it_is(known, rotation_id)


@router.post("/check-credentials", status_code=204)
async def check(request: Request, caller: Calling, known: Known, rotation_id: Id) -> Response:
    """Does the current credential sign in now? 204: it does, 400: it does not."""
    facts = await found(known, caller, rotation_id, Role.OPERATOR)
    current = facts.current
    text = await known.books.text(current.key_id) if current else None
    if text is None:
        raise BadRequest(f"The rotation {facts.rotation.name} has no credential of ours yet")
    await record(request, caller, "rotation.check", rotation=facts.rotation.name, id=rotation_id)
    proof = await known.rotations.prove(facts.rotation, text)
    if not proof.accepted:
        raise BadRequest(f"The current credential does not sign in: {proof.code} {proof.detail}".rstrip())
    return Response(status_code=204)


@router.post("/pause")
async def pause(request: Request, caller: Calling, known: Known, rotation_id: Id) -> dict[str, Any]:
    """Rotate nothing until it is resumed."""
    facts = await found(known, caller, rotation_id, Role.OPERATOR)
    await record(request, caller, "rotation.pause", rotation=facts.rotation.name, id=rotation_id)
    await known.books.pause(rotation_id)
    return await shown_as_it_is(known, rotation_id)


@router.post("/resume")
async def resume(request: Request, caller: Calling, known: Known, rotation_id: Id) -> dict[str, Any]:
    """Rotate again; what came due meanwhile waits for its next slot."""
    facts = await found(known, caller, rotation_id, Role.OPERATOR)
    await record(request, caller, "rotation.resume", rotation=facts.rotation.name, id=rotation_id)
    await known.books.resume(rotation_id)
    known.rotations.wake()
    return await shown_as_it_is(known, rotation_id)


@router.post("/approve")
async def approve(request: Request, caller: Calling, known: Known, rotation_id: Id) -> dict[str, Any]:
    """Let the next rotation go ahead, due now or later; each approval counts once. 400 where none is waited for."""
    facts = await found(known, caller, rotation_id, Role.OPERATOR)
    if not facts.rotation.requires_approval:
        raise BadRequest(f"The rotation {facts.rotation.name} waits for no approval")
    await record(request, caller, "rotation.approve", rotation=facts.rotation.name, id=rotation_id)
    await known.books.approve(rotation_id)
    known.rotations.wake()
    return await shown_as_it_is(known, rotation_id)
