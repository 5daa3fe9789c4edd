"""How do we reach tenants, and does each way work? The connections, tried on request, made by a form."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from rotator.domain.model import Facts
from rotator.domain.next_time import next_rotation_at
from rotator.domain.resources import ShownConnection
from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.access import Caller
from rotator.web.api.connection_bodies import METHODS, Creation
from rotator.web.api.connections import ask_to_rotate, found_connection, made_connection, visible_connections
from rotator.web.dashboard.mistakes import Mistakes, mistakes_of
from rotator.web.dashboard.visits import Visit, page

#: By a form; a person's own sign-in has a page of its own, for his browser goes to Microsoft and comes back.
_METHODS = tuple(method for method in METHODS if method != "oauth")
#: Method -> the fields of the form that are its credentials.
CREDENTIALS = {
    "client-secret": ("tenantId", "clientId", "clientSecret"),
    "certificate": ("tenantId", "clientId", "certificateBody", "privateKey"),
    "managed-identity": ("tenantId", "clientId"),
    "workload-identity": ("tenantId", "clientId"),
}
_PLAIN = ("name", "method", "cloud", "description", "tenantId", "clientId", "auto", "interval")


@dataclass(frozen=True, slots=True)
class Row:
    """One connection, with the rotation of its own secret if there is one."""

    shown: ShownConnection
    own: Facts | None
    next_at: object
    may_change: bool


async def _connections(visit: Visit) -> Response:
    return await _listed(visit)


async def _try(visit: Visit) -> Response:
    """Sign in and read a first page of applications: what a rotation needs before anything else."""
    connection = await found_connection(visit.dashboard.resources, visit.who, visit.request.path_params["id"])
    await visit.record("connection.try", connection=connection.name, id=connection.id)
    try:
        async with aclosing(visit.dashboard.resources.connections.applications(connection)) as pages:
            seen = len(await anext(pages, ()))
    except RotatorError as problem:
        return await _listed(visit, tried=connection.name, said=redact_text(str(problem)), ok=False)
    said = f"It signs in, and sees {'applications' if seen else 'no application'}."
    return await _listed(visit, tried=connection.name, said=said, ok=bool(seen))


async def _rotate(visit: Visit) -> Response:
    known = visit.dashboard.resources
    connection = await found_connection(known, visit.who, visit.request.path_params["id"])
    await ask_to_rotate(visit.request, visit.who, known, connection)
    return visit.to("/connections")


async def _ask(visit: Visit) -> Response:
    visit.who.require_everywhere()
    return _form(visit, {}, {})


async def _make(visit: Visit) -> Response:
    """Make it when it has signed in; else the form again, with what is wrong, without the secrets."""
    visit.who.require_everywhere()
    try:
        body = Creation.model_validate(_body(visit))
        await made_connection(visit.request, visit.who, visit.dashboard.resources, body)
    except (ValidationError, RequestValidationError) as problem:
        return _form(visit, {name: visit.sent(name) for name in _PLAIN}, mistakes_of(problem), status=422)
    except RotatorError as problem:
        said = {"": redact_text(str(problem))}
        return _form(visit, {name: visit.sent(name) for name in _PLAIN}, said, status=400)
    return visit.to("/connections")


def _body(visit: Visit) -> dict[str, object]:
    """What the form says, as the API has it; what the method has no use for is left out."""
    method = visit.sent("method")
    credentials = {name: visit.sent(name) for name in CREDENTIALS.get(method, ()) if visit.sent(name)}
    body: dict[str, object] = {"name": visit.sent("name"), "method": method, "credentials": credentials}
    body |= {"cloud": visit.sent("cloud") or "public", "description": visit.sent("description")}
    if method == "client-secret" and visit.sent("auto"):
        body |= {"isAutoRotationEnabled": True, "rotation": {"rotationInterval": visit.sent("interval") or "60"}}
    return body


def _form(visit: Visit, said: Mapping[str, str], mistakes: Mistakes, *, status: int = 200) -> Response:
    values = {name: said.get(name, "") for name in _PLAIN}
    may_sign_in = visit.dashboard.may_consent
    return visit.page(
        "connection_new.html", status=status, said=values, mistakes=mistakes, methods=_METHODS, may_sign_in=may_sign_in
    )


async def _listed(visit: Visit, *, tried: str = "", said: str = "", ok: bool = True) -> Response:
    known, who = visit.dashboard.resources, visit.who
    found = await visible_connections(known, who)
    names = [f"connection-{each.name}" for each in found if each.schedule]
    facts = await known.books.facts(names) if names else ()
    owns = {each.rotation.own_connection: each for each in facts if each.rotation.own_connection}
    rows = [_row(each, owns.get(each.name), who) for each in found]
    now = await visit.dashboard.books.now()
    return visit.page("connections.html", rows=rows, now=now, tried=tried, said=said, ok=ok)


def _row(shown: ShownConnection, own: Facts | None, who: Caller) -> Row:
    return Row(shown, own, next_rotation_at(own) if own else None, who.is_everywhere)


ROUTES = [
    page("/connections", _connections),
    page("/connections/new", _ask),
    page("/connections/new", _make, methods=["POST"]),
    page("/connections/{id}/try", _try, methods=["POST"]),
    page("/connections/{id}/rotate", _rotate, methods=["POST"]),
]
