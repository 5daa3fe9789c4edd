"""How does a credential stand in a service connection of Azure DevOps? As its key; the mark ends the description."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rotator.destinations.marks import Mark, digest, refuse_changed, refuse_foreign, refuse_stale
from rotator.destinations.sidecar import Seat
from rotator.destinations.wire import in_time
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.ports import Placed

if TYPE_CHECKING:
    from rotator.destinations.devops_session import DevOps
    from rotator.domain.model import Secret
    from rotator.ports import Parcel

_ENDPOINTS = "/_apis/serviceendpoint/endpoints"
_MARK = re.compile(r"\s*\[rotator (\{.*\})\]\s*$", re.DOTALL)
#: https://learn.microsoft.com/azure/devops/organizations/security/namespace-reference: ServiceEndpoints, Administer.
_NAMESPACE, _ADMINISTER = "49b48001-ca20-4adc-8111-5b60c903a50c", 2


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """The connection as it stands; its key is never shown."""

    whole: Mapping[str, Any]
    mark: Mark | None

    @property
    def parameters(self) -> dict[str, Any]:
        authorization = self.whole.get("authorization")
        found = authorization.get("parameters") if isinstance(authorization, dict) else None
        return dict(found) if isinstance(found, dict) else {}

    def placed(self, seat: Seat) -> Placed:
        shown = {key: str(self.parameters.get(key)) for key in ("serviceprincipalid", "tenantid")}
        key = self.mark.digest if self.mark else ""
        return Placed(self.mark.marker if self.mark else None, seat.version({**shown, "key": key}, self.mark))


class ServiceConnection:
    """One service connection, which holds one credential: there is always something there, ours or not."""

    def __init__(self, devops: DevOps, project: str, name: str, *, seat: Seat, turn: asyncio.Lock) -> None:
        self._devops = devops
        self._project = quote(project)
        self._name = name
        self._seat = seat
        self._turn = turn

    async def check(self) -> None:
        """Looks at it, and asks Azure DevOps whether we administer it."""
        endpoint = await self._look("check")
        references = [
            row for row in endpoint.whole.get("serviceEndpointProjectReferences") or () if isinstance(row, dict)
        ]
        projects = [str(row["projectReference"]["id"]) for row in references if "projectReference" in row]
        token = f"endpoints/{projects[0] if projects else self._project}/{endpoint.whole.get('id')}"
        path = f"/_apis/permissions/{_NAMESPACE}/{_ADMINISTER}"
        answer = await self._devops.send("check", "GET", path, params={"tokens": token})
        if answer.json.get("value") != [True]:
            hint = "Give the identity the role Administrator of the service connection"
            raise DestinationRefused(self._seat.place, "check", "we may not change it", hint=hint)

    async def read(self) -> Placed | None:
        """Azure DevOps gives no key away; description and ids tell."""
        return (await self._look("read")).placed(self._seat)

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """Key, ids and mark in one request."""
        async with in_time(self._devops.timeout, self._seat.place, "write"), self._turn:
            endpoint = await self._look("write")
            refuse_stale(endpoint.mark.marker if endpoint.mark else None, parcel.marker, destination=self._seat.place)
            mark = Mark(parcel.marker, self._seat.names, digest=self._digest(parcel.secret))
            ids = {"serviceprincipalid": parcel.client_id, "tenantid": parcel.tenant_id}
            if endpoint.mark != mark or any(endpoint.parameters.get(key) != value for key, value in ids.items()):
                refuse_changed(endpoint.placed(self._seat), over, destination=self._seat.place)
                await self._put(
                    endpoint, {**ids, "serviceprincipalkey": parcel.secret.reveal()}, mark, hide=parcel.secret
                )
                endpoint = await self._look("write")
        if endpoint.mark != mark:
            what = "it does not show what was just written"
            raise DestinationUnavailable(self._seat.place, "write", what, hint="It is read and written again")
        return endpoint.placed(self._seat)

    async def remove(self, *, over: Placed) -> None:
        """Takes the mark out; a service connection cannot be without a key."""
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._seat.place)
        async with in_time(self._devops.timeout, self._seat.place, "remove"), self._turn:
            endpoint = await self._look("remove")
            if endpoint.mark is None or not self._seat.owns(endpoint.mark):
                return
            refuse_changed(endpoint.placed(self._seat), over, destination=self._seat.place, operation="remove")
            await self._put(endpoint, {}, None)

    async def close(self) -> None:
        await self._devops.close()

    async def _look(self, operation: str) -> _Endpoint:
        path = f"/{self._project}{_ENDPOINTS}"
        asked = {"kind": "service connection", "hint": "Make the connection first, and let the identity use it"}
        found = await self._devops.named(operation, path, by="endpointNames", name=self._name, **asked)
        endpoint = _Endpoint(found, _mark(str(found.get("description") or "")))
        if endpoint.parameters.get("authenticationType", "spnKey") != "spnKey" or not _by_principal(found):
            hint = "It needs none where it signs in by certificate, federation or managed identity"
            raise DestinationRefused(self._seat.place, operation, "it does not sign in by a secret", hint=hint)
        return endpoint

    async def _put(
        self, endpoint: _Endpoint, changes: Mapping[str, str], mark: Mark | None, *, hide: Secret | None = None
    ) -> None:
        whole = dict(endpoint.whole)
        whole["authorization"] = {**whole["authorization"], "parameters": {**endpoint.parameters, **changes}}
        words = _MARK.sub("", str(whole.get("description") or ""))
        told = f"[rotator {json.dumps(mark.to_json(), separators=(',', ':'))}]" if mark else ""
        whole["description"] = f"{words} {told}".strip()
        path = f"{_ENDPOINTS}/{quote(str(whole.get('id')))}"
        await self._devops.send("write" if mark else "remove", "PUT", path, json=whole, hide=[hide] if hide else [])

    def _digest(self, secret: Secret) -> str:
        return digest(secret.reveal(), key=f"{self._seat.installation}/{self._seat.rotation_id}/{self._seat.place}")


def _by_principal(endpoint: Mapping[str, Any]) -> bool:
    authorization = endpoint.get("authorization")
    return isinstance(authorization, dict) and authorization.get("scheme") == "ServicePrincipal"


def _mark(description: str) -> Mark | None:
    found = _MARK.search(description)
    try:
        return Mark.from_json(json.loads(found[1])) if found else None
    except ValueError:
        return None
