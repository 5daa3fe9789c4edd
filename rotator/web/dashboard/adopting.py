"""How does a secret that exists come under our watch? A rotation that adopts it, from a form; nothing is rotated yet.

As with `rotator inventory --adopt`: the person says which secret, under which name, and where new ones will be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from rotator.domain.adopting import slugs_of, word_of
from rotator.domain.model import Application
from rotator.domain.resources import ShownConnection
from rotator.errors import RotatorError
from rotator.ports import Listed
from rotator.redaction import redact_text
from rotator.web.api.connections import visible_connections
from rotator.web.api.rotation_bodies import Creation
from rotator.web.api.rotation_changes import made_rotation
from rotator.web.dashboard.drafts import place_of
from rotator.web.dashboard.steps import require_admin_somewhere, said_of_problem
from rotator.web.dashboard.visits import Visit, page
from rotator.web.refusals import NotFound

_FIELDS = ("key", "name", "project", "environment", "path", "idName", "secretName")


@dataclass(frozen=True, slots=True)
class Found:
    """An application as Entra shows it now, with its valid secrets, the last to end first."""

    connection: ShownConnection
    application: Application
    secrets: tuple[Listed, ...]


async def _ask(visit: Visit) -> Response:
    require_admin_somewhere(visit)
    found = await _found(visit, visit.asked("connection"), visit.asked("app"))
    name = await _free(visit, found.application.name)
    word = word_of(name)
    said = {"name": name, "environment": "prod", "path": "/", "project": ""}
    said |= {"key": visit.asked("key"), "idName": f"{word}_CLIENT_ID", "secretName": f"{word}_CLIENT_SECRET"}
    return _page(visit, found, said, {})


async def _adopt(visit: Visit) -> Response:
    """Define it; it adopts the secret at once, and rotates only when that is switched on."""
    require_admin_somewhere(visit)
    found = await _found(visit, visit.sent("connection"), visit.sent("app"))
    said = {name: visit.sent(name) for name in _FIELDS}
    if said["key"] not in {each.key_id for each in found.secrets}:
        return _page(visit, found, said, {"key": "choose one of the secrets"}, status=422)
    try:
        body = Creation.model_validate(_body(found, said))
        known = visit.dashboard.resources
        rotation = await made_rotation(visit.request, visit.who, known, body, adopt=said["key"])
    except (ValidationError, RequestValidationError) as problem:
        return _page(visit, found, said, _mistakes(problem), status=422)
    except RotatorError as problem:
        return _page(visit, found, said, {"": said_of_problem(problem)}, status=400)
    return visit.to(f"/rotations/{rotation.id}")


async def _found(visit: Visit, connection_name: str, object_id: str) -> Found:
    known = visit.dashboard.resources
    connections = await visible_connections(known, visit.who)
    connection = next((each for each in connections if each.name == connection_name), None)
    if connection is None:
        raise NotFound(f"There is no connection {connection_name} that you may use")
    now = await visit.dashboard.books.now()
    registration = await known.connections.registration(connection, object_id)
    valid = [each for each in registration.credentials if each.expires_at is not None and each.expires_at > now]
    secrets = sorted(valid, key=lambda each: each.expires_at or now, reverse=True)
    return Found(connection, registration.application, tuple(secrets))


async def _free(visit: Visit, name: str) -> str:
    """A name for its rotation that nobody has."""
    books = visit.dashboard.resources.books
    for each in slugs_of(name):
        if not await books.facts([each]):
            return each
    raise AssertionError(name)  # there is always a next one


def _body(found: Found, said: Mapping[str, str]) -> dict[str, Any]:
    app = found.application
    return {
        "name": said["name"],
        "projectId": said["project"],
        "connectionId": found.connection.id,
        "environment": said["environment"],
        "secretPath": said["path"],
        "isAutoRotationEnabled": False,
        "rotationInterval": 30,
        "parameters": {"objectId": app.object_id, "clientId": app.client_id, "appName": app.name},
        "secretsMapping": {"clientId": said["idName"], "clientSecret": said["secretName"]},
    }


def _mistakes(problem: ValidationError | RequestValidationError) -> dict[str, str]:
    """By the fields of the form; what concerns none of them stands at its head."""
    found: dict[str, str] = {}
    for error in problem.errors():
        _, field = place_of([str(part) for part in error["loc"]])
        said = redact_text(str(error["msg"]).removeprefix("Value error, "))
        found.setdefault(field if field in _FIELDS else "", said)
    return found


def _page(
    visit: Visit, found: Found, said: Mapping[str, str], mistakes: Mapping[str, str], *, status: int = 200
) -> Response:
    return visit.page("adopt.html", status=status, found=found, said=said, mistakes=mistakes)


_HERE = "/inventory/adopt"
ROUTES = [page(_HERE, _ask), page(_HERE, _adopt, methods=["POST"])]
