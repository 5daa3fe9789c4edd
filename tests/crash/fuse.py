"""Where is the process stopped? A fuse counts what crosses from the engine to the world, and blows at one of them."""

from __future__ import annotations

from typing import Any

#: What changes something outside. A stop at anything else is the same as one at the effect before it.
EFFECTS = {
    "claim", "write", "raise_token", "hint", "wake",
    "add_password", "remove_password",
    "remove", "run",
}  # fmt: skip


class Stopped(BaseException):
    """The process is gone: no handler of the engine may catch this."""


class Fuse:
    """Blows before or after the `at`-th crossing; from then on every crossing finds the process gone."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._crossings = 0
        self.blown = ""

    def cross(self, what: str) -> None:
        if not self.blown and self._crossings == self._at:
            self.blown = what
        self._crossings += 1
        if self.blown:
            raise Stopped(self.blown)

    def check(self) -> None:
        if self.blown:
            raise Stopped(self.blown)


class Fused:
    """A port whose every effect is two crossings: before it and after it."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self._port, name)
        if not callable(wanted):
            return wanted
        if name == "open":
            return self._opening(wanted)
        return self._effect(name, wanted) if name in EFFECTS else self._reading(wanted)

    def _reading(self, wanted: Any) -> Any:
        def read(*args: Any, **named: Any) -> Any:
            self._fuse.check()
            return wanted(*args, **named)

        return read

    def _effect(self, name: str, wanted: Any) -> Any:
        async def act(*args: Any, **named: Any) -> Any:
            self._fuse.cross(f"before {name}")
            result = await wanted(*args, **named)
            self._fuse.cross(f"after {name}")
            return result

        return act

    def _opening(self, wanted: Any) -> Any:
        return wanted


class FusedDirectories(Fused):
    """Directories are opened asynchronously."""

    def _opening(self, wanted: Any) -> Any:
        async def opened(name: str) -> Any:
            self._fuse.check()
            return Fused(await wanted(name), self._fuse)

        return opened


class FusedDestinations(Fused):
    """Destinations are not."""

    def _opening(self, wanted: Any) -> Any:
        def opened(*args: Any) -> Any:
            self._fuse.check()
            return Fused(wanted(*args), self._fuse)

        return opened
