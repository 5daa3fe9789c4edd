"""How does a person change a connection, or take it out? By forms; what it signs in with is never sent back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from rotator.domain.model import Facts
from rotator.domain.resources import ShownConnection
from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.api.connection_bodies import Patch
from rotator.web.api.connections import changed_connection, connection_to_change, removed_connection
from rotator.web.dashboard.connections import CREDENTIALS
from rotator.web.dashboard.mistakes import Mistakes, mistakes_of
from rotator.web.dashboard.visits import Visit, page

#: What of the credentials is no secret, and so shown.
_OPEN = ("tenantId", "clientId")
_PLAIN = ("name", "description", *_OPEN, "auto", "interval")
#: Rotations that a page names.
_MOST_USERS = 50


@dataclass(frozen=True, slots=True)
class Users:
    """The rotations over a connection: those he may see, and how many there are."""

    named: Sequence[Facts]
    count: int


async def _ask(visit: Visit) -> Response:
    connection = await _connection(visit)
    return _form(visit, connection, _said_of(connection), {})


async def _change(visit: Visit) -> Response:
    """Change it when that signs in; else the form again with all but the secrets, and what is wrong."""
    connection = await _connection(visit)
    said = {name: visit.sent(name) for name in _PLAIN}
    if visit.sent("version") != str(connection.version):
        return _moved(visit, connection, said)
    try:
        body = Patch.model_validate(_body(visit, connection))
        if body.given():
            known = visit.dashboard.resources
            await changed_connection(visit.request, visit.who, known, connection=connection, body=body)
    except (ValidationError, RequestValidationError) as problem:
        return _form(visit, connection, said, mistakes_of(problem), status=422)
    except RotatorError as problem:
        return _form(visit, connection, said, {"": redact_text(str(problem))}, status=400)
    return visit.to("/connections")


async def _ask_to_remove(visit: Visit) -> Response:
    connection = await _connection(visit)
    return await _removal(visit, connection)


async def _remove(visit: Visit) -> Response:
    """Take it out; refused while a rotation uses it."""
    connection = await _connection(visit)
    if visit.sent("name") != connection.name:
        said = f"Type the name, {connection.name}, to say that you mean this one."
        return await _removal(visit, connection, said, status=422)
    try:
        await removed_connection(visit.request, visit.who, visit.dashboard.resources, connection)
    except RotatorError as problem:
        return await _removal(visit, connection, redact_text(str(problem)), status=400)
    return visit.to("/connections")


async def _connection(visit: Visit) -> ShownConnection:
    connection_id = visit.request.path_params["id"]
    return await connection_to_change(visit.dashboard.resources, visit.who, connection_id)


def _said_of(connection: ShownConnection) -> dict[str, str]:
    """How it is, in the words of the form."""
    return {
        "name": connection.name,
        "description": connection.description,
        "tenantId": connection.tenant_id,
        "clientId": connection.client_id,
        "auto": "yes" if connection.auto else "",
        "interval": str(connection.schedule.interval) if connection.schedule else "60",
    }


def _body(visit: Visit, connection: ShownConnection) -> dict[str, object]:
    """What is different, as the API has it; without a new secret the old one stays."""
    before = _said_of(connection)
    body: dict[str, object] = {
        name: visit.sent(name) for name in ("name", "description") if visit.sent(name) != before[name]
    }
    wanted = CREDENTIALS.get(connection.method, ())
    given = {name: visit.sent(name) for name in wanted if visit.sent(name)}
    if any(given.get(name, "") != before.get(name, "") for name in wanted):
        body["credentials"] = given
    if connection.method != "client-secret":
        return body
    auto, interval = bool(visit.sent("auto")), visit.sent("interval") or before["interval"]
    if auto != connection.auto:
        body["isAutoRotationEnabled"] = auto
    if auto and (not connection.auto or interval != before["interval"]):
        body["rotation"] = {"rotationInterval": interval}
    return body


def _moved(visit: Visit, connection: ShownConnection, said: Mapping[str, str]) -> Response:
    now = _said_of(connection)
    words = {"tenantId": "tenant id", "clientId": "client id", "auto": "own rotation", "interval": "days between"}
    differ = [f"{words.get(name, name)} is {now[name] or 'empty'}" for name in _PLAIN if said[name] != now[name]]
    what = "Somebody else has changed this connection since you began; nothing has been saved. "
    what += f"By now its {', its '.join(differ)}." if differ else "What you see is how it is by now, save its secrets."
    hint = " Saving again puts what stands below in its place. Secrets have to be typed again."
    return _form(visit, connection, said, {"": what + hint}, status=409)


def _form(
    visit: Visit, connection: ShownConnection, said: Mapping[str, str], mistakes: Mistakes, *, status: int = 200
) -> Response:
    asked = CREDENTIALS.get(connection.method, ())
    return visit.page(
        "connection_edit.html", status=status, connection=connection, said=said, mistakes=mistakes, asked=asked
    )


async def _removal(visit: Visit, connection: ShownConnection, said: str = "", *, status: int = 200) -> Response:
    users = await _users(visit, connection)
    return visit.page("connection_delete.html", status=status, connection=connection, users=users, said=said)


async def _users(visit: Visit, connection: ShownConnection) -> Users:
    """Whoever may change a connection is admin of all the places that may use it."""
    facts = await visit.dashboard.resources.books.facts()
    using = [each for each in facts if each.rotation.connection == connection.name]
    return Users(using[:_MOST_USERS], len(using))


_HERE = "/connections/{id}"
ROUTES = [
    page(f"{_HERE}/edit", _ask),
    page(f"{_HERE}/edit", _change, methods=["POST"]),
    page(f"{_HERE}/delete", _ask_to_remove),
    page(f"{_HERE}/delete", _remove, methods=["POST"]),
]
