"""How does a machine in Azure sign in? With a token of its own tenant, if the identity lets that principal in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field, StringConstraints

from rotator.domain.access import Identity, Method, Note, SignIn, TokenRule
from rotator.web.access import Caller, Calling, address_of
from rotator.web.auth.azure_tokens import GRAPH, checked, principals_of
from rotator.web.auth.minting import mint
from rotator.web.auth.rules import Body, IdInPath, RuleBody, identity_of, shown_sign_in
from rotator.web.auth.tokens import TokenAnswer, issued_answer
from rotator.web.envelope import id_of, refused_as
from rotator.web.parts import Parts, parts_of
from rotator.web.refusals import BadRequest, NotFound, Unauthorized

router = APIRouter(prefix="/api/v1/auth/azure-auth", tags=["azure-auth"])
_EMPTY = "The allow-list is empty: nobody can sign in until it names a principal or allowAnyPrincipal is true"


def _tenant(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("must be the id of a tenant (a UUID)") from None


def _resource(value: str) -> str:
    if value.rstrip("/").lower() in GRAPH:
        raise ValueError("must not be Microsoft Graph, whose tokens are for Graph alone to read")
    return value


def _principals(value: str) -> str:
    return ",".join(dict.fromkeys(part.strip().lower() for part in value.split(",") if part.strip()))


_Tenant = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), AfterValidator(_tenant)]
_Resource = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1024), AfterValidator(_resource)
]
_Principals = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=8192),
    AfterValidator(_principals),
    Field(description="Object ids or client ids, with commas between them."),
]


class Attach(RuleBody):
    """How machines of which tenant sign in as the identity."""

    tenant_id: _Tenant
    resource: _Resource
    allowed_service_principal_ids: _Principals = ""
    allow_any_principal: bool = False


class Patch(RuleBody):
    """As in attaching; what is absent stays."""

    tenant_id: _Tenant | None = None
    resource: _Resource | None = None
    allowed_service_principal_ids: _Principals | None = None
    allow_any_principal: bool | None = None


class Login(Body):
    """Who, and the token of Entra that proves it."""

    identity_id: Annotated[str, Field(min_length=1, max_length=64)]
    jwt: Annotated[str, Field(min_length=1)]
    organization_slug: Annotated[str | None, Field(max_length=64)] = None


@router.post("/login")
async def login(body: Login, request: Request) -> TokenAnswer:
    """Exchange a token of a managed identity or a service principal for an access token."""
    parts = parts_of(request)
    refused_as(request, identity=body.identity_id)
    sign_in = await parts.access.sign_in(Method.AZURE, identity=body.identity_id)
    identity = await parts.access.identity(body.identity_id) if sign_in else None
    if sign_in is None or identity is None:
        raise NotFound(f"No Azure Auth is attached to an identity {body.identity_id[:64]!r}")
    parts.limits.take("logins", identity.id)
    principal = await _principal(parts, sign_in, body.jwt)
    issued = mint(identity.id, Method.AZURE, sign_in.rule, now=parts.access.now())
    note = Note(
        "login.azure-auth",
        identity.name,
        identity.id,
        address_of(request),
        id_of(request),
        {"principal": principal, "accessTokenId": issued.token.id},
    )
    await parts.access.keep_token(issued.token, note)
    return issued_answer(issued)


async def _principal(parts: Parts, sign_in: SignIn, jwt: str) -> str:
    """The object id of who has signed in. Raises Unauthorized for whom the identity does not let in."""
    facts = sign_in.facts
    allowed = frozenset(filter(None, str(facts["allowedServicePrincipalIds"]).split(",")))
    if not allowed and facts.get("allowAnyPrincipal") is not True:
        raise Unauthorized("The allow-list is empty", hint="Name a service principal, or set allowAnyPrincipal: true.")
    tenant_id, resource = str(facts["tenantId"]), str(facts["resource"])
    claims = await checked(jwt, parts.keyring, tenant_id=tenant_id, resource=resource)
    if allowed and not allowed & principals_of(claims):
        raise Unauthorized(f"The service principal {str(claims['oid'])[:64]} is not on the allow-list")
    return str(claims["oid"])


@router.post("/identities/{identity_id}")
async def attach(identity_id: IdInPath, body: Attach, calling: Calling, request: Request) -> dict[str, Any]:
    """Let machines of a tenant sign in as the identity."""
    calling.require_everywhere()
    parts = parts_of(request)
    identity = await identity_of(parts, identity_id)
    now = parts.access.now()
    facts = {
        "tenantId": body.tenant_id,
        "resource": body.resource,
        "allowedServicePrincipalIds": body.allowed_service_principal_ids,
        "allowAnyPrincipal": body.allow_any_principal,
    }
    rule = body.merged(TokenRule())
    made = SignIn(str(uuid4()), identity_id, Method.AZURE, rule, now, now, handle=identity_id, facts=facts)
    if not await parts.access.attach(made, calling.note("azure-auth.attach", identity=identity.name, **facts)):
        raise BadRequest("Azure Auth is attached to this identity already", hint="Use PATCH to change it.")
    return _shown(made)


@router.patch("/identities/{identity_id}")
async def patch(identity_id: IdInPath, body: Patch, calling: Calling, request: Request) -> dict[str, Any]:
    """Change how machines sign in as the identity."""
    parts = parts_of(request)
    identity, known = await _attached(parts, calling, identity_id)
    given = body.model_dump(
        by_alias=True, include={"tenant_id", "resource", "allowed_service_principal_ids", "allow_any_principal"}
    )
    facts = dict(known.facts) | {name: value for name, value in given.items() if value is not None}
    changed = replace(known, rule=body.merged(known.rule), facts=facts, updated_at=parts.access.now())
    await parts.access.patch(changed, calling.note("azure-auth.patch", identity=identity.name, **facts))
    return _shown(changed)


@router.get("/identities/{identity_id}")
async def get(identity_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """Show how machines sign in as the identity."""
    _, known = await _attached(parts_of(request), calling, identity_id)
    return _shown(known)


@router.delete("/identities/{identity_id}")
async def detach(identity_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """Let no more machines sign in so; their tokens end at once."""
    parts = parts_of(request)
    identity, known = await _attached(parts, calling, identity_id)
    await parts.access.detach(identity_id, Method.AZURE, calling.note("azure-auth.detach", identity=identity.name))
    return _shown(known)


async def _attached(parts: Parts, calling: Caller, identity_id: str) -> tuple[Identity, SignIn]:
    calling.require_everywhere()
    identity = await identity_of(parts, identity_id)
    known = await parts.access.sign_in(Method.AZURE, identity=identity_id)
    if known is None:
        raise BadRequest("Azure Auth is not attached to this identity")
    return identity, known


def _shown(sign_in: SignIn) -> dict[str, Any]:
    facts: Mapping[str, object] = sign_in.facts
    is_closed = not facts["allowedServicePrincipalIds"] and not facts["allowAnyPrincipal"]
    return {"identityAzureAuth": shown_sign_in(sign_in, facts)} | ({"warning": _EMPTY} if is_closed else {})
