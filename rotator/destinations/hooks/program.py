"""How is a consumer told by a program? It is run once the new credential is current, and is not given the secret."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from rotator.destinations.hooks.options import Hook, HookOptions, told
from rotator.destinations.program import Command, Patience, Variables, end_of, is_program
from rotator.destinations.running import Manner, harmless
from rotator.errors import DestinationRefused

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Credential, Rotation


class Options(HookOptions):
    """Which program, and for how long."""

    command: Command = Field(description="The program and its arguments.")
    timeout: Patience = Field(
        default=timedelta(seconds=60), description="When it is ended, with all that it started; default 60s."
    )
    environment: Variables = Field(default=(), description="Variables of rotator's own that it gets too.")

    def name(self) -> str:
        return f"exec:{' '.join(self.command)}"

    def open(self, rotation: Rotation, surroundings: Surroundings) -> Hook:
        return _Program(self, rotation, surroundings)

    def patience(self) -> timedelta:
        return self.timeout + timedelta(seconds=5)


class _Program:
    """One run for each promotion; what happened is read from standard input, and the important of it from variables."""

    def __init__(self, options: Options, rotation: Rotation, surroundings: Surroundings) -> None:
        self._options = options
        self._rotation = rotation
        self._surroundings = surroundings

    async def check(self) -> None:
        """It is there, and we may run it."""
        path = self._options.command[0]
        if not is_program(path):
            hint = "Name an executable file that the user rotator runs as may run"
            raise DestinationRefused(self._options.name(), "check", f"{path} cannot be run", hint=hint)

    async def tell(self, credential: Credential) -> None:
        """Status 0: it was told."""
        options = self._options
        environment = harmless(self._surroundings.environment, options.environment) | {
            "ROTATOR_OPERATION": "promoted",
            "ROTATOR_ROTATION": self._rotation.name,
            "ROTATOR_KEY_ID": credential.key_id,
        }
        feed = json.dumps(told(self._rotation, credential)).encode() + b"\n"
        how = Manner(options.timeout.total_seconds(), environment)
        await end_of(options.command, feed, how, place=options.name(), operation="hook")
