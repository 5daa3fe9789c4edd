"""Who calls Graph, for what, and are they allowed to?"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import parse_qsl

from rotator.simulator.model import Application, ServicePrincipal
from rotator.simulator.refusals import GraphRefusal, denied, not_found
from rotator.simulator.tenant import Tenant
from rotator.simulator.throttle import Cost
from rotator.simulator.wire import Json, SimRequest, SimResponse, json_response

WRITE_ALL = "Application.ReadWrite.All"
WRITE_OWNED = "Application.ReadWrite.OwnedBy"
READ_ALL = "Application.Read.All"
DIRECTORY_READ = "Directory.Read.All"

_READERS = frozenset({WRITE_ALL, WRITE_OWNED, READ_ALL, DIRECTORY_READ, "Directory.ReadWrite.All"})
_BY_CLIENT_ID = "appId="


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever the access token speaks for, with the permissions it had when the token was issued."""

    client_id: str
    principal_id: str
    roles: frozenset[str]


@dataclass
class Call:
    """One call of one Graph operation, and what its handler may ask of it."""

    tenant: Tenant
    caller: Caller
    ids: tuple[str, ...]
    request: SimRequest
    version: str

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters."""
        return dict(parse_qsl(self.request.query, keep_blank_values=True)) if self.request.query else {}

    @cached_property
    def body(self) -> Json:
        """The JSON object of the body. Raises `GraphRefusal` (400)."""
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            text = (
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid "
                "JSON format."
            )
            raise GraphRefusal(400, "BadRequest", text)
        return body

    @property
    def root(self) -> str:
        """The address of Graph as the client wrote it, such as `https://localhost:8443/v1.0`."""
        return f"https://{self.request.headers.get('host', 'graph.microsoft.com')}/{self.version}"

    def require_read(self) -> None:
        """Raises `GraphRefusal` (403) unless the caller may read applications."""
        if not self.caller.roles & _READERS:
            raise denied()

    def require_list(self) -> None:
        """Raises `GraphRefusal` (403) unless the caller may list applications, owned or not."""
        roles = _READERS if self.tenant.owned_by_lists else _READERS - {WRITE_OWNED}
        if not self.caller.roles & roles:
            raise denied()

    def require_any(self, *roles: str) -> None:
        """Raises `GraphRefusal` (403) unless the caller has one of these permissions."""
        if not self.caller.roles & frozenset(roles):
            raise denied()

    def require_write(self, owners: list[str]) -> None:
        """Raises `GraphRefusal` (403) unless the caller may write all, or is an owner and may write what it owns."""
        if WRITE_ALL in self.caller.roles:
            return
        if WRITE_OWNED not in self.caller.roles or self.caller.principal_id not in owners:
            raise denied()

    def application(self, seen_at: datetime | None = None) -> Application:
        """The application that the path names, by object id or `(appId='…')`, as a replica of that age knows it.

        Raises `GraphRefusal` (404).
        """
        name = self.ids[0].removeprefix(_BY_CLIENT_ID)
        by_client_id = self.ids[0].startswith(_BY_CLIENT_ID)
        application = self.tenant.find_application(name) if by_client_id else self.tenant.application(name)
        if application is None or application.created_at > (seen_at or self.tenant.seen_at()):
            raise not_found(name)
        return application

    def principal(self) -> ServicePrincipal:
        """The service principal that the path names. Raises `GraphRefusal` (404)."""
        name = self.ids[0]
        if not name.startswith(_BY_CLIENT_ID):
            return self.tenant.principal(name)
        principal = self.tenant.find_principal(name.removeprefix(_BY_CLIENT_ID))
        if principal is None:
            raise not_found(name.removeprefix(_BY_CLIENT_ID))
        return principal

    def entity(self, kind: str, fields: Json, status: int = 200) -> SimResponse:
        """One object as the answer."""
        return json_response(status, {"@odata.context": f"{self.root}/$metadata#{kind}/$entity"} | fields)

    def collection(self, kind: str, values: list[Json], extra: Json | None = None) -> SimResponse:
        """Several objects as the answer."""
        body: Json = {"@odata.context": f"{self.root}/$metadata#{kind}"} | (extra or {})
        return json_response(200, body | {"value": values})


Handler = Callable[[Call], SimResponse]


@dataclass(frozen=True, slots=True)
class Route:
    """What a path leads to; `operation` is the name that faults and the log know it by."""

    operation: str
    handler: Handler
    cost: Cost


READ = Cost(units=1)
LIST = Cost(units=2)
WRITE = Cost(units=1, writes=1)
NO_CONTENT = SimResponse(204)
