"""How does a connection come to act in a person's name? His browser goes to Microsoft, and comes back with a code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.access import address_of
from rotator.web.api.connection_bodies import Creation, Patch
from rotator.web.api.connections import changed_connection, connection_to_change, made_connection
from rotator.web.dashboard import cookies
from rotator.web.dashboard.flows import LIFE, Flow
from rotator.web.dashboard.mistakes import Mistakes, mistakes_of
from rotator.web.dashboard.parts import Consent
from rotator.web.dashboard.visits import CONSENT_RETURN, Visit, page
from rotator.web.refusals import BadRequest, NotFound

_FIELDS = ("name", "tenantId", "cloud", "description")
_LONGEST_SAID = 300


async def _ask(visit: Visit) -> Response:
    _allowed(visit)
    tenants = {each.tenant_id for each in await visit.dashboard.resources.connections.connections()}
    known = tenants.pop() if len(tenants) == 1 else ""
    return _form(visit, {"tenantId": known}, {})


async def _begin(visit: Visit) -> Response:
    """What was said goes along in the browser's cookie; nothing is kept here until it comes back."""
    _allowed(visit)
    said = {name: visit.sent(name) for name in _FIELDS}
    said["cloud"] = said["cloud"] or "public"
    try:
        _creation(said, code="later")
        if said["name"] in {each.name for each in await visit.dashboard.resources.connections.connections()}:
            return _form(visit, said, {"name": "is the name of another connection"}, status=422)
        return _sent_away(visit, said, said["tenantId"], said["cloud"])
    except ValidationError as problem:
        return _form(visit, said, mistakes_of(problem), status=422)
    except RotatorError as problem:
        return _form(visit, said, {"": redact_text(str(problem))}, status=400)


async def _again(visit: Visit) -> Response:
    """For a connection whose consent has ended, or is to be another person's."""
    _allowed(visit)
    known, connection_id = visit.dashboard.resources, visit.request.path_params["id"]
    connection = await connection_to_change(known, visit.who, connection_id)
    if connection.method != "oauth":
        raise BadRequest(f"The connection {connection.name} does not act in a person's name")
    about = {"id": connection.id, "tenantId": connection.tenant_id}
    return _sent_away(visit, about, connection.tenant_id, connection.cloud)


async def _return(visit: Visit) -> Response:
    """What came back becomes the connection's, if this session has begun it; once."""
    _allowed(visit)
    visit.dashboard.parts.limits.take("logins", address_of(visit.request))
    flow = Flow.kept(cookies.read(visit.request, cookies.CONSENT, is_secure=visit.dashboard.is_secure), _holder(visit))
    state = visit.asked("state", most=256)
    if flow is None or not flow.is_of(state):
        raise BadRequest("This sign-in was not begun in this session, or more than ten minutes ago")
    if not visit.dashboard.seen.is_first(state):
        raise BadRequest("This sign-in has come back before")
    answer = await _kept(visit, json.loads(flow.about), flow)
    cookies.remove(answer, cookies.CONSENT, is_secure=visit.dashboard.is_secure)
    return answer


async def _kept(visit: Visit, said: Mapping[str, str], flow: Flow) -> Response:
    """Make or change the connection with the code; else a page that says why not."""
    known, code = visit.dashboard.resources, visit.asked("code", most=4096)
    proof = {"code": code, "codeVerifier": flow.verifier.reveal()}
    try:
        if not code:
            told = visit.asked("error_description", most=_LONGEST_SAID) or visit.asked("error") or "no code"
            raise BadRequest(f"Microsoft has not signed you in: {redact_text(told.partition(' Trace ID:')[0])}")
        if "id" in said:
            connection = await connection_to_change(known, visit.who, said["id"])
            body = Patch.model_validate({"credentials": {"tenantId": said["tenantId"], **proof}})
            await changed_connection(visit.request, visit.who, known, connection=connection, body=body)
        else:
            await made_connection(visit.request, visit.who, known, _creation(said, **proof))
    except (ValidationError, RequestValidationError) as problem:
        return _form(visit, said, mistakes_of(problem), status=422)
    except RotatorError as problem:
        if "id" in said:
            raise
        return _form(visit, said, {"": redact_text(str(problem))}, status=400)
    return visit.to("/connections")


def _creation(said: Mapping[str, str], **proof: str) -> Creation:
    """As the API has it. Raises ValidationError."""
    body: dict[str, Any] = {name: said[name] for name in ("name", "cloud", "description")}
    return Creation.model_validate({**body, "method": "oauth", "credentials": {"tenantId": said["tenantId"], **proof}})


def _sent_away(visit: Visit, about: Mapping[str, str], tenant_id: str, cloud: str) -> Response:
    """By a page and not by a redirect: browsers let no form lead to another server (form-action)."""
    flow = Flow.begun(json.dumps(dict(about)), _holder(visit))
    url = _allowed(visit).url(tenant_id, cloud, state=flow.state, challenge=flow.challenge)
    said = "Microsoft asks you to sign in, and sends you back here"
    answer = visit.page("onward.html", onward=url, title="To Microsoft", said=said)
    cookies.write(answer, cookies.CONSENT, flow.cookie, life=LIFE, is_secure=visit.dashboard.is_secure)
    return answer


def _allowed(visit: Visit) -> Consent:
    """Raises Forbidden and NotFound."""
    visit.who.require_everywhere()
    consent = visit.dashboard.consent
    if consent is None or not visit.dashboard.may_consent:
        hint = f"Configure api.oauth with a redirectUri that ends in {CONSENT_RETURN}."
        raise NotFound("Nobody signs in for a connection here", hint=hint)
    return consent


def _holder(visit: Visit) -> str:
    """The session: what it has begun, no other may end."""
    return visit.who.bearer.token.digest


def _form(visit: Visit, said: Mapping[str, str], mistakes: Mistakes, *, status: int = 200) -> Response:
    values = {name: said.get(name, "") for name in _FIELDS}
    return visit.page("connection_sign_in.html", status=status, said=values, mistakes=mistakes)


ROUTES = [
    page("/connections/sign-in", _ask),
    page("/connections/sign-in", _begin, methods=["POST"]),
    page("/connections/{id}/sign-in", _again, methods=["POST"]),
    page(CONSENT_RETURN, _return),
]
