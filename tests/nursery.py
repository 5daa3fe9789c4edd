"""How does a process of ours start in a test without a second of imports? As a fork of one that has imported all of it.

What it does from there is what `python -m rotator` does: `main` with its words, environment, folder and files. That
the command starts from nothing too is for the tests that run it so.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

#: Their modules are imported before the first fork, but not what describes old schemas.
_OURS = ("cli", "config", "domain", "engine", "entra", "observers", "simulator", "store", "web")
_NOT_THESE = "rotator.store.migrations"
#: What they import only when they need it.
_BESIDES = (
    *("rotator.app", "rotator.running", "rotator.serving", "rotator.notifying", "rotator.measuring", "rotator.tracing"),
    *("rotator.destinations.embedded", "rotator.destinations.file", "rotator.destinations.handed"),
    *("rotator.defining", "rotator.log", "rotator.made"),
    *("apscheduler.schedulers.asyncio", "apscheduler.triggers.date", "apscheduler.triggers.interval"),
    *("anyio._backends._asyncio", "azure.identity.aio", "httpx", "psycopg", "uvicorn", "yaml"),
)
_LONGEST_ORDER = 1 << 20
_MASK = {signal.SIGCHLD}


class Child:
    """A process `rotator WORDS`, with as much of `subprocess.Popen` as tests use."""

    def __init__(self, words: list[str], *, environment: Mapping[str, str], out: int, err: int = 2) -> None:
        """`out` and `err` are files that are open here, by number."""
        self._heard, told = os.pipe()
        order = json.dumps({"words": words, "environment": dict(environment), "folder": str(Path.cwd())}).encode()
        assert len(order) < _LONGEST_ORDER
        socket.send_fds(_nursery(), [order], [out, err, told])
        os.close(told)
        self.pid = int(os.read(self._heard, 20))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its status if it has ended, as `subprocess` counts it."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its status, once it has ended. Raises subprocess.TimeoutExpired."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("rotator", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, patience: float | None) -> int | None:
        if self.returncode is None and select.select([self._heard], [], [], patience)[0]:
            self.returncode = int(os.read(self._heard, 20))
            os.close(self._heard)
        return self.returncode


@cache
def _nursery() -> socket.socket:
    """The way to the process that forks; it ends when we do."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for each in (ours, theirs):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST_ORDER)
    command = [sys.executable, "-m", __name__, str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=Path(__file__).parent.parent, pass_fds=[theirs.fileno()])
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _born(control: socket.socket) -> None:
    """Return in each new child, with all that it was ordered to have; in the nursery itself never."""
    living: dict[int, int] = {}

    def reap(*_: object) -> None:
        while living:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            told = living.pop(pid)
            os.write(told, b"%d" % os.waitstatus_to_exitcode(status))
            os.close(told)

    signal.signal(signal.SIGCHLD, reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        order, files, _, _ = socket.recv_fds(control, _LONGEST_ORDER, 3)
        if not order:
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, _MASK)
        pid = os.fork()
        if not pid:
            control.close()
            for told in living.values():
                os.close(told)
            _become(json.loads(order), files)
            return
        living[pid] = files.pop()
        os.write(living[pid], b"%d" % pid)
        for each in files:
            os.close(each)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _MASK)


def _become(order: dict[str, object], files: list[int]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _MASK)
    for number, each in enumerate(files[:2], start=1):
        os.dup2(each, number)
    for each in files:
        os.close(each)
    environment, words, folder = order["environment"], order["words"], order["folder"]
    assert isinstance(environment, dict)
    assert isinstance(words, list)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(str(folder))
    sys.argv = ["rotator", *words]


def _import_all() -> None:
    for name in _OURS:
        package = import_module(f"rotator.{name}")
        for each in walk_packages(package.__path__, f"rotator.{name}."):
            if not each.name.startswith(_NOT_THESE):
                import_module(each.name)
    for name in _BESIDES:
        import_module(name)


def _main() -> None:
    from rotator.cli.main import command, main

    _import_all()
    command()
    gc.collect()
    gc.freeze()
    _born(socket.socket(fileno=int(sys.argv[1])))
    main()


if __name__ == "__main__":
    _main()
