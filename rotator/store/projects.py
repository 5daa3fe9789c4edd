"""Which projects, environments and folders are there? Those that were made, and those that definitions name."""

from __future__ import annotations

import json
from collections import defaultdict

from sqlalchemy import bindparam, select

from rotator.domain.model import Folder
from rotator.domain.resources import Project
from rotator.store.resources_schema import folders, projects
from rotator.store.rows import instant
from rotator.store.schema import mapped_names, rotations
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, upsert

_PROJECTS = Prepared(select(projects))
_FOLDERS = Prepared(select(folders.c.project, folders.c.environment, folders.c.path))
_DEFINED = Prepared(select(rotations.c.document).where(rotations.c.own_connection == ""))
_MAPPED = Prepared(select(mapped_names.c.project, mapped_names.c.environment, mapped_names.c.path).distinct())
_PROJECT = upsert(projects, fixed=("created_at",))
_FOLDER = upsert(folders, fixed=("created_at",))
_KNOWN = Prepared(select(projects.c.name).where(projects.c.name == bindparam("wanted")))


def every_folder(tx: Transaction) -> set[Folder]:
    """All folders, with all that lead to them."""
    named = {Folder(*row) for row in tx.rows(_FOLDERS)} | {Folder(*row) for row in tx.rows(_MAPPED)}
    named |= {Folder(**json.loads(row[0])["folder"]) for row in tx.rows(_DEFINED)}
    return {Folder(each.project, each.environment, path) for each in named for path in _leading(each.path)}


def every_project(tx: Transaction) -> list[Project]:
    """All projects with their environments, by name."""
    environments: defaultdict[str, set[str]] = defaultdict(set)
    for folder in every_folder(tx):
        environments[folder.project].add(folder.environment)
    made = {row[0]: row for row in tx.rows(_PROJECTS)}
    found = []
    for name in sorted({*environments, *made}):
        _, title, description, created_at = made.get(name, (name, name, "", None))
        at = None if created_at is None else instant(created_at)
        found.append(Project(name, title, description, tuple(sorted(environments[name])), at))
    return found


def make_project(tx: Transaction, project: Project) -> bool:
    """Make it with its environments. False: the name is taken."""
    if any(each.name == project.name for each in every_project(tx)):
        return False
    values = {"name": project.name, "title": project.title, "description": project.description}
    tx.run(_PROJECT, {**values, "created_at": tx.now})
    for environment in project.environments:
        make_folder(tx, Folder(project.name, environment, "/"))
    return True


def make_folder(tx: Transaction, folder: Folder) -> None:
    """Make it, and the environment and the project that it stands in, unless they are there."""
    if tx.row(_KNOWN, {"wanted": folder.project}) is None:
        plain = {"name": folder.project, "title": folder.project, "description": ""}
        tx.run(_PROJECT, {**plain, "created_at": tx.now})
    place = {"project": folder.project, "environment": folder.environment, "path": folder.path}
    tx.run(_FOLDER, {**place, "created_at": tx.now})


def _leading(path: str) -> list[str]:
    """`/a/b` and what it stands in: `/`, `/a`, `/a/b`."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))]
