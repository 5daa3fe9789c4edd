"""What does the token endpoint give for a person's sign-in: for a code once, for a refresh token again and again?

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.answers import parsed, retry_after
from rotator.domain.model import Secret
from rotator.entra.sign_in_refusals import Refused, SignIn, sign_in_refused
from rotator.errors import DirectoryError, DirectoryThrottled, DirectoryUnavailable, SignInRefused
from rotator.trouble import NO_ANSWER, described, remedy

if TYPE_CHECKING:
    import httpx

    from rotator.entra.clouds import Endpoints

#: Asked for beside the resource, so that a refresh token comes with the access token.
OFFLINE = "offline_access"


@dataclass(frozen=True, slots=True)
class Granted:
    """An access token and how long it lives, in seconds; the refresh and id tokens, where they were given."""

    access_token: Secret
    seconds: float
    refresh_token: Secret | None
    id_token: Secret | None = None


class Grants:
    """Asks in the name of one application. Nothing is sent twice; no error holds a form, a code or a token.

    All methods raise SignInRefused, DirectoryUnavailable or DirectoryThrottled.
    """

    def __init__(
        self, http: httpx.AsyncClient, cloud: Endpoints, who: SignIn, *, client_secret: Secret | None, seconds: float
    ) -> None:
        self._http = http
        self._cloud = cloud
        self._who = who
        self._client_secret = client_secret
        self._seconds = seconds
        self._operation = who.operation

    async def redeem(self, code: Secret, redirect_uri: str, verifier: Secret | None = None) -> Secret:
        """The refresh token for a code, which is of no use any more afterwards; `verifier` is that of its challenge."""
        granted = await self._ask(code, **_of_code(code, redirect_uri, verifier))
        if granted.refresh_token is None:
            hint = f"Send the browser to /authorize with {OFFLINE} in its scope."
            raise SignInRefused(self._operation, "the code brought no refresh token", hint=hint)
        return granted.refresh_token

    async def identify(self, code: Secret, redirect_uri: str, verifier: Secret, *, scope: str) -> tuple[Secret, Secret]:
        """The id token of the person who has signed in, for a code that came of that scope, and the access token."""
        granted = await self._ask(code, scope=scope, **_of_code(code, redirect_uri, verifier))
        if granted.id_token is None:
            raise SignInRefused(self._operation, "the code brought no id token")
        return granted.id_token, granted.access_token

    async def refresh(self, token: Secret, claims: str = "") -> Granted:
        """An access token for a refresh token, and the next refresh token."""
        more = {"claims": claims} if claims else {}
        return await self._ask(token, grant_type="refresh_token", refresh_token=token.reveal(), **more)

    async def _ask(self, grant: Secret, **form: str) -> Granted:
        answer = await self._answer(form)
        if isinstance(answer, DirectoryError):
            raise answer
        if answer.status_code == 429:
            raise DirectoryThrottled(self._operation, retry_after=retry_after(answer.headers))
        body = parsed(answer.content)
        token = body.get("access_token")
        if answer.status_code == 200 and isinstance(token, str) and token:
            lifetime = body.get("expires_in")
            return Granted(
                Secret(token),
                float(lifetime) if isinstance(lifetime, int | float) else 0.0,
                _secret(body.get("refresh_token")),
                _secret(body.get("id_token")),
            )
        raise self._refusal(
            answer, hide=[grant.reveal(), *([self._client_secret.reveal()] if self._client_secret else [])]
        )

    async def _answer(self, form: dict[str, str]) -> httpx.Response | DirectoryError:
        """Errors of httpx hold the request and so the form: they are told in our words, not raised on."""
        whole = {"client_id": self._who.client_id, "scope": f"{self._cloud.scope} {OFFLINE}", **form}
        if self._client_secret is not None:
            whole["client_secret"] = self._client_secret.reveal()
        host = self._cloud.authority.partition("://")[2]
        try:
            async with asyncio.timeout(self._seconds):
                return await self._http.post(self._cloud.token_url(self._who.tenant_id), data=whole)
        except NO_ANSWER as exc:
            return DirectoryUnavailable(self._operation, described(exc, host), hint=remedy(exc))

    def _refusal(self, answer: httpx.Response, *, hide: list[str]) -> DirectoryError:
        refused, status = Refused.read(answer.content), answer.status_code
        if status >= 500 or not refused.error:
            what = f"the answer is not one of Entra (HTTP {status})"
            return DirectoryUnavailable(
                self._operation, what, status=status, hint="A proxy on the way may have answered."
            )
        return sign_in_refused(refused, self._who, status=status, hide=hide)


def _of_code(code: Secret, redirect_uri: str, verifier: Secret | None) -> dict[str, str]:
    proof = {"code_verifier": verifier.reveal()} if verifier is not None else {}
    return {"grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": redirect_uri, **proof}


def _secret(value: object) -> Secret | None:
    return Secret(value) if isinstance(value, str) and value else None
