"""What is remembered of the latest only? What grows with every rotation must not grow for ever."""

from __future__ import annotations

from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Recent(Generic[Thing]):
    """The things that were added last, so many at most. May be cleared by another thread."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._held: dict[Thing, None] = {}

    def add(self, thing: Thing) -> None:
        """Hold it, and let go of the one that was added first where there are too many."""
        held = self._held
        held.pop(thing, None)
        held[thing] = None
        if len(held) > self._most:
            del held[next(iter(held))]

    def __contains__(self, thing: Thing) -> bool:
        return thing in self._held

    def clear(self) -> None:
        """Hold nothing."""
        self._held = {}
