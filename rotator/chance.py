"""Where do unpredictable numbers come from? Only this module asks the machine; all else is handed a chance."""

from __future__ import annotations

import random

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class SystemChance:
    """The operating system's randomness, as the port `Chance` asks for it."""

    def __init__(self) -> None:
        self._source = random.SystemRandom()

    def noise(self) -> float:
        """A number in [-1, 1]."""
        return self._source.uniform(-1.0, 1.0)

    def letters(self, count: int) -> str:
        """That many characters of [a-z2-7]."""
        return "".join(self._source.choice(_LETTERS) for _ in range(count))
