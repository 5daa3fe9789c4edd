"""How is a service of this machine told? systemd reloads or restarts its unit."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rotator.destinations.hooks.options import Hook, HookOptions
from rotator.destinations.program import Patience, end_of
from rotator.destinations.running import Manner, harmless
from rotator.errors import DestinationRefused
from rotator.options import Flag, Rule, one_of, refuse

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Credential, Rotation

_ACTIONS = ("reload", "restart", "try-restart", "reload-or-restart", "try-reload-or-restart")
_UNIT = re.compile(
    r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,240}\.(?:service|socket|target|timer|path|scope|slice|mount)"
)


def _unit(value: object) -> str:
    allowed = "the whole name of a unit, such as billing.service"
    return value if isinstance(value, str) and _UNIT.fullmatch(value) else refuse(value, allowed)


class Options(HookOptions):
    """Which unit, and what is done with it."""

    unit: Annotated[str, Rule(_unit, {"type": "string"})] = Field(description="Its whole name: billing.service.")
    action: Annotated[
        Literal["reload", "restart", "try-restart", "reload-or-restart", "try-reload-or-restart"], one_of(*_ACTIONS)
    ] = Field(default="try-reload-or-restart", description="As systemctl calls it; with try- only if it is running.")
    user: Flag = Field(default=False, description="A unit of the user that rotator runs as.")
    timeout: Patience = Field(default=timedelta(seconds=60), description="How long that may take; default 60s.")

    def name(self) -> str:
        return f"systemd:{self.action}:{self.unit}"

    def open(self, rotation: Rotation, surroundings: Surroundings) -> Hook:  # noqa: ARG002 - as every kind is opened
        return _Unit(self, surroundings)

    def patience(self) -> timedelta:
        return self.timeout + timedelta(seconds=5)


class _Unit:
    """Asks systemd by its own program, which never asks for a password here."""

    def __init__(self, options: Options, surroundings: Surroundings) -> None:
        self._options = options
        self._surroundings = surroundings

    async def check(self) -> None:
        """The unit is known. Whether we may restart it is not told before we do."""
        ended = await self._systemctl("check", "show", "--property=LoadState", "--value")
        if ended.strip() not in {b"loaded", b"masked"}:
            detail, hint = f"systemd does not know {self._options.unit}", "Check the name of the unit, and user: true"
            raise DestinationRefused(self._options.name(), "check", detail, hint=hint)

    async def tell(self, credential: Credential) -> None:  # noqa: ARG002 - a unit reads what was delivered
        """Returns when systemd has done it."""
        await self._systemctl("hook", self._options.action)

    async def _systemctl(self, operation: str, *words: str) -> bytes:
        options, around = self._options, self._surroundings.environment
        program = shutil.which("systemctl", path=around.get("PATH"))
        if program is None:
            hint = "Run rotator on the machine of that unit, or use a hook of another kind"
            raise DestinationRefused(options.name(), operation, "there is no systemctl here", hint=hint)
        command = [program, "--no-ask-password", "--no-pager", *(["--user"] if options.user else []), *words]
        environment = harmless(around, ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")) | {"LC_ALL": "C"}
        how = Manner(options.timeout.total_seconds(), environment)
        ended = await end_of([*command, "--", options.unit], b"", how, place=options.name(), operation=operation)
        return ended.out
