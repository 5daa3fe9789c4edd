"""Where do the two kinds of apps in Azure keep what they are told in secret, and how is it replaced?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from rotator.destinations.azure_arm import Arm, kind_of
from rotator.destinations.sidecar import SIDECAR, Shared
from rotator.errors import DestinationUnavailable

if TYPE_CHECKING:
    from rotator.domain.model import Secret

_WEB, _APP = "2024-04-01", "2024-03-01"
#: A container app's secret may not begin with `_`.
_SIDECAR_THERE = "rotator-marks"


class AppKind(Protocol):
    """One kind of app. Raises DestinationUnavailable and DestinationRefused."""

    async def check(self, arm: Arm) -> None:
        """May we read and replace them?"""

    async def load(self, arm: Arm, operation: str) -> Shared:
        """All of them."""

    async def save(self, arm: Arm, operation: str, whole: Shared, *, hide: Collection[Secret] = ()) -> None:
        """Make them all so."""


def kind_at(resource_id: str) -> AppKind:
    """The kind of the app with that id."""
    return Site() if kind_of(resource_id) == "sites" else ContainerApp()


class Site:
    """App Service and Functions: one object of settings, which the app sees as environment variables."""

    async def check(self, arm: Arm) -> None:
        """What listing and replacing settings need."""
        site = "Microsoft.Web/sites/slots" if "/slots/" in arm.resource_id.lower() else "Microsoft.Web/sites"
        needed = (f"{site}/config/list/action", f"{site}/config/write")
        await arm.demand("check", needed, role="Website Contributor")
        await self.load(arm, "check")

    async def load(self, arm: Arm, operation: str) -> Shared:
        """Settings with their texts: there is no other listing."""
        answer = await arm.send(operation, "POST", "/config/appsettings/list", version=_WEB)
        settings = answer.json.get("properties")
        if not isinstance(settings, dict):
            raise DestinationUnavailable(arm.place, operation, "the answer is not one of Azure")
        return Shared.of(settings)

    async def save(self, arm: Arm, operation: str, whole: Shared, *, hide: Collection[Secret] = ()) -> None:
        """Replaces the object; the app restarts."""
        await arm.send(
            operation, "PUT", "/config/appsettings", version=_WEB, json={"properties": whole.whole()}, hide=hide
        )


class ContainerApp:
    """Container Apps: a list of secrets, which containers refer to by name; some only refer to a key vault."""

    async def check(self, arm: Arm) -> None:
        """What listing and replacing secrets need."""
        needed = ("Microsoft.App/containerApps/listSecrets/action", "Microsoft.App/containerApps/write")
        await arm.demand("check", needed, role="Container Apps Contributor")
        await self.load(arm, "check")

    async def load(self, arm: Arm, operation: str) -> Shared:
        """A reference to a key vault stands as the row it is."""
        answer = await arm.send(operation, "POST", "/listSecrets", version=_APP)
        rows = answer.json.get("value")
        if not isinstance(rows, list):
            raise DestinationUnavailable(arm.place, operation, "the answer is not one of Azure")
        return Shared.of({_name(row): _content(row) for row in rows if isinstance(row, dict)})

    async def save(self, arm: Arm, operation: str, whole: Shared, *, hide: Collection[Secret] = ()) -> None:
        """Replaces the list; revisions see it when they start anew."""
        secrets = [_row(name, value) for name, value in whole.whole().items()]
        change = {"properties": {"configuration": {"secrets": secrets}}}
        await arm.send(operation, "PATCH", "", version=_APP, json=change, hide=hide)


def _name(row: Mapping[str, Any]) -> str:
    name = str(row.get("name"))
    return SIDECAR if name == _SIDECAR_THERE else name


def _content(row: Mapping[str, Any]) -> object:
    return dict(row) if row.get("keyVaultUrl") else row.get("value") or ""


def _row(name: str, value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return dict(value)
    return {"name": _SIDECAR_THERE if name == SIDECAR else name, "value": value}
