"""How is a real server run for a test, on loopback, and ended with it?"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

_PATIENCE = 120


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """The program, from when `ready` says so; skips the test with the last line of its log if it never does."""
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent) as process,
    ):
        try:
            if not until(ready, lambda: process.poll() is None):
                said = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing was said"]
                pytest.skip(f"{Path(command[0]).name} does not start: {said[0]}")
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def until(ready: Callable[[], bool], still: Callable[[], bool] = lambda: True) -> bool:
    """Wait for it, at most two minutes and as long as `still` says so; whether it came."""
    end = time.monotonic() + _PATIENCE
    while not _is(ready):
        if time.monotonic() > end or not still():
            return False
        time.sleep(0.2)
    return True


def _is(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except httpx.HTTPError:
        return False
