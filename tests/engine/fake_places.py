"""Where are secrets delivered to in tests of the engine? Places in memory that fail, drift and forget on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rotator.domain.model import Credential, DestinationRule, Rotation
from rotator.errors import DestinationUnavailable
from rotator.ports import Destination, Destinations, HookResult, Marker, Parcel, Placed


def a_place(name: str = "vault", **changes: Any) -> DestinationRule:
    """The rule of a destination that lives in `FakePlaces`."""
    return DestinationRule(name, "place", **changes)


@dataclass
class Place:
    """What is there in truth."""

    name: str
    marker: Marker | None = None
    text: str = ""
    version: int = 0
    #: Raised by these operations: check, read, write; `after`: when it has been written all the same.
    broken: dict[str, Exception] = field(default_factory=dict)
    after: bool = False
    #: It cannot compare and set: whoever comes last has written.
    blunt: bool = False
    after_effect: Callable[[], None] = lambda: None
    during_write: Callable[[], None] = lambda: None
    writes: int = 0

    def down(self, detail: str = "it does not answer") -> None:
        self.broken = {op: DestinationUnavailable(self.name, op, detail) for op in ("check", "read", "write")}

    def up(self) -> None:
        self.broken = {}

    def overwritten(self, text: str = "by hand", marker: Marker | None = None) -> None:
        """Somebody else wrote there."""
        self.text, self.marker, self.version = text, marker, self.version + 1

    async def check(self) -> None:
        self._fail("check")

    async def read(self) -> Placed | None:
        self._fail("read")
        return Placed(self.marker, str(self.version)) if self.version else None

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        if not self.after:
            self._fail("write")
        self.during_write()
        if not self.blunt:
            self._compare(parcel, over)
        if (self.marker, self.text) != (parcel.marker, parcel.secret.reveal()):
            self.marker, self.text = parcel.marker, parcel.secret.reveal()
            self.version += 1
        self.writes += 1
        self.after_effect()
        self._fail("write")
        return Placed(self.marker, str(self.version))

    async def remove(self, *, over: Placed) -> None:
        self.marker, self.text, self.version = None, "", 0

    async def close(self) -> None:
        """Nothing is held."""

    def _compare(self, parcel: Parcel, over: Placed | None) -> None:
        if (over.version if over else "0") != str(self.version):
            raise DestinationUnavailable(self.name, "write", "it was changed by somebody else since it was read")
        if self.marker is not None and self.marker.token > parcel.marker.token:
            raise DestinationUnavailable(self.name, "write", "a newer holder has written it")

    def _fail(self, operation: str) -> None:
        if operation in self.broken:
            raise self.broken[operation]


class FakePlaces:
    """Implements `ports.Destinations`: kind `place` lives here, every other kind is the real one."""

    def __init__(self, others: Destinations) -> None:
        self._others = others
        self.places: dict[str, Place] = {}
        self.after_effect: Callable[[], None] = lambda: None

    def __getitem__(self, name: str) -> Place:
        return self.places.setdefault(name, Place(name, after_effect=self.after_effect))

    def open(self, rotation: Rotation, rule: DestinationRule) -> Destination:
        return self[rule.name] if rule.kind == "place" else self._others.open(rotation, rule)

    def patience(self, rule: DestinationRule) -> timedelta:
        return timedelta(seconds=30)


class FakeHooks:
    """Implements `ports.Hooks`: each hook ends as `results` says, the last answer for ever."""

    def __init__(self) -> None:
        self.results: dict[str, list[bool]] = {}
        self.ran: list[tuple[str, str]] = []

    def names(self, rotation: Rotation) -> tuple[str, ...]:
        return tuple(self.results)

    def patience(self, rotation: Rotation, hook: str) -> timedelta:
        return timedelta(seconds=30)

    async def run(self, rotation: Rotation, hook: str, credential: Credential) -> HookResult:
        self.ran.append((hook, credential.key_id))
        answers = self.results[hook]
        done = answers.pop(0) if len(answers) > 1 else answers[0]
        return HookResult(hook, done, "" if done else "exit status 1")
