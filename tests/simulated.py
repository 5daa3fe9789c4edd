"""How is a simulated tenant served in a test without making its keys again? They are made once for each process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path

from rotator.simulator.server import Running, serve
from rotator.simulator.simulation import SimulatorOptions


def tenant(options: SimulatorOptions | None = None) -> AbstractAsyncContextManager[Running]:
    """A simulator of its own, with the signing key and the authority of all others that come from here.

    Where a test needs a tenant that signs by another key, `serve` makes one.
    """
    return serve(options or SimulatorOptions(seed=7), keys=_keys())


@cache
def _keys() -> Path:
    folder = tempfile.mkdtemp(prefix="simulated-keys-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
