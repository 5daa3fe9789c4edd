"""What does a process of ours take? Commands from start to end, and a daemon from start to READY=1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.benchmarks.report import Spent

_PATIENCE = 120.0
#: As a command runs that has been installed: from the bytecode that an earlier run left, whatever holds for us.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_MEBIBYTE = 1024 * 1024


def command(*arguments: str) -> Spent:
    """Python with these arguments, to its end."""
    began = time.perf_counter()
    # Waited for by hand, since only that tells what this one child has used.
    process = subprocess.Popen(
        [sys.executable, *arguments], env=_ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    # Kibibytes, on Linux.
    return Spent(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


class Daemon:
    """`rotator run`, which has said that it is ready."""

    def __init__(self, process: psutil.Process, ready_after: float) -> None:
        self.process = process
        #: Seconds from its start to READY=1.
        self.ready_after = ready_after

    def memory(self) -> float:
        """What it keeps in memory, in MiB."""
        return float(self.process.memory_info().rss) / _MEBIBYTE

    def share_of_a_core(self, seconds: float) -> float:
        """How much of one core it takes while so much time passes."""
        before, began = self._processor(), time.perf_counter()
        time.sleep(seconds)
        return (self._processor() - before) / (time.perf_counter() - began)

    def _processor(self) -> float:
        used = self.process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def daemon(config: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """Started as systemd does, in that environment besides; stopped at the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        address = config.parent / "notify"
        address.unlink(missing_ok=True)
        told.bind(str(address))
        told.settimeout(_PATIENCE)
        command = [sys.executable, "-m", "rotator", "--config", str(config), "run"]
        whole = {**_ENVIRONMENT, **(environment or {}), "NOTIFY_SOCKET": str(address)}
        began = time.perf_counter()
        with subprocess.Popen(command, env=whole, stderr=subprocess.DEVNULL) as process:
            try:
                while b"READY=1" not in told.recv(4096):
                    pass
                yield Daemon(psutil.Process(process.pid), time.perf_counter() - began)
            finally:
                process.terminate()
