"""How is a credential delivered by a program? It reads it from a pipe; its exit status says what came of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rotator.destinations.formats.atomic import Unfit
from rotator.destinations.handed import HandedDestination, Message, hidden
from rotator.destinations.options import KindOptions
from rotator.destinations.running import Ended, Manner, NotStarted, TooSlow, harmless, run
from rotator.destinations.sidecar import Seat
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import Flag, Rule, one_of, refuse, span

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation, Secret
    from rotator.ports import Destination

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: By sysexits: wrong use, no permission, bad configuration; by shells: not executable, not found. A person must act.
_REFUSALS = frozenset({64, 77, 78, 126, 127})


def command_of(value: object) -> tuple[str, ...]:
    """A list of words, the first the absolute path of a program."""
    allowed = "a list of words, the first an absolute path: [/usr/local/bin/deliver, --quiet]"
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 64:
        refuse(value, allowed)
    if not all(isinstance(word, str) and word and "\0" not in word and len(word) <= 4096 for word in value):
        refuse(value, allowed)
    return tuple(value) if value[0].startswith("/") else refuse(value[0], allowed)


def variables_of(value: object) -> tuple[str, ...]:
    """A list of names of environment variables."""
    allowed = "a list of names such as [KUBECONFIG]"
    if not isinstance(value, list | tuple):
        refuse(value, allowed)
    good = all(isinstance(name, str) and _VARIABLE.fullmatch(name) for name in value)
    return tuple(value) if good else refuse(value, allowed)


def is_program(path: str) -> bool:
    """It is a file that we may execute."""
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 - text in, answer out


_WORDS = {"type": "array", "items": {"type": "string"}}
Command = Annotated[tuple[str, ...], Rule(command_of, {**_WORDS, "minItems": 1})]
Variables = Annotated[tuple[str, ...], Rule(variables_of, _WORDS)]
Patience = Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=10))]


class Options(KindOptions):
    """Which program, and how it is spoken to."""

    command: Command = Field(description="The program and its arguments; never a secret among them.")
    timeout: Patience = Field(
        default=timedelta(seconds=60), description="When it is ended, with all that it started; default 60s."
    )
    input: Annotated[Literal["json", "dotenv"], one_of("json", "dotenv")] = Field(
        default="json", description="What it reads: the whole message, or lines NAME=text."
    )
    via: Annotated[Literal["stdin", "descriptor"], one_of("stdin", "descriptor")] = Field(
        default="stdin", description="Where it reads: standard input, or the descriptor that ROTATOR_FD numbers."
    )
    environment: Variables = Field(default=(), description="Variables of rotator's own that it gets too.")
    read_back: Flag = Field(default=False, description="It understands read and remove, and tells what it holds.")

    def place(self) -> str:
        return f"exec:{' '.join(self.command)}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)
        carrier = _Program(self, rotation, surroundings)
        return HandedDestination(carrier, seat, names, reads=self.read_back, surroundings=surroundings)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        bad = sorted({name for name in names.values() if not _VARIABLE.fullmatch(name)})
        hint = "letters, digits and '_', not beginning with a digit"
        found = [f"names: {name!r} is not allowed with input: dotenv ({hint})" for name in bad]
        return super().name_problems(names) + (found if self.input == "dotenv" else [])


class _Program:
    """The carrier: one run of the program for each message."""

    def __init__(self, options: Options, rotation: Rotation, surroundings: Surroundings) -> None:
        self._options = options
        self._rotation = rotation
        self._surroundings = surroundings
        self._place = options.place()

    async def check(self) -> None:
        """It is there, and we may run it."""
        path = self._options.command[0]
        if not is_program(path):
            hint = "Name an executable file that the user rotator runs as may run"
            raise DestinationRefused(self._place, "check", f"{path} cannot be run", hint=hint)

    async def bring(self, message: Message) -> bytes:
        """What it wrote to standard output."""
        operation, options = message.operation, self._options
        environment = harmless(self._surroundings.environment, options.environment) | {
            "ROTATOR_OPERATION": operation,
            "ROTATOR_ROTATION": self._rotation.name,
            "ROTATOR_KEY_ID": str(message.facts.get("keyId", "")),
        }
        try:
            feed = self._feed(message)
        except Unfit as exc:
            raise DestinationRefused(self._place, operation, exc.what, hint=exc.hint) from None
        how = Manner(options.timeout.total_seconds(), environment, descriptor=options.via == "descriptor")
        hide = message.secrets.values()
        ended = await end_of(options.command, feed, how, place=self._place, operation=operation, hide=hide)
        return ended.out

    async def close(self) -> None:
        """Nothing is held."""

    def _feed(self, message: Message) -> bytes:
        from rotator.destinations.formats.envtext import quoted

        if self._options.input == "json" or message.operation != "write":
            return json.dumps(message.plain()).encode() + b"\n"
        return "".join(f"{name}={quoted(text.reveal())}\n" for name, text in message.secrets.items()).encode()


async def end_of(
    command: Sequence[str], feed: bytes, how: Manner, *, place: str, operation: str, hide: Collection[Secret] = ()
) -> Ended:
    """Run it; returns its end with status 0, every other raises DestinationUnavailable or DestinationRefused.

    `hide`: texts that it was given, which no error may quote back.
    """
    from rotator.answers import shortened

    try:
        ended = await run(command, feed, how)
    except NotStarted as exc:
        raise DestinationRefused(place, operation, f"it cannot be started: {exc}") from None
    except TooSlow:
        detail = f"it did not end within {int(how.seconds)} s, and was ended"
        raise DestinationUnavailable(place, operation, detail) from None
    if ended.status == 0:
        return ended
    words = shortened(hidden(ended.last_words, hide))
    kind = DestinationRefused if ended.status in _REFUSALS else DestinationUnavailable
    raise kind(place, operation, f"{ended.how}: {words}" if words else ended.how)
