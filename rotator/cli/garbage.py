"""When does Python look for garbage? Hardly ever in a command that soon ends, as usual in one that stays.

A command imports hundreds of modules and makes no garbage worth looking for: looking takes a fifth of `rotator status`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_USUAL = gc.get_threshold()
#: Objects: more than all that is imported makes.
_SELDOM = 400_000


@contextmanager
def hardly_collected() -> Iterator[None]:
    """For a whole process: at its end what is left goes with it, and is not looked through once more."""
    gc.set_threshold(_SELDOM)
    try:
        yield
    finally:
        gc.freeze()


def collect_as_usual() -> None:
    """For what runs until it is stopped."""
    gc.set_threshold(*_USUAL)
