"""How is Azure DevOps asked, by a personal access token or as Entra knows us? Its own sign-in page is no answer."""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field

from rotator.destinations.azure import AzureAuth, AzureReach, AzureSignIn
from rotator.destinations.options import NamedSecret
from rotator.destinations.wire import Answer, open_wire, resolved
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import one_of

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation

_PUBLIC = "https://dev.azure.com"
#: Azure DevOps as Entra knows it, in every tenant.
_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
_VERSION = "7.1"
#: Without a valid sign-in it answers with its sign-in page: 203, or a redirect to it.
_SIGN_IN = frozenset({203, 302, 401})
_HINTS = {
    401: "Check the token, or add the service principal to the organisation with access to the project",
    403: "Give that identity the rights of the documentation in the project",
    404: "Check organisation and project, and that the identity may see the project",
}
_METHODS = ("token", "client-secret", "certificate", "managed-identity", "workload-identity", "azure-cli")


class DevOpsAuth(AzureAuth):
    """A sign-in of the destination's own: a personal access token, or a service principal."""

    method: Annotated[  # type: ignore[assignment]  # one method more
        Literal["token", "client-secret", "certificate", "managed-identity", "workload-identity", "azure-cli"],
        one_of(*_METHODS),
    ]
    token: NamedSecret | None = Field(default=None, description="token: a personal access token, named.")

    def takes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (("token",), ()) if self.method == "token" else super().takes()


class DevOpsReach(AzureReach):
    """How Azure DevOps is reached, and by whom."""

    auth: DevOpsAuth | None = Field(default=None, description="How to sign in; default: as the rotation's connection.")


class DevOps:
    """Requests to one organisation. Raises DestinationUnavailable and DestinationRefused."""

    def __init__(
        self,
        options: DevOpsReach,
        organisation: str,
        rotation: Rotation,
        *,
        place: str,
        surroundings: Surroundings,
    ) -> None:
        self.place = place
        self.timeout = options.timeout
        self._auth = options.auth
        self._address = f"{options.endpoint or _PUBLIC}/{quote(organisation)}"
        self._wire = open_wire(options, place, surroundings, hints=_HINTS)
        self._sign_in = AzureSignIn(options, rotation, place, surroundings=surroundings)
        self._me = ""

    async def send(
        self, operation: str, method: str, path: str, *, wanted: Collection[int] = (), **request: Any
    ) -> Answer:
        """As `Wire.send`, below the organisation; `path` is quoted by whoever makes it."""
        url = f"{self._address}{path}"
        query = {"api-version": _VERSION, **request.pop("params", {})}
        hide = request.pop("hide", ())
        answer = Answer(401)
        for anew in (False, True):
            headers = {"Authorization": await self._authorization(operation, anew=anew)}
            answer = await self._wire.exchange(operation, method, url, params=query, headers=headers, **request)
            if answer.status not in _SIGN_IN:
                return self._wire.accepted(operation, url, answer, wanted=wanted, hide=hide)
        raise self._wire.failure(operation, url, Answer(401))

    async def named(self, operation: str, path: str, *, by: str, name: str, kind: str, hint: str) -> dict[str, Any]:
        """The one of that name, which `path` lists by the parameter `by`; refused with the hint when there is none."""
        answer = await self.send(operation, "GET", path, params={by: name})
        rows = answer.json.get("value")
        if not isinstance(rows, list):
            raise DestinationUnavailable(self.place, operation, "the answer is not one of Azure DevOps")
        found = next((row for row in rows if isinstance(row, dict) and row.get("name") == name), None)
        if found is None:
            raise DestinationRefused(self.place, operation, f"there is no such {kind}", hint=hint)
        return found

    async def me(self, operation: str) -> str:
        """The id under which our changes are recorded there; asked once an opening."""
        if not self._me:
            answer = await self.send(
                operation, "GET", "/_apis/connectionData", params={"api-version": f"{_VERSION}-preview"}
            )
            user = answer.json.get("authenticatedUser")
            if not isinstance(user, dict) or not isinstance(user.get("id"), str):
                raise DestinationUnavailable(self.place, operation, "the answer is not one of Azure DevOps")
            self._me = user["id"]
        return self._me

    async def close(self) -> None:
        """Let go of the connections."""
        await self._wire.close()

    async def _authorization(self, operation: str, *, anew: bool) -> str:
        if self._auth is not None and self._auth.token is not None and self._auth.method == "token":
            pair = f":{resolved(self._auth.token, self.place, operation).reveal()}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        return f"Bearer {await self._sign_in.token(_SCOPE, operation, anew=anew)}"
