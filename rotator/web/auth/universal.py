"""How does a machine sign in that has nothing but a secret? With a client id and a client secret of ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import Field

from rotator.domain.access import EVERYWHERE, ClientSecret, Identity, Method, Note, SignIn, TokenRule
from rotator.domain.secret import Secret
from rotator.web.access import Caller, Calling, address_of
from rotator.web.addresses import is_among
from rotator.web.auth.minting import digest_of, is_same, mint, mint_secret
from rotator.web.auth.rules import (
    Body,
    IdInPath,
    RuleBody,
    Seconds,
    TrustedIps,
    Uses,
    identity_of,
    moment,
    networks_of,
    shown_networks,
    shown_sign_in,
)
from rotator.web.auth.tokens import TokenAnswer, issued_answer
from rotator.web.envelope import id_of, refused_as
from rotator.web.parts import Parts, parts_of
from rotator.web.refusals import BadRequest, NotFound, Unauthorized

router = APIRouter(prefix="/api/v1/auth/universal-auth", tags=["universal-auth"])
#: Compared with when there is nothing to compare with, so that an unknown client takes as long as a known one.
_NOBODY = "0" * 64


class Settings(RuleBody):
    """How the identity signs in by client id and secret; what is absent stays, or is Infisical's default."""

    client_secret_trusted_ips: TrustedIps | None = None


class SecretBody(Body):
    """A client secret to be made. Seconds; 0 is no limit."""

    description: Annotated[str, Field(max_length=256)] = ""
    num_uses_limit: Uses = 0
    ttl: Seconds = 0


class Login(Body):
    """Client id and client secret."""

    client_id: Annotated[str, Field(min_length=1, max_length=64)]
    client_secret: Annotated[str, Field(min_length=1, max_length=256)]


@router.post("/login")
async def login(body: Login, request: Request) -> TokenAnswer:
    """Exchange a client id and secret for an access token."""
    parts, address = parts_of(request), address_of(request)
    refused_as(request, clientId=body.client_id)
    sign_in = await parts.access.sign_in(Method.UNIVERSAL, handle=body.client_id)
    secret = await _matching(parts, sign_in, Secret(body.client_secret))
    if sign_in is None or secret is None:
        raise Unauthorized("Invalid credentials")
    identity = await identity_of(parts, sign_in.identity_id)
    parts.limits.take("logins", identity.id)
    if not is_among(address, _trusted(sign_in)):
        raise Unauthorized(f"The client secret is not trusted from {address}")
    if not await parts.access.spend_secret(secret.id):
        raise Unauthorized("The client secret has been used as often as it may be")
    issued = mint(identity.id, Method.UNIVERSAL, sign_in.rule, now=parts.access.now())
    facts = {"clientSecretId": secret.id, "accessTokenId": issued.token.id}
    note = Note("login.universal-auth", identity.name, identity.id, address, id_of(request), facts)
    await parts.access.keep_token(issued.token, note)
    return issued_answer(issued)


async def _matching(parts: Parts, sign_in: SignIn | None, text: Secret) -> ClientSecret | None:
    """The living secret that this is; every one is compared, in a time that tells nothing."""
    digest, now = digest_of(text), parts.access.now()
    kept = await parts.access.secrets_of(sign_in.identity_id if sign_in else "")
    living = [each for each in kept if each.revoked_at is None and (each.expires_at is None or each.expires_at > now)]
    is_same(digest, _NOBODY)
    same = [each for each in living if is_same(digest, each.digest)]
    return same[0] if same else None


@router.post("/identities/{identity_id}")
async def attach(identity_id: IdInPath, body: Settings, calling: Calling, request: Request) -> dict[str, Any]:
    """Let the identity sign in by client id and secret."""
    calling.require_everywhere()
    parts = parts_of(request)
    identity = await identity_of(parts, identity_id)
    now = parts.access.now()
    facts = {"clientSecretTrustedIps": list(networks_of(body.client_secret_trusted_ips) or EVERYWHERE)}
    rule, client_id = body.merged(TokenRule()), str(uuid4())
    made = SignIn(str(uuid4()), identity_id, Method.UNIVERSAL, rule, now, now, handle=client_id, facts=facts)
    if not await parts.access.attach(made, calling.note("universal-auth.attach", identity=identity.name)):
        raise BadRequest("Universal Auth is attached to this identity already", hint="Use PATCH to change it.")
    return _shown(made)


@router.patch("/identities/{identity_id}")
async def patch(identity_id: IdInPath, body: Settings, calling: Calling, request: Request) -> dict[str, Any]:
    """Change how the identity signs in by client id and secret."""
    parts = parts_of(request)
    identity, known = await _attached(parts, calling, identity_id)
    facts = {"clientSecretTrustedIps": list(networks_of(body.client_secret_trusted_ips) or _trusted(known))}
    changed = replace(known, rule=body.merged(known.rule), facts=facts, updated_at=parts.access.now())
    await parts.access.patch(changed, calling.note("universal-auth.patch", identity=identity.name))
    return _shown(changed)


