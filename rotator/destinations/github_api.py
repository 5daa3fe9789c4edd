"""How does a destination speak to GitHub, and as whom: by a token, or as an App?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rotator.answers import retry_after
from rotator.destinations.wire import Answer, open_wire, resolved, said
from rotator.domain.model import Secret
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable

if TYPE_CHECKING:
    from rotator.destinations.github_actions import Auth, Options
    from rotator.destinations.surroundings import Surroundings

_PUBLIC = "https://api.github.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
#: An App's token lives for an hour; https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
_TOKEN_SECONDS = 3300
_HINTS = {
    401: "The token or key is not accepted; make a new one and name it in auth",
    403: "Give the token or App the permissions Secrets and Variables: read and write",
    404: "Check repository, organisation and environment, and that the token or App may see them",
}


@dataclass(slots=True)
class Held:
    """An App's token, for all destinations of the same owner; `until` on the monotonic clock."""

    token: Secret | None = None
    until: float = 0.0
    permissions: Mapping[str, Any] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class GitHub:
    """Requests as a token or an App. All methods raise DestinationUnavailable or DestinationRefused."""

    def __init__(self, options: Options, surroundings: Surroundings) -> None:
        self._options = options
        self._place = options.place()
        self._server = options.endpoint or _PUBLIC
        self._wire = open_wire(options, self._place, surroundings, hints=_HINTS)
        self._clock = surroundings.clock
        self._environment = surroundings.environment
        owner = options.organisation or options.repository
        self._held = surroundings.kept.get(("github-actions", self._server, owner, options.auth), Held)
        self._scopes: str | None = None

    async def ask(
        self, operation: str, method: str, path: str, *, wanted: Collection[int] = (), **request: Any
    ) -> Answer:
        """As `Wire.send`, below the server's address."""
        token = await self._token(operation)
        answer = await self._send(operation, method, path, token, wanted=wanted, **request)
        if answer.status == 401 and self._held.token is not None:
            self._held.token = None
            answer = await self._send(operation, method, path, await self._token(operation), wanted=wanted, **request)
        self._scopes = answer.headers.get("x-oauth-scopes")
        return self._judged(operation, path, answer, wanted)

    async def check_rights(self) -> None:
        """Refuse when GitHub says that something is missing; of a fine-grained token it says nothing beforehand."""
        organisation = self._options.organisation is not None
        if self._held.token is not None:
            needed = ["organization_secrets", "organization_actions_variables"] if organisation else self._needed()
            missing = [each for each in needed if self._held.permissions.get(each) not in {"write", "admin"}]
            if missing:
                detail = f"the App lacks write on {', '.join(missing)}"
                raise DestinationRefused(self._place, "check", detail, hint="Grant it in the App's permissions")
        needed_scope = "admin:org" if organisation else "repo"
        if self._scopes and needed_scope not in {each.strip() for each in self._scopes.split(",")}:
            detail = f"the token lacks the scope {needed_scope}"
            raise DestinationRefused(self._place, "check", detail, hint="Make a token that has it")

    async def close(self) -> None:
        """Let go of connections."""
        await self._wire.close()

    def _needed(self) -> list[str]:
        return ["environments"] if self._options.environment else ["secrets", "actions_variables"]

    async def _send(
        self, operation: str, method: str, path: str, token: Secret, *, wanted: Collection[int] = (), **request: Any
    ) -> Answer:
        """What GitHub says to whoever is refused is judged by `_judged`."""
        headers = {**_HEADERS, "Authorization": f"Bearer {token.reveal()}"}
        url = f"{self._server}{path}"
        return await self._wire.send(
            operation, method, url, wanted={401, 403, 429, *wanted}, headers=headers, **request
        )

    def _judged(self, operation: str, path: str, answer: Answer, wanted: Collection[int]) -> Answer:
        if 200 <= answer.status < 300 or answer.status in wanted:
            return answer
        raise self._throttled(operation, answer) or self._wire.failure(operation, f"{self._server}{path}", answer)

    def _throttled(self, operation: str, answer: Answer) -> DestinationError | None:
        """GitHub says 403 as well when it has had enough; https://docs.github.com/rest/using-the-rest-api/rate-limits."""
        spent = answer.headers.get("x-ratelimit-remaining") == "0"
        wait = retry_after(answer.headers)
        if answer.status not in {403, 429} or not (spent or wait or answer.status == 429):
            return None
        reset = answer.headers.get("x-ratelimit-reset", "")
        if wait is None and spent and reset.isdigit():
            wait = timedelta(seconds=max(0, int(reset) - int(self._clock.now().timestamp())))
        detail = f"GitHub has had too many requests{said(answer.content)}"
        return DestinationUnavailable(self._place, operation, detail, retry_after=wait)

    async def _token(self, operation: str) -> Secret:
        auth = self._options.auth
        if auth is None:
            return self._of_environment(operation)
        if auth.token is not None:
            return resolved(auth.token, self._place, operation)
        async with self._held.turn:
            if self._held.token is None or self._clock.monotonic() >= self._held.until:
                await self._sign_in(auth, operation)
            assert self._held.token is not None
            return self._held.token

    def _of_environment(self, operation: str) -> Secret:
        text = self._environment.get("GITHUB_TOKEN")
        if not text:
            hint = "Set it, or name a sign-in with auth"
            raise DestinationRefused(self._place, operation, "variable GITHUB_TOKEN is not set", hint=hint)
        return Secret(text)

    async def _sign_in(self, auth: Auth, operation: str) -> None:
        signed = self._signed(auth, operation)
        installation = auth.installation_id or await self._installation(signed, operation)
        path = f"/app/installations/{installation}/access_tokens"
        asked_at = self._clock.monotonic()
        answer = self._judged(operation, path, await self._send(operation, "POST", path, signed), ())
        token = answer.json.get("token")
        if not isinstance(token, str):
            raise DestinationUnavailable(self._place, operation, "GitHub gave the App no token")
        self._held.token, self._held.until = Secret(token), asked_at + _TOKEN_SECONDS
        self._held.permissions = answer.json.get("permissions") or {}

    async def _installation(self, signed: Secret, operation: str) -> int:
        options = self._options
        path = f"/orgs/{options.organisation}" if options.organisation else f"/repos/{options.repository}"
        answer = await self._send(operation, "GET", f"{path}/installation", signed, wanted={404})
        found = self._judged(operation, path, answer, {404}).json.get("id")
        if not isinstance(found, int):
            detail = f"the App is not installed at {options.organisation or options.repository}"
            raise DestinationRefused(self._place, operation, detail, hint="Install it there")
        return found

    def _signed(self, auth: Auth, operation: str) -> Secret:
        """What proves that we are the App, for nine minutes; a minute back, since clocks differ."""
        import jwt

        assert auth.private_key is not None
        now = int(self._clock.now().timestamp())
        key = resolved(auth.private_key, self._place, operation)
        claims = {"iat": now - 60, "exp": now + 540, "iss": auth.app_id}
        try:
            return Secret(jwt.encode(claims, key.reveal(), algorithm="RS256"))
        except (ValueError, TypeError, jwt.PyJWTError):
            hint = "Name the PEM file that GitHub gave when the key was made"
            problem = DestinationRefused(self._place, operation, "the App's private key cannot be used", hint=hint)
        raise problem
