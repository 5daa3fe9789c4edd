"""How are the SDKs imported beside a loop that works? Without the garbage collector, which makes every thread wait."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: It is there as soon as anybody has begun to import the SDKs.
_SIGN = "rotator.entra.opening"


@contextmanager
def uncollected() -> Iterator[None]:
    """The first time, collect no garbage inside; and never look through what was imported again: it stays for good.

    Without this the imports hold the loop up by 0.1 s, and a full collection does so again whenever one is due.
    """
    if _SIGN in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
