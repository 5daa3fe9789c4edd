"""How is a credential delivered to an app in Azure? By settings of App Service, by secrets of Container Apps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from rotator.destinations.app_kinds import AppKind, kind_at
from rotator.destinations.azure import AzureOptions
from rotator.destinations.azure_arm import Arm, ResourceId, kind_of
from rotator.destinations.marks import Mark, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.sidecar import SIDECAR, Seat, Shared
from rotator.destinations.wire import in_time
from rotator.errors import DestinationUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination, Parcel, Placed

_NAMES = {
    "sites": (re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,255}"), "letters, digits, '_' and '.', not beginning with a digit"),
    "containerApps": (re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"), "lower-case letters, digits, '-' and '.'"),
}


class Options(AzureOptions):
    """Which app."""

    resource_id: ResourceId = Field(description="The app's resource id; that of a slot for a slot.")

    def place(self) -> str:
        return f"azure-app-service:{self.resource_id}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        return AppDestination(self, rotation, names, surroundings=surroundings)

    def default_names(self, mapping: Mapping[str, str]) -> dict[str, str]:
        if kind_of(self.resource_id) == "sites":
            return dict(mapping)
        return {field: name.lower().replace("_", "-") for field, name in mapping.items()}

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        shape, allowed = _NAMES[kind_of(self.resource_id)]
        bad = sorted(name for name in set(names.values()) if not shape.fullmatch(name) or name == SIDECAR)
        return super().name_problems(names) + [f"names: {name!r} is not allowed there ({allowed})" for name in bad]

    def claims(self, _folder: Folder, names: Collection[str]) -> set[str]:
        return {f"{self.place()}:{name}".lower() for name in names}


class AppDestination:
    """One rotation's settings of one app. Azure replaces all settings at once, and knows no compare-and-set.

    So writers of this process take turns, and each writes what it has just read with its own part changed.
    """

    def __init__(
        self, options: Options, rotation: Rotation, names: Mapping[str, str], *, surroundings: Surroundings
    ) -> None:
        self._names = dict(names)
        self._timeout = options.timeout
        self._place = options.place()
        self._seat = Seat.of(self._place, surroundings.installation, rotation.id, names)
        self._turn = surroundings.kept.get(self._place.lower(), asyncio.Lock)
        self._arm = Arm(options, options.resource_id, rotation, place=self._place, surroundings=surroundings)
        self._app: AppKind = kind_at(options.resource_id)

    async def check(self) -> None:
        """Asks Azure what we may do there."""
        await self._app.check(self._arm)

    async def read(self) -> Placed | None:
        """Azure lists settings only with their texts; they go no further than this comparison."""
        return (await self._look("read")).placed(self._seat)

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """All names and the mark in one request; the app restarts with them."""
        async with in_time(self._timeout, self._place, "write"), self._turn:
            there = await self._look("write")
            now = there.placed(self._seat)
            mine = there.mine(self._seat)
            refuse_stale(mine.marker if mine else None, parcel.marker, destination=self._place)
            wanted = there.having(texts(parcel, self._names), Mark(parcel.marker, self._seat.names))
            if not there.same_as(wanted):
                refuse_changed(now, over, destination=self._place)
                await self._app.save(self._arm, "write", wanted, hide=[parcel.secret])
                there = await self._look("write")
        placed = there.placed(self._seat)
        if placed is None or not there.same_as(wanted):
            what = "it does not show what was just written"
            raise DestinationUnavailable(self._place, "write", what, hint="It is read and written again")
        return placed

    async def remove(self, *, over: Placed) -> None:
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._place)
        async with in_time(self._timeout, self._place, "remove"), self._turn:
            there = await self._look("remove")
            now, mine = there.placed(self._seat), there.mine(self._seat)
            if now is not None:
                refuse_changed(now, over, destination=self._place, operation="remove")
            if mine is not None:
                await self._app.save(self._arm, "remove", there.without(mine))

    async def close(self) -> None:
        await self._arm.close()

    async def _look(self, operation: str) -> Shared:
        return await self._app.load(self._arm, operation)
