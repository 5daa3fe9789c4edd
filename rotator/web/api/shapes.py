"""How do connections, projects and secrets look from outside? In Infisical's names and forms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from rotator.domain.model import Facts, Folder
from rotator.domain.next_time import next_rotation_at
from rotator.domain.outside import at
from rotator.domain.resources import Ids, Project, ShownConnection, ShownSecret

APP = "azure-client-secrets"
HIDDEN = "<hidden-by-infisical>"


def connection_shape(connection: ShownConnection, ids: Ids, own: Facts | None) -> dict[str, Any]:
    """One connection; `own` are the facts of the rotation of its own secret."""
    credentials = {"tenantId": connection.tenant_id}
    if connection.client_id:
        credentials["clientId"] = connection.client_id
    return {
        "id": connection.id,
        "name": connection.name,
        "description": connection.description or None,
        "orgId": ids.organisation,
        "app": APP,
        "method": connection.method,
        "cloud": connection.cloud,
        "credentials": credentials,
        "credentialsHash": connection.fingerprint,
        "version": connection.version,
        "isPlatformManagedCredentials": False,
        "gatewayId": None,
        "projectId": ids.project(connection.project) if connection.project else None,
        "project": _project_of(connection.project, ids),
        "isAutoRotationEnabled": connection.auto,
        "rotation": _own_rotation(connection, own),
        "definedAt": connection.defined_at or None,
        "createdAt": at(connection.created_at),
        "updatedAt": at(connection.updated_at),
    }


def _project_of(name: str, ids: Ids) -> dict[str, Any] | None:
    if not name:
        return None
    return {"name": name, "id": ids.project(name), "type": "secret-manager", "slug": name}


def _own_rotation(connection: ShownConnection, own: Facts | None) -> dict[str, Any] | None:
    schedule = connection.schedule
    if schedule is None:
        return None
    standing = own.standing if own else None
    return {
        "rotationInterval": schedule.interval,
        "rotateAtUtc": {"hours": schedule.hour, "minutes": schedule.minute},
        "rotationStatus": standing.status.value if standing and standing.status else None,
        "lastRotationMessage": (standing.message if standing else "") or None,
        "nextRotationAt": at(next_rotation_at(own)) if own and connection.auto else None,
    }


def brief_connection(connection: ShownConnection, ids: Ids) -> dict[str, Any]:
    """One element of `available`."""
    project = ids.project(connection.project) if connection.project else None
    named = {"app": APP, "name": connection.name, "id": connection.id}
    return {**named, "projectId": project, "orgId": ids.organisation}


def project_shape(project: Project, ids: Ids) -> dict[str, Any]:
    """One project with its environments."""
    return {
        "id": ids.project(project.name),
        "_id": ids.project(project.name),
        "name": project.title or project.name,
        "slug": project.name,
        "description": project.description or None,
        "type": "secret-manager",
        "orgId": ids.organisation,
        "environments": [environment_shape(project.name, slug, ids) for slug in project.environments],
        "createdAt": at(project.made_at),
    }


def environment_shape(project: str, slug: str, ids: Ids) -> dict[str, Any]:
    """One environment."""
    return {"id": ids.environment(project, slug), "name": slug, "slug": slug}


def folder_shape(folder: Folder, ids: Ids) -> dict[str, Any]:
    """One folder."""
    name = folder.path.rpartition("/")[2] or "root"
    environment = ids.environment(folder.project, folder.environment)
    return {"id": ids.folder(folder), "name": name, "path": folder.path, "envId": environment}


def secret_shape(secret: ShownSecret, ids: Ids, *, hidden: bool = False) -> dict[str, Any]:
    """One mapped secret; `hidden`: without its value."""
    secret_id = ids.secret(secret.folder, secret.name)
    return {
        "id": secret_id,
        "_id": secret_id,
        "workspace": ids.project(secret.folder.project),
        "environment": secret.folder.environment,
        "version": secret.version,
        "type": "shared",
        "secretKey": secret.name,
        "secretValue": HIDDEN if hidden else secret.text.reveal(),
        "secretComment": "",
        "secretReminderNote": None,
        "secretReminderRepeatDays": None,
        "skipMultilineEncoding": False,
        "createdAt": at(secret.created_at),
        "updatedAt": at(secret.updated_at),
        "isRotatedSecret": True,
        "rotationId": secret.rotation_id,
        "secretPath": secret.folder.path,
        "secretValueHidden": hidden,
        "secretMetadata": [],
        "tags": [],
    }


def etag(secrets: Iterable[ShownSecret], *, hidden: bool = False) -> str:
    """Differs whenever what is shown differs; tells nothing of the values."""
    said = [f"{each.folder.path}\n{each.name}\n{each.key_id}\n{each.version}" for each in secrets]
    return '"' + hashlib.sha256("\n\n".join([str(hidden), *said]).encode()).hexdigest()[:32] + '"'