@router.get("/identities/{identity_id}")
async def get(identity_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """Show how the identity signs in by client id and secret."""
    _, known = await _attached(parts_of(request), calling, identity_id)
    return _shown(known)


@router.delete("/identities/{identity_id}")
async def detach(identity_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """Let it sign in so no more; its client secrets and tokens end at once."""
    parts = parts_of(request)
    identity, known = await _attached(parts, calling, identity_id)
    note = calling.note("universal-auth.detach", identity=identity.name)
    await parts.access.detach(identity_id, Method.UNIVERSAL, note)
    return _shown(known)


@router.post("/identities/{identity_id}/client-secrets")
async def make_secret(identity_id: IdInPath, body: SecretBody, calling: Calling, request: Request) -> dict[str, Any]:
    """Make a client secret. It is shown here and never again."""
    parts = parts_of(request)
    identity, known = await _attached(parts, calling, identity_id)
    text, secret = mint_secret(
        identity_id,
        now=parts.access.now(),
        description=body.description,
        ttl=timedelta(seconds=body.ttl),
        uses_limit=body.num_uses_limit,
    )
    note = calling.note("client-secret.create", identity=identity.name, clientSecretId=secret.id)
    await parts.access.keep_secret(secret, note)
    return {"clientSecret": text.reveal(), "clientSecretData": _shown_secret(secret, known)}


@router.get("/identities/{identity_id}/client-secrets")
async def list_secrets(identity_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """List the client secrets that have not been revoked, without their texts."""
    parts = parts_of(request)
    _, known = await _attached(parts, calling, identity_id)
    kept = await parts.access.secrets_of(identity_id)
    return {"clientSecretData": [_shown_secret(each, known) for each in kept if each.revoked_at is None]}


@router.get("/identities/{identity_id}/client-secrets/{secret_id}")
async def get_secret(identity_id: IdInPath, secret_id: IdInPath, calling: Calling, request: Request) -> dict[str, Any]:
    """Show a client secret, without its text."""
    parts = parts_of(request)
    _, known = await _attached(parts, calling, identity_id)
    return {"clientSecretData": _shown_secret(await _secret(parts, identity_id, secret_id), known)}


@router.post("/identities/{identity_id}/client-secrets/{secret_id}/revoke")
async def revoke_secret(
    identity_id: IdInPath, secret_id: IdInPath, calling: Calling, request: Request
) -> dict[str, Any]:
    """End a client secret. Tokens that came of it live on until they expire or are revoked."""
    parts = parts_of(request)
    identity, known = await _attached(parts, calling, identity_id)
    await _secret(parts, identity_id, secret_id)
    note = calling.note("client-secret.revoke", identity=identity.name, clientSecretId=secret_id)
    await parts.access.revoke_secret(identity_id, secret_id, note)
    return {"clientSecretData": _shown_secret(await _secret(parts, identity_id, secret_id), known)}


async def _secret(parts: Parts, identity_id: str, secret_id: str) -> ClientSecret:
    kept = await parts.access.secrets_of(identity_id)
    found = next((each for each in kept if each.id == secret_id), None)
    if found is None:
        raise NotFound(f"Client secret with ID {secret_id} not found")
    return found


async def _attached(parts: Parts, calling: Caller, identity_id: str) -> tuple[Identity, SignIn]:
    calling.require_everywhere()
    identity = await identity_of(parts, identity_id)
    known = await parts.access.sign_in(Method.UNIVERSAL, identity=identity_id)
    if known is None:
        raise BadRequest("Universal Auth is not attached to this identity")
    return identity, known


def _trusted(sign_in: SignIn) -> tuple[str, ...]:
    named = sign_in.facts.get("clientSecretTrustedIps")
    return tuple(map(str, named)) if isinstance(named, list) else EVERYWHERE


def _shown(sign_in: SignIn) -> dict[str, Any]:
    facts = {"clientId": sign_in.handle, "clientSecretTrustedIps": shown_networks(_trusted(sign_in))}
    return {"identityUniversalAuth": shown_sign_in(sign_in, facts)}


def _shown_secret(secret: ClientSecret, sign_in: SignIn) -> dict[str, Any]:
    lives = (secret.expires_at - secret.created_at) if secret.expires_at else timedelta(0)
    return {
        "id": secret.id,
        "identityUAId": sign_in.id,
        "description": secret.description,
        "clientSecretPrefix": secret.prefix,
        "clientSecretNumUses": secret.uses,
        "clientSecretNumUsesLimit": secret.uses_limit,
        "clientSecretTTL": int(lives.total_seconds()),
        "isClientSecretRevoked": secret.revoked_at is not None,
        "createdAt": moment(secret.created_at),
        "updatedAt": moment(secret.revoked_at or secret.created_at),
    }
