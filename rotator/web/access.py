"""Who is calling, and what may he do? The dependency `Calling` of every route that is not open to all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from rotator.domain.access import Bearer, Identity, Note, Role
from rotator.domain.secret import Secret
from rotator.web.addresses import is_among
from rotator.web.auth.minting import digest_of, is_same
from rotator.web.envelope import denied_as, id_of
from rotator.web.parts import Parts, parts_of
from rotator.web.refusals import Forbidden, NotFound, Refused, TokenRefused, Unauthorized

_READS = ("GET", "HEAD")
#: Only for the OpenAPI document: the header is read below, with refusals of our own.
_SCHEME = HTTPBearer(auto_error=False, description="An access token, from a login or `rotator identity token`.")


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity, at this moment and from this address."""

    bearer: Bearer
    address: str
    request_id: str

    @property
    def identity(self) -> Identity:
        return self.bearer.identity

    def may(self, role: Role, project: str, environment: str = "", path: str = "") -> bool:
        """Tell whether he may act in that role there."""
        return self.identity.may(role, project, environment, path)

    def require(self, role: Role, project: str, environment: str = "", *, path: str = "", what: str) -> None:
        """Raise NotFound for `what` he may not even read of there, Forbidden for what he may read but not do."""
        if self.may(role, project, environment, path):
            return
        if self.may(Role.READER, project, environment, path):
            raise Forbidden(f"The identity {self.identity.name} is no {role.value} of that place")
        raise NotFound(f"{what} not found")

    @property
    def is_everywhere(self) -> bool:
        """An admin of everything."""
        return any(grant.role is Role.ADMIN and grant.is_everywhere for grant in self.identity.grants)

    def require_everywhere(self) -> None:
        """Raise Forbidden for who is not an admin of everything: identities and connections belong to no project."""
        if not self.is_everywhere:
            raise Forbidden(f"The identity {self.identity.name} is no admin of everything")

    def note(self, kind: str, **facts: object) -> Note:
        """A row of the audit about what he does."""
        return Note(kind, self.identity.name, self.identity.id, self.address, self.request_id, facts)


async def caller(request: Request, _scheme: Annotated[object, Security(_SCHEME)]) -> Caller:
    """The caller of this request, or a refusal; the dependency."""
    return await caller_of(request)


async def caller_of(request: Request) -> Caller:
    """The caller of this request. Raises what he is refused by."""
    parts = parts_of(request)
    digest = digest_of(bearer_text(request))
    address = address_of(request)
    known = await parts.access.bearer(digest)
    try:
        bearer = await admitted(parts, known, digest, address)
    except Refused as problem:
        await _record_refusal(request, parts, known, problem)
        raise
    parts.limits.take("reads" if request.method in _READS else "changes", bearer.identity.id)
    found = Caller(bearer, address, id_of(request))
    denied_as(request, partial(_record_denial, request, found))
    return found


async def _record_denial(request: Request, who: Caller, why: str) -> None:
    """A row of the audit about what he may see but not do."""
    note = who.note("access.denied", method=request.method, path=request.url.path[:256], why=why)
    await parts_of(request).audit.record(note)


async def still_admitted(parts: Parts, caller: Caller) -> Bearer | None:
    """The caller's token as it is known now, or None when it is worth nothing any more; counts no use."""
    known = await parts.access.bearer(caller.bearer.token.digest)
    try:
        _check(known, caller.bearer.token.digest, caller.address)
    except Refused:
        return None
    return known


async def admitted(parts: Parts, known: Bearer | None, digest: str, address: str) -> Bearer:
    """The token, if it is ours and may still be used from there; counts the use. Raises what a caller is refused by."""
    bearer = _check(known, digest, address)
    if bearer.token.uses_limit and not await parts.access.spend(digest):
        raise Unauthorized("The access token has been used as often as it may be", hint="Sign in again.")
    return bearer


def _check(bearer: Bearer | None, digest: str, address: str) -> Bearer:
    if bearer is None or not is_same(digest, bearer.token.digest):
        raise TokenRefused("The access token is not known, or has been revoked")
    if bearer.token.expires_at is not None and bearer.token.expires_at <= bearer.now:
        raise TokenRefused("The access token has expired", hint="Sign in again.")
    if not is_among(address, bearer.rule.trusted):
        raise Forbidden(f"The access token is not trusted from {address}")
    return bearer


async def _record_refusal(request: Request, parts: Parts, bearer: Bearer | None, problem: Refused) -> None:
    """A row of the audit before he hears of it. Too many are no row each, or the disk would be who is attacked.

    Raises TooMany.
    """
    address = address_of(request)
    parts.limits.take("refusals", address)
    name, identity_id = (bearer.identity.name, bearer.identity.id) if bearer else ("", "")
    facts = {"method": request.method, "path": request.url.path[:256], "status": problem.status, "why": problem.what}
    await parts.audit.record(Note("bearer.refused", name, identity_id, address, id_of(request), facts))


def bearer_text(request: Request) -> Secret:
    """What stands in the Authorization header."""
    header = request.headers.get("authorization", "")
    scheme, _, text = header.partition(" ")
    if not header:
        raise Unauthorized("The access token is missing", hint="Send it as 'Authorization: Bearer TOKEN'.")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenRefused("The Authorization header holds no bearer token")
    return Secret(text.strip())


def address_of(request: Request) -> str:
    """The client's address, as the gate has found it."""
    return str(request.scope["rotator.address"])


Calling = Annotated[Caller, Depends(caller)]
