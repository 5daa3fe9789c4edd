"""Which projects, environments and folders are there? As much as mapped secrets need."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from rotator.domain.access import Role
from rotator.domain.model import Folder
from rotator.domain.resources import Project
from rotator.options import Description, Slug, text
from rotator.web.access import Caller, Calling
from rotator.web.api.resources import Known, Resources, record, require_known
from rotator.web.api.shapes import environment_shape, folder_shape, project_shape
from rotator.web.api.values import Body, ProjectRef, SecretPath
from rotator.web.refusals import BadRequest, NotFound

router = APIRouter(tags=["projects"])


class Creation(Body):
    """A new project; `slug` is what definitions and paths call it."""

    project_name: Annotated[str, text(64, least=1)]
    slug: Slug | None = Field(default=None, description="Default: the name, where that is one.")
    project_description: Description | None = None
    environments: Annotated[tuple[Slug, ...], Field(max_length=64)] = ("dev", "staging", "prod")


class NewEnvironment(Body):
    """One more environment."""

    slug: Slug
    name: Annotated[str, text(64, least=1)] | None = None


class NewFolder(Body):
    """A folder, by the path it stands in and its name."""

    workspace_id: ProjectRef | None = None
    project_id: ProjectRef | None = None
    environment: Slug
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    path: SecretPath = "/"


@router.get("/api/v1/projects")
async def projects(caller: Calling, known: Known) -> dict[str, Any]:
    """The projects in which the caller may do something."""
    return {"projects": await _shown(known, caller)}


@router.get("/api/v1/workspace")
async def workspaces(caller: Calling, known: Known) -> dict[str, Any]:
    """The same under the older name."""
    return {"workspaces": await _shown(known, caller)}


@router.get("/api/v1/projects/{project_id}")
async def project(caller: Calling, known: Known, project_id: ProjectRef) -> dict[str, Any]:
    """One project."""
    return {"project": project_shape(await _found(known, caller, project_id), await known.books.ids())}


@router.get("/api/v1/workspace/{project_id}")
async def workspace(caller: Calling, known: Known, project_id: ProjectRef) -> dict[str, Any]:
    """The same under the older name."""
    return {"workspace": project_shape(await _found(known, caller, project_id), await known.books.ids())}


@router.get("/api/v1/projects/{project_id}/environments")
@router.get("/api/v1/workspace/{project_id}/environments")
async def environments(caller: Calling, known: Known, project_id: ProjectRef) -> dict[str, Any]:
    """The environments of a project."""
    found = await _found(known, caller, project_id)
    ids = await known.books.ids()
    return {"environments": [environment_shape(found.name, slug, ids) for slug in found.environments]}


@router.post("/api/v1/projects")
async def create(request: Request, caller: Calling, known: Known, body: Creation) -> dict[str, Any]:
    """Make a project; naming one in a rotation makes it too."""
    caller.require_everywhere()
    slug = body.slug or "-".join(body.project_name.lower().split())
    if not slug.replace("-", "").isascii() or not slug.replace("-", "").isalnum() or slug.strip("-") != slug:
        raise BadRequest(f"{body.project_name!r} makes no slug", hint="Give one as slug: a-z, 0-9 and '-'.")
    made = Project(slug, body.project_name, body.project_description or "", body.environments)
    if not await known.places.make_project(made):
        raise BadRequest(f"There is a project {slug} already")
    await record(request, caller, "project.create", project=slug)
    return {"project": project_shape(await _found(known, caller, slug), await known.books.ids())}


@router.post("/api/v1/projects/{project_id}/environments")
@router.post("/api/v1/workspace/{project_id}/environments")
async def add_environment(
    request: Request, caller: Calling, known: Known, project_id: ProjectRef, body: NewEnvironment
) -> dict[str, Any]:
    """Make an environment."""
    found = await _found(known, caller, project_id)
    caller.require(Role.ADMIN, found.name, body.slug, path="/", what=f"Project {project_id}")
    if body.slug in found.environments:
        raise BadRequest(f"There is an environment {body.slug} already")
    await record(request, caller, "environment.create", project=found.name, environment=body.slug)
    await known.places.make_folder(Folder(found.name, body.slug, "/"))
    return {"environment": environment_shape(found.name, body.slug, await known.books.ids())}


@router.get("/api/v1/folders")
@router.get("/api/v2/folders")
async def folders(
    caller: Calling,
    known: Known,
    *,
    workspace_id: Annotated[ProjectRef | None, Query(alias="workspaceId")] = None,
    project_id: Annotated[ProjectRef | None, Query(alias="projectId")] = None,
    environment: Annotated[Slug, Query()],
    path: Annotated[SecretPath, Query()] = "/",
) -> dict[str, Any]:
    """The folders that stand in one."""
    wanted = await _named(known, workspace_id or project_id)
    above = Folder(wanted, environment, path)
    caller.require(Role.READER, wanted, environment, path=path, what=f"Folder {path} of {environment}")
    every = await known.places.folders()
    if above not in every:
        raise NotFound(f"Folder {path} of {environment} not found")
    inside = sorted((each for each in every if _stands_in(each, above)), key=lambda each: each.path)
    ids = await known.books.ids()
    return {"folders": [folder_shape(each, ids) for each in inside]}


@router.post("/api/v1/folders")
@router.post("/api/v2/folders")
async def add_folder(request: Request, caller: Calling, known: Known, body: NewFolder) -> dict[str, Any]:
    """Make a folder in an environment that exists."""
    wanted = await _named(known, body.workspace_id or body.project_id)
    folder = Folder(wanted, body.environment, f"{body.path.rstrip('/')}/{body.name}")
    caller.require(Role.ADMIN, wanted, body.environment, path=folder.path, what=f"Project {wanted}")
    if Folder(wanted, body.environment, body.path) not in await known.places.folders():
        raise NotFound(f"Folder {body.path} of {body.environment} not found")
    await record(request, caller, "folder.create", project=wanted, environment=body.environment, path=folder.path)
    await known.places.make_folder(folder)
    return {"folder": folder_shape(folder, await known.books.ids())}


async def _named(known: Resources, id_or_name: str | None) -> str:
    if not id_or_name:
        raise BadRequest("The project is missing", hint="Name it by workspaceId or projectId.")
    return await known.project(id_or_name)


def _stands_in(folder: Folder, above: Folder) -> bool:
    here = (folder.project, folder.environment) == (above.project, above.environment)
    parent = folder.path.rpartition("/")[0] or "/"
    return here and folder.path != "/" and parent == above.path


async def _shown(known: Resources, caller: Caller) -> list[dict[str, Any]]:
    ids = await known.books.ids()
    every = await known.places.projects()
    return [project_shape(each, ids) for each in every if _touches(caller, each)]


async def _found(known: Resources, caller: Caller, id_or_name: str) -> Project:
    wanted = await known.project(id_or_name)
    require_known(caller, wanted)
    for each in await known.places.projects():
        if each.name == wanted:
            return each
    raise NotFound(f"Project {id_or_name} not found")


def _touches(caller: Caller, project: Project) -> bool:
    return any(grant.touches(project.name) for grant in caller.identity.grants)
