"""How is a credential delivered to Azure DevOps? As variables of a group, or as the key of a service connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from rotator.destinations.devops_connection import ServiceConnection
from rotator.destinations.devops_group import VariableGroup
from rotator.destinations.devops_session import DevOps, DevOpsReach
from rotator.destinations.options import KindOptions
from rotator.destinations.sidecar import SIDECAR, Seat
from rotator.options import problem, text

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}")
_Word = Annotated[str, text(256, least=1)]


class Options(DevOpsReach, KindOptions):
    """Which group or connection of which project."""

    organisation: _Word = Field(description="The organisation's name.")
    project: _Word = Field(description="The project's name or id.")
    variable_group: _Word | None = Field(default=None, description="The name of a variable group; it must exist.")
    service_connection: _Word | None = Field(
        default=None,
        description="Instead: the name of a service connection (Azure Resource Manager, by secret); it must exist.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.variable_group is None) == (self.service_connection is None):
            problem("one place is needed", "either variableGroup or serviceConnection")
        return self

    def place(self) -> str:
        what = f"group/{self.variable_group}" if self.variable_group else f"connection/{self.service_connection}"
        return f"azure-devops:{self.organisation}/{self.project}/{what}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        place = self.place()
        seat = Seat.of(place, surroundings.installation, rotation.id, names)
        devops = DevOps(self, self.organisation, rotation, place=place, surroundings=surroundings)
        turn = surroundings.kept.get(("azure-devops", place.lower()), asyncio.Lock)
        if self.variable_group is not None:
            return VariableGroup(devops, self.project, self.variable_group, names=names, seat=seat, turn=turn)
        return ServiceConnection(devops, self.project, self.service_connection or "", seat=seat, turn=turn)

    def default_names(self, mapping: Mapping[str, str]) -> dict[str, str]:
        return dict(mapping) if self.variable_group else {"clientSecret": "serviceprincipalkey"}

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        if self.service_connection and dict(names) != self.default_names({}):
            return ["names: a service connection has none (leave names out)"]
        bad = sorted(name for name in set(names.values()) if not _NAME.fullmatch(name) or name == SIDECAR)
        allowed = "letters, digits, '_', '.' and '-', not beginning with a digit"
        return super().name_problems(names) + [f"names: {name!r} is not allowed there ({allowed})" for name in bad]

    def claims(self, _folder: Folder, names: Collection[str]) -> set[str]:
        return {f"{self.place()}:{name}".lower() for name in names}
