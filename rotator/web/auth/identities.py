"""Which machines may call us, and in which role, where? Kept by admins of everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from rotator.domain.access import Grant, Identity, Role
from rotator.web.access import Calling
from rotator.web.auth.rules import Body, IdInPath, identity_of, moment
from rotator.web.parts import parts_of
from rotator.web.refusals import BadRequest, Invalid

router = APIRouter(prefix="/api/v1/identities", tags=["identities"])
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[ -~]+$")]
_Place = Annotated[str, Field(max_length=256)]


class GrantBody(Body):
    """A role, and where; an empty project, environment or path is any."""

    role: Role
    project: _Place = ""
    environment: _Place = ""
    path: Annotated[str, Field(max_length=256, pattern=r"^(/.*)?$")] = ""


class Create(Body):
    """A new identity: one role with its place, or a list of grants."""

    name: _Name
    role: Role | None = None
    project: _Place = ""
    environment: _Place = ""
    path: Annotated[str, Field(max_length=256, pattern=r"^(/.*)?$")] = ""
    grants: Annotated[list[GrantBody], Field(max_length=100, default_factory=list)]


class Patch(Body):
    """Another name, other grants; what is absent stays."""

    name: _Name | None = None
    role: Role | None = None
    grants: Annotated[list[GrantBody], Field(max_length=100)] | None = None


@router.post("")
async def create(body: Create, calling: Calling, request: Request) -> dict[str, Any]:
    """Make an identity. It signs in once a way to sign in is attached to it."""
    calling.require_everywhere()
    grants = [_grant(each) for each in body.grants]
    if body.role is not None:
        grants.insert(0, _checked(Grant(body.role, body.project, body.environment, body.path)))
    if not grants:
        raise Invalid("An identity needs a role, or grants")
    note = calling.note("identity.create", identity=body.name, grants=[_shown_grant(each) for each in grants])
    made = await parts_of(request).access.add_identity(str(uuid4()), body.name, grants=grants, note=note)
    if made is None:
        raise BadRequest(f"The name {body.name!r} is taken by another identity")
    return {"identity": _shown(made)}


@router.get("")
async def every(calling: Calling, request: Request) -> dict[str, Any]:
    """List all identities, by name."""
    calling.require_everywhere()
    found = await parts_of(request).access.all_identities()
    return {"identities": [_shown(each) for each in found], "totalCount": len(found)}


@router.get("/{identity_id}")
async def get(identity_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """Show an identity."""
    calling.require_everywhere()
    return {"identity": _shown(await identity_of(parts_of(request), identity_id))}


@router.patch("/{identity_id}")
async def patch(identity_id: IdInPath, body: Patch, calling: Calling, request: Request) -> dict[str, Any]:
    """Change name or grants. Tokens that are out obey at their next use."""
    calling.require_everywhere()
    parts = parts_of(request)
    known = await identity_of(parts, identity_id)
    grants = known.grants if body.grants is None else tuple(map(_grant, body.grants))
    grants = (Grant(body.role),) if body.role is not None else grants
    if not grants:
        raise Invalid("An identity needs a role, or grants")
    changed = replace(known, name=body.name or known.name, grants=grants, updated_at=parts.access.now())
    note = calling.note("identity.patch", identity=changed.name, grants=[_shown_grant(each) for each in grants])
    if not await parts.access.change_identity(changed, note):
        raise BadRequest(f"The name {changed.name!r} is taken by another identity")
    return {"identity": _shown(changed)}


@router.delete("/{identity_id}")
async def delete(identity_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """Take an identity away. Its tokens end at once."""
    calling.require_everywhere()
    parts = parts_of(request)
    known = await identity_of(parts, identity_id)
    await parts.access.remove_identity(identity_id, calling.note("identity.delete", identity=known.name))
    return {"identity": _shown(known)}


def _grant(body: GrantBody) -> Grant:
    return _checked(Grant(body.role, body.project, body.environment, body.path))


def _checked(grant: Grant) -> Grant:
    """An environment or a path says nothing without what it is in. Raises Invalid."""
    if (grant.environment and not grant.project) or (grant.path and not grant.environment):
        raise Invalid("A path needs an environment, and an environment a project")
    return grant


def _shown(identity: Identity) -> dict[str, Any]:
    return {
        "id": identity.id,
        "name": identity.name,
        "role": identity.grants[0].role.value if identity.grants else "",
        "grants": [_shown_grant(each) for each in identity.grants],
        "createdAt": moment(identity.created_at),
        "updatedAt": moment(identity.updated_at),
    }


def _shown_grant(grant: Grant) -> dict[str, str]:
    return {
        "role": grant.role.value,
        "project": grant.project,
        "environment": grant.environment,
        "path": grant.path,
    }
