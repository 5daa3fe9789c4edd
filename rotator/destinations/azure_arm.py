"""How is Azure Resource Manager asked about one resource, and may we do there what we are to do?"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from rotator.destinations.azure import AzureReach, AzureSignIn
from rotator.destinations.wire import Answer, Wire, open_wire
from rotator.errors import DestinationRefused
from rotator.options import Rule, refuse

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation

#: https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure and its like for China
_ARM = {
    "public": "https://management.azure.com",
    "usgov": "https://management.usgovcloudapi.net",
    "usgov-dod": "https://management.usgovcloudapi.net",
    "china": "https://management.chinacloudapi.cn",
}
_PERMISSIONS = "2022-04-01"
_KINDS = {
    "sites": re.compile(
        r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]{1,90}/providers/Microsoft\.Web/sites/[^/]{1,60}"
        r"(?:/slots/[^/]{1,59})?",
        re.IGNORECASE,
    ),
    "containerApps": re.compile(
        r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]{1,90}/providers/Microsoft\.App/containerApps/[^/]{1,32}",
        re.IGNORECASE,
    ),
}


def _resource(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and kind_of(value.rstrip("/")):
        return value.rstrip("/")
    return refuse(
        value,
        "the id of an app: /subscriptions/.../providers/Microsoft.Web/sites/NAME (or its slot), "
        "or .../providers/Microsoft.App/containerApps/NAME",
    )


def kind_of(resource_id: str) -> str:
    """`sites` or `containerApps`; empty for anything else."""
    return next((kind for kind, shape in _KINDS.items() if shape.fullmatch(resource_id)), "")


def _site(value: object) -> str:
    if kind_of(str(value).rstrip("/")) == "sites":
        return _resource(value)
    return refuse(value, "the id of an app: /subscriptions/.../providers/Microsoft.Web/sites/NAME, or of its slot")


ResourceId = Annotated[str, Rule(_resource, {"type": "string", "pattern": "^/subscriptions/"})]
SiteId = Annotated[str, Rule(_site, {"type": "string", "pattern": "^/subscriptions/"})]


class Arm:
    """Requests about one resource. Raises DestinationUnavailable and DestinationRefused."""

    def __init__(
        self, options: AzureReach, resource_id: str, rotation: Rotation, *, place: str, surroundings: Surroundings
    ) -> None:
        self._options = options
        self.resource_id = resource_id
        self.place = place
        self._sign_in = AzureSignIn(options, rotation, place, surroundings=surroundings)
        hints = {404: "Check resourceId: there is no such app, or the sign-in may not see it"}
        self._wire: Wire = open_wire(options, place, surroundings, hints=hints)

    async def send(
        self, operation: str, method: str, path: str, *, version: str, wanted: Collection[int] = (), **request: Any
    ) -> Answer:
        """As `Wire.send`, below the resource; a token that is refused is fetched anew once."""
        address = self._address(operation)
        url = f"{address}{self.resource_id}{path}"
        answer = Answer(401)
        for anew in (False, True):
            token = await self._sign_in.token(f"{address}/.default", operation, anew=anew)
            headers = {"Authorization": f"Bearer {token}"}
            answer = await self._wire.send(
                operation,
                method,
                url,
                wanted={*wanted, 401},
                params={"api-version": version},
                headers=headers,
                **request,
            )
            if answer.status != 401:
                return answer
        raise self._wire.failure(operation, url, answer)

    async def demand(self, operation: str, actions: Collection[str], *, role: str) -> None:
        """Raise DestinationRefused, naming role and actions, unless we may do all of them there.

        Whoever may not even ask is not refused for that.
        """
        path = "/providers/Microsoft.Authorization/permissions"
        answer = await self.send(operation, "GET", path, version=_PERMISSIONS, wanted={403})
        if answer.status == 403:
            return
        rows = [row for row in answer.json.get("value") or () if isinstance(row, dict)]
        missing = [action for action in actions if not any(_allows(row, action) for row in rows)]
        if missing:
            hint = f"Assign the role '{role}' on the app"
            raise DestinationRefused(self.place, operation, f"we may not {', '.join(missing)} there", hint=hint)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._wire.close()

    def _address(self, operation: str) -> str:
        if self._options.endpoint:
            return self._options.endpoint
        cloud = self._sign_in.cloud
        if cloud not in _ARM:
            what = f"the address of Azure Resource Manager in the cloud {cloud!r} is not known"
            raise DestinationRefused(self.place, operation, what, hint="Set endpoint")
        return _ARM[cloud]


def _allows(row: Mapping[str, Any], action: str) -> bool:
    return _listed(row.get("actions"), action) and not _listed(row.get("notActions"), action)


def _listed(patterns: object, action: str) -> bool:
    shapes = [re.escape(str(each)).replace(r"\*", ".*") for each in patterns] if isinstance(patterns, list) else []
    return any(re.fullmatch(shape, action, re.IGNORECASE) for shape in shapes)
