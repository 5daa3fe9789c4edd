"""How do we sign in to Infisical as a machine identity? Once for many deliveries, and anew when a token is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from rotator.destinations.azure import azure_token
from rotator.destinations.options import NamedSecret
from rotator.destinations.wire import Answer, Wire, resolved
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import Id, Line, Options, one_of, problem

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings

#: A token is renewed when fewer seconds than this are left.
_LEAST_LEFT = 60.0
_SIGN_IN = {
    400: "Check the auth block",
    401: "Check the identity's id and secret in the auth block",
    403: "Let the identity sign in from here (trusted addresses, allowed service principals)",
    404: "Check identityId and endpoint",
    422: "Check the auth block",
}
_NEEDED = {"universal-auth": ("client_id", "client_secret"), "azure-auth": ("identity_id",)}


class InfisicalAuth(Options):
    """A machine identity."""

    method: Annotated[Literal["universal-auth", "azure-auth"], one_of("universal-auth", "azure-auth")]
    client_id: Id | None = Field(default=None, description="universal-auth: the identity's client id.")
    client_secret: NamedSecret | None = Field(default=None, description="universal-auth: its client secret, named.")
    identity_id: Id | None = Field(default=None, description="azure-auth: the identity's id.")
    resource: Line = Field(
        default="https://management.azure.com/",
        description="azure-auth: the audience that the identity expects, to the letter.",
    )

    @model_validator(mode="after")
    def _has_what_the_method_needs(self) -> Self:
        for name in _NEEDED[self.method]:
            if getattr(self, name) is None:
                alias = type(self).model_fields[name].alias or name
                problem(f"{alias} is missing", f"the method {self.method} needs it")
        return self


@dataclass(slots=True)
class _Token:
    """One identity's token, shared by all destinations that sign in alike."""

    turn: asyncio.Lock
    text: str = ""
    ends_at: float = 0.0


class InfisicalSession:
    """Sends requests as the identity. Raises DestinationUnavailable and DestinationRefused."""

    def __init__(
        self,
        wire: Wire,
        address: str,
        auth: InfisicalAuth,
        *,
        place: str,
        connection: str,
        surroundings: Surroundings,
    ) -> None:
        self._wire = wire
        self._address = address
        self._auth = auth
        self._place = place
        self._connection = connection
        self._around = surroundings
        key: Hashable = ("infisical", address, auth, connection if auth.method == "azure-auth" else "")
        self._token = surroundings.kept.get(key, lambda: _Token(asyncio.Lock()))

    async def send(self, operation: str, method: str, path: str, **request: Any) -> Answer:
        """As `Wire.send`, below the server's address."""
        wanted = {*request.pop("wanted", ()), 401, 403}
        answer = Answer(401)
        for anew in (False, True):
            token = await self._signed_in(operation, anew=anew)
            headers = {"Authorization": f"Bearer {token}"}
            answer = await self._wire.send(
                operation, method, self._address + path, wanted=wanted, headers=headers, **request
            )
            if not _is_stale(answer):
                break
        if answer.status in {401, 403}:
            raise self._wire.failure(operation, self._address, answer)
        return answer

    async def _signed_in(self, operation: str, *, anew: bool) -> str:
        kept, now = self._token, self._around.clock.monotonic()
        async with kept.turn:
            if anew or kept.ends_at - now < _LEAST_LEFT:
                kept.text, seconds = await self._sign_in(operation)
                kept.ends_at = now + seconds
            return kept.text

    async def _sign_in(self, operation: str) -> tuple[str, float]:
        path, body, hide = await self._credentials(operation)
        url = f"{self._address}/api/v1/auth/{path}/login"
        answer = await self._wire.send(operation, "POST", url, json=body, hide=hide, wanted=_SIGN_IN)
        if answer.status in _SIGN_IN:
            raise self._wire.failure(operation, url, answer, hide=hide, hint=_SIGN_IN[answer.status])
        token, seconds = answer.json.get("accessToken"), answer.json.get("expiresIn")
        if not isinstance(token, str) or not isinstance(seconds, int):
            raise DestinationUnavailable(self._place, operation, "the sign-in's answer is not one of Infisical")
        return token, float(seconds)

    async def _credentials(self, operation: str) -> tuple[str, dict[str, str], list[Any]]:
        auth = self._auth
        if auth.method == "azure-auth":
            scope = f"{auth.resource}/.default"
            jwt = await azure_token(self._around.azure, scope, self._connection, place=self._place, operation=operation)
            return "azure-auth", {"identityId": auth.identity_id or "", "jwt": jwt.reveal()}, [jwt]
        if auth.client_secret is None:
            raise DestinationRefused(self._place, operation, "no client secret is named")
        secret = resolved(auth.client_secret, self._place, operation)
        return "universal-auth", {"clientId": auth.client_id or "", "clientSecret": secret.reveal()}, [secret]


def _is_stale(answer: Answer) -> bool:
    """The token was refused; Infisical says 403 to a bad bearer, with its own word for it."""
    return answer.status == 401 or (answer.status == 403 and answer.json.get("error") == "TokenError")
