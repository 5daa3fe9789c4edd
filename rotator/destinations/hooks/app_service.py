"""How is an app in Azure made to use what it refers to in a key vault? By reading its references anew, or a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rotator.destinations.azure import AzureReach
from rotator.destinations.azure_arm import Arm, SiteId
from rotator.destinations.hooks.options import Hook, HookOptions
from rotator.options import one_of

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Credential, Rotation

#: https://learn.microsoft.com/azure/app-service/app-service-key-vault-references#rotation
_REFRESH, _REFRESHED_BY = "/config/configreferences/appsettings/refresh", "2022-03-01"
_RESTART, _RESTARTED_BY = "/restart", "2024-04-01"


class Options(AzureReach, HookOptions):
    """Which app, and what it is to do."""

    resource_id: SiteId = Field(description="The resource id of the app (App Service or Functions), or of a slot.")
    action: Annotated[Literal["refresh", "restart"], one_of("refresh", "restart")] = Field(
        "refresh", description="refresh: read the references to key vaults anew. restart: start the app anew."
    )

    def name(self) -> str:
        return f"azure-app-service:{self.action}:{self.resource_id}"

    def open(self, rotation: Rotation, surroundings: Surroundings) -> Hook:
        return _App(self, rotation, surroundings)

    def patience(self) -> timedelta:
        return self.timeout + timedelta(seconds=5)


class _App:
    """One request for each promotion."""

    def __init__(self, options: Options, rotation: Rotation, surroundings: Surroundings) -> None:
        self._arm = Arm(options, options.resource_id, rotation, place=options.name(), surroundings=surroundings)
        self._refreshes = options.action == "refresh"
        self._slot = "/slots" if "/slots/" in options.resource_id.lower() else ""

    async def check(self) -> None:
        """Asks Azure what we may do there."""
        action = "config/write" if self._refreshes else "restart/action"
        try:
            await self._arm.demand("check", [f"Microsoft.Web/sites{self._slot}/{action}"], role="Website Contributor")
        finally:
            await self._arm.close()

    async def tell(self, credential: Credential) -> None:  # noqa: ARG002 - the app learns nothing from us
        """Azure answers when it has begun."""
        path, version = (_REFRESH, _REFRESHED_BY) if self._refreshes else (_RESTART, _RESTARTED_BY)
        try:
            await self._arm.send("hook", "POST", path, version=version)
        finally:
            await self._arm.close()
