"""Where is a browser sent so that a person signs in or out, and what do we get for the code that it brings back?

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from rotator.answers import parsed
from rotator.entra.answers import Answer
from rotator.entra.grants import OFFLINE, Grants
from rotator.entra.sign_in_refusals import SignIn
from rotator.errors import DirectoryUnavailable, PermissionDenied, SignInRefused
from rotator.network import Timeouts
from rotator.references import SecretMissing
from rotator.trouble import NO_ANSWER, described, remedy

if TYPE_CHECKING:
    import httpx

    from rotator.domain.model import Secret
    from rotator.entra.clouds import Endpoints
    from rotator.network import Network
    from rotator.references import Reference

_PURPOSE: Final = "sign-in to the dashboard"
_TIMEOUTS: Final = Timeouts()
#: The most in one request, and what suffices to ask of oneself: https://learn.microsoft.com/graph/api/user-checkmembergroups
_GROUPS_AT_ONCE: Final = 20
_GROUPS_RIGHT: Final = "User.Read"


class People:
    """Signs people of one tenant in to one application, by authorisation code with PKCE."""

    def __init__(
        self,
        cloud: Endpoints,
        network: Network,
        *,
        tenant_id: str,
        client_id: str,
        client_secret: Reference | None,
        has_groups: bool,
    ) -> None:
        """Without a `client_secret` it is a public client. `has_groups`: their groups may have to be asked for."""
        self._cloud = cloud
        self._network = network
        self._client_secret = client_secret
        self._who = SignIn("", tenant_id, client_id, _PURPOSE)
        right = f" {cloud.scope.removesuffix('.default')}{_GROUPS_RIGHT}" if has_groups else ""
        self._scope = f"openid profile{right}"

    def sign_in_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where to send a browser; `challenge` is the SHA-256 of the verifier, in base64 for addresses."""
        asked = _asked(self._who.client_id, self._scope, redirect_uri, state=state, challenge=challenge)
        return f"{self._cloud.authorize_url(self._who.tenant_id)}?{urlencode({**asked, 'nonce': nonce})}"

    def sign_out_url(self, redirect_uri: str) -> str:
        """Where to send a browser so that its session with Entra ends too; it comes back to one that is registered."""
        asked = urlencode({"post_logout_redirect_uri": redirect_uri})
        return f"{self._cloud.sign_out_url(self._who.tenant_id)}?{asked}"

    async def redeem(self, code: Secret, *, redirect_uri: str, verifier: Secret) -> tuple[Secret, Secret]:
        """The id token, of which nothing has been checked, and an access token for Graph.

        Raises SignInRefused, DirectoryUnavailable, DirectoryThrottled.
        """
        try:
            secret = self._client_secret.resolve() if self._client_secret else None
        except SecretMissing as exc:
            raise SignInRefused(_PURPOSE, exc.what, hint=exc.hint) from None
        async with await self._http() as http:
            grants = Grants(http, self._cloud, self._who, client_secret=secret, seconds=_TIMEOUTS.whole)
            return await grants.identify(code, redirect_uri, verifier, scope=self._scope)

    async def groups_of(self, access_token: Secret, candidates: Collection[str]) -> frozenset[str]:
        """Those of the groups that the person is in, directly or not. Raises PermissionDenied, DirectoryUnavailable."""
        wanted = sorted(candidates)
        found: set[str] = set()
        async with await self._http() as http:
            for n in range(0, len(wanted), _GROUPS_AT_ONCE):
                found |= await self._checked(http, access_token, wanted[n : n + _GROUPS_AT_ONCE])
        return frozenset(found)

    async def _checked(self, http: httpx.AsyncClient, access_token: Secret, ids: list[str]) -> set[str]:
        """Errors of httpx hold the request with its token: they are told in our words, not raised on."""
        headers = {"Authorization": f"Bearer {access_token.reveal()}"}
        try:
            async with asyncio.timeout(_TIMEOUTS.whole):
                url = f"{self._cloud.graph}/me/checkMemberGroups"
                response = await http.post(url, json={"groupIds": ids}, headers=headers)
        except NO_ANSWER as exc:
            what, hint = described(exc, self._cloud.graph_host), remedy(exc)
            raise DirectoryUnavailable("reading a person's groups", what, hint=hint) from None
        return _members(Answer(response.status_code, response.headers, response.content))

    async def _http(self) -> httpx.AsyncClient:
        # Certificates take tens of milliseconds to parse: not in the loop.
        return await asyncio.to_thread(self._network.client, _TIMEOUTS, extra_ca_file=self._cloud.ca_file, http2=False)


def consent_url(
    cloud: Endpoints, tenant_id: str, client_id: str, *, redirect_uri: str, state: str, challenge: str
) -> str:
    """Where a person lets an application act in his name; he is asked which of his accounts is meant."""
    asked = _asked(client_id, f"{cloud.scope} {OFFLINE}", redirect_uri, state=state, challenge=challenge)
    return f"{cloud.authorize_url(tenant_id)}?{urlencode({**asked, 'prompt': 'select_account'})}"


def _asked(client_id: str, scope: str, redirect_uri: str, *, state: str, challenge: str) -> dict[str, str]:
    return {
        "client_id": client_id,
        "response_type": "code",
        "response_mode": "query",
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def _members(answer: Answer) -> set[str]:
    operation, code = "reading a person's groups", answer.error.code
    if answer.status == 403:
        hint = f"Grant the application of the dashboard Graph's delegated permission {_GROUPS_RIGHT}."
        raise PermissionDenied(operation, answer.error.message, code=code, status=403, hint=hint)
    found = parsed(answer.content).get("value")
    if answer.status != 200 or not isinstance(found, list):
        what = answer.error.message or f"Graph answered {answer.status}"
        raise DirectoryUnavailable(operation, what, code=code, status=answer.status)
    return {str(each) for each in found}
