"""How long may an access token be used? Renewed by its bearer within its maximal life, revoked by him at any time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from rotator.domain.access import Issued, Note, TokenRule
from rotator.domain.secret import Secret
from rotator.web.access import Calling, address_of
from rotator.web.auth.minting import digest_of, expiry
from rotator.web.envelope import id_of
from rotator.web.parts import parts_of
from rotator.web.refusals import TokenRefused, Unauthorized

router = APIRouter(prefix="/api/v1/auth/token", tags=["sign-in"])
_TEXT = Field(min_length=1, max_length=256)


class TokenBody(BaseModel):
    """A token speaks for itself; nothing else is needed."""

    accessToken: str = _TEXT  # noqa: N815 - Infisical's name


class TokenAnswer(BaseModel):
    """What a login answers. Seconds; 0 is no limit."""

    accessToken: str  # noqa: N815
    expiresIn: int  # noqa: N815
    accessTokenMaxTTL: int  # noqa: N815
    tokenType: str = "Bearer"  # noqa: N815


def answer_of(text: Secret, expires_at: datetime | None, rule: TokenRule, *, now: datetime) -> TokenAnswer:
    """A token as its login or its renewal answers it."""
    left = 0 if expires_at is None else max(0, int((expires_at - now) / timedelta(seconds=1)))
    return TokenAnswer(accessToken=text.reveal(), expiresIn=left, accessTokenMaxTTL=int(rule.max_ttl.total_seconds()))


def issued_answer(issued: Issued) -> TokenAnswer:
    """A fresh token as its login answers it."""
    return answer_of(issued.text, issued.token.expires_at, issued.rule, now=issued.token.created_at)


@router.post("/renew")
async def renew(body: TokenBody, request: Request) -> TokenAnswer:
    """Let a token live for another accessTokenTTL, though not beyond its accessTokenMaxTTL."""
    access, text = parts_of(request).access, Secret(body.accessToken)
    digest = digest_of(text)
    bearer = await access.bearer(digest)
    if bearer is None or (bearer.token.expires_at is not None and bearer.token.expires_at <= bearer.now):
        raise TokenRefused("The access token is not known, or has expired or been revoked")
    until = expiry(bearer.rule, created_at=bearer.token.created_at, now=bearer.now)
    if until is not None and until <= bearer.now:
        raise Unauthorized("The access token has reached its maximal life", hint="Sign in again.")
    await access.renew_token(digest, until, _note(request, "token.renew", bearer.identity.name, bearer.identity.id))
    return answer_of(text, until, bearer.rule, now=bearer.now)


@router.post("/revoke")
async def revoke(body: TokenBody, request: Request) -> dict[str, str]:
    """End a token now. One that is not known needs no ending."""
    access, digest = parts_of(request).access, digest_of(Secret(body.accessToken))
    bearer = await access.bearer(digest)
    if bearer is not None:
        note = _note(request, "token.revoke", bearer.identity.name, bearer.identity.id)
        await access.revoke_token(digest, note)
    return {"message": "Successfully revoked access token"}


@router.get("/whoami")
async def whoami(calling: Calling) -> dict[str, Any]:
    """Say whose token this is, and what it may do."""
    identity = calling.identity
    grants = [
        {"role": each.role.value, "project": each.project, "environment": each.environment, "path": each.path}
        for each in identity.grants
    ]
    return {"identity": {"id": identity.id, "name": identity.name, "grants": grants}}


def _note(request: Request, kind: str, name: str, identity_id: str) -> Note:
    return Note(kind, name, identity_id, address_of(request), id_of(request))
