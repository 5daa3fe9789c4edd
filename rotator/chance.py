"""Where do unpredictable numbers come from? Only this module asks the machine; all else is handed a chance."""

from __future__ import annotations

import os
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
        # There are 32 letters, so each is as likely as any other.
        return "".join(_LETTERS[byte % 32] for byte in os.urandom(count))
