"""What do the mapped secrets say? `/api/v3/secrets/raw` and its newer form `/api/v4/secrets`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from rotator.domain.access import Role
from rotator.domain.model import Folder
from rotator.domain.resources import Ids, ShownSecret
from rotator.options import Slug
from rotator.web.access import Caller, Calling, caller_of
from rotator.web.api.resources import Known, Resources, record, resources_of
from rotator.web.api.shapes import etag, secret_shape
from rotator.web.api.values import ProjectRef, SecretName, SecretPath, Switch, number
from rotator.web.queries import described, read_by
from rotator.web.quick import in_path, quick
from rotator.web.refusals import BadRequest, Invalid, NotFound

router = APIRouter(tags=["secrets"])
_V3, _V4 = "/api/v3/secrets/raw", "/api/v4/secrets"


class Where(BaseModel):
    """Project, environment and path, in the names of both versions; what only concerns other stores is passed by."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    workspace_id: ProjectRef | None = None
    project_id: ProjectRef | None = None
    workspace_slug: ProjectRef | None = None
    project_slug: ProjectRef | None = None
    environment: Slug
    secret_path: SecretPath = "/"  # noqa: S105 - a path

    @property
    def project(self) -> str:
        """However it was named."""
        found = self.workspace_id or self.project_id or self.workspace_slug or self.project_slug
        if not found:
            raise Invalid("The project is missing", hint="Name it by workspaceId, projectId or projectSlug.")
        return found


class Wish(Where):
    """What to show of it."""

    view_secret_value: Switch = True
    recursive: Switch = False


class WishForOne(Where):
    """What to show of one."""

    view_secret_value: Switch = True
    version: Annotated[int, number(1, 2_000_000_000)] | None = None
    type: Literal["shared", "personal"] = "shared"


@router.get(_V3, openapi_extra=described(Wish))
@router.get(_V4, openapi_extra=described(Wish))
async def secrets(
    request: Request, caller: Calling, known: Known, wish: Annotated[Wish, Depends(read_by(Wish))]
) -> Response:
    """The mapped secrets of a folder; with `If-None-Match`, 304 when nothing has changed."""
    folder = await _folder(known, caller, wish, Role.READER)
    found = [one for each in await _folders(known, folder, deep=wish.recursive) for one in await _in(known, each)]
    hidden = not wish.view_secret_value
    tag = etag(found, hidden=hidden)
    if _is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    if not hidden:
        names = [each.name for each in found]
        await record(request, caller, "secret.list", **_place(folder), names=names)
    ids = Ids(known.installation)
    shown = [secret_shape(each, ids, hidden=hidden) for each in found]
    return _tagged({"secrets": shown, "imports": []}, tag)


@router.get(f"{_V3}/{{name}}", openapi_extra=described(WishForOne))
@router.get(f"{_V4}/{{name}}", openapi_extra=described(WishForOne))
async def secret(
    request: Request,
    caller: Calling,
    known: Known,
    name: SecretName,
    wish: Annotated[WishForOne, Depends(read_by(WishForOne))],
) -> Response:
    """One mapped secret as it is, or was in a version whose credential lives; `If-None-Match`: 304 when unchanged."""
    folder = await _folder(known, caller, wish, Role.READER)
    found = await known.places.shown_secret(folder, name)
    if found is not None and wish.version not in {None, found.version}:
        found = await known.places.shown_version(folder, name, wish.version or 0)
    if found is None:
        raise NotFound(f"Secret with name '{name}' not found")
    hidden = not wish.view_secret_value
    tag = etag([found], hidden=hidden)
    if _is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    if not hidden:
        await record(request, caller, "secret.read", **_place(folder), name=name, version=found.version)
    return _tagged({"secret": secret_shape(found, Ids(known.installation), hidden=hidden)}, tag)


_NAME: TypeAdapter[str] = TypeAdapter(SecretName)
_WISH = read_by(WishForOne)


async def _secret(request: Request) -> Response:
    who, name = await caller_of(request), in_path(_NAME, request, "name")
    return await secret(request, who, await resources_of(request), name, await _WISH(request))


#: What is asked most of all.
QUICK = tuple(quick(f"{version}/{{name}}", _secret) for version in (_V3, _V4))


@router.post(f"{_V3}/{{name}}")
@router.post(f"{_V4}/{{name}}")
@router.patch(f"{_V3}/{{name}}")
@router.patch(f"{_V4}/{{name}}")
async def edit(caller: Calling, known: Known, name: SecretName, body: Where) -> None:
    """Refused: values here are written by rotations alone."""
    folder = await _folder(known, caller, body, Role.READER)
    if await known.places.shown_secret(folder, name) is None:
        raise BadRequest("Only rotated secrets are kept here", hint="Make a rotation that maps this name.")
    raise BadRequest(f"Cannot edit the rotated secret '{name}'", hint="Rotate it instead.")


@router.delete(f"{_V3}/{{name}}")
@router.delete(f"{_V4}/{{name}}")
async def delete(request: Request, caller: Calling, known: Known, name: SecretName, body: Where) -> dict[str, Any]:
    """Remove a secret whose rotation has been let go; refused while there is one."""
    folder = await _folder(known, caller, body, Role.ADMIN)
    found = await known.places.shown_secret(folder, name)
    if found is None:
        raise NotFound(f"Secret with name '{name}' not found")
    if await _has_rotation(known, found):
        raise BadRequest(f"Cannot delete the rotated secret '{name}'", hint="Delete its rotation with deleteSecrets.")
    await record(request, caller, "secret.delete", **_place(folder), name=name)
    await known.places.unmap(folder, [name], found.rotation_id)
    return {"secret": secret_shape(found, Ids(known.installation), hidden=True)}


async def _folder(known: Resources, caller: Caller, where: Where, role: Role) -> Folder:
    folder = Folder(await known.project(where.project), where.environment, where.secret_path)
    place = f"Folder {folder.path} of {folder.environment} in project {where.project}"
    caller.require(role, folder.project, folder.environment, path=folder.path, what=place)
    return folder


async def _folders(known: Resources, folder: Folder, *, deep: bool) -> list[Folder]:
    every = await known.places.folders()
    if folder not in every:
        raise NotFound(f"Folder {folder.path} of {folder.environment} not found")
    return sorted((each for each in every if deep and _is_below(each, folder)), key=lambda f: f.path) or [folder]


def _is_below(folder: Folder, above: Folder) -> bool:
    here = (folder.project, folder.environment) == (above.project, above.environment)
    return here and (folder == above or folder.path.startswith(f"{above.path.rstrip('/')}/"))


async def _in(known: Resources, folder: Folder) -> list[ShownSecret]:
    return list(await known.places.shown_secrets(folder))


async def _has_rotation(known: Resources, found: ShownSecret) -> bool:
    try:
        await known.books.look(found.rotation_id)
    except KeyError:
        return False
    return True


def _is_known(request: Request, tag: str) -> bool:
    said = request.headers.get("if-none-match", "")
    return said == "*" or tag in (each.strip().removeprefix("W/") for each in said.split(","))


def _tagged(body: dict[str, Any], tag: str) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(body, headers={"ETag": tag})


def _place(folder: Folder) -> dict[str, str]:
    return {"project": folder.project, "environment": folder.environment, "path": folder.path}
