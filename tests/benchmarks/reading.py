"""How fast is a mapped secret read over the API, beside a bare FastAPI route, and what does the API add to a daemon?"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from tests.benchmarks.knocking import Answers, get, knock
from tests.benchmarks.processes import daemon
from tests.benchmarks.report import Goal, Line, Runs, Spent, show
from tests.benchmarks.tenant import Tenant, nowhere, tenant, write_configuration

_READS = 1500
_CALLERS = 8
_TURNS = 5
_STARTS = 3
_PATIENCE = 60.0


def run() -> None:
    """Reads of one secret by eight callers; then memory and start with the API and without."""
    with tenant(1) as where, tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = with_api(write_configuration(Path(folder), where, rotations=1), f"127.0.0.1:{port}")
        with daemon(config) as ours, _bare() as (bare, bare_port):
            until_rotated(where)
            processes = {"ours": (ours.process, port), "bare": (bare, bare_port)}
            _tell(asyncio.run(_turns(processes, get(path_of(0), token_for(config)))))
    _tell_added()


async def _turns(servers: dict[str, tuple[psutil.Process, int]], request: bytes) -> tuple[Runs, dict[str, Answers]]:
    runs, answers = Runs(), {name: Answers() for name in servers}
    for turn in range(_TURNS + 1):
        for name, (process, port) in servers.items():
            before, began = _used(process), time.perf_counter()
            got = await knock(port, request, count=_READS, callers=_CALLERS)
            spent = Spent(time.perf_counter() - began, _used(process) - before)
            if turn:  # the first fills caches
                runs.add(name, spent.per(_READS))
                answers[name].waits += got.waits
    return runs, answers


def _tell(found: tuple[Runs, dict[str, Answers]]) -> None:
    runs, answers = found
    rate, ratio = 1 / runs.processor("ours"), runs.thriftier("ours", "bare")
    bare = f"a bare FastAPI route: {1 / runs.processor('bare'):.0f}"
    show(Line("reads/s of one core's processor time", f"{rate:.0f}", bare, ratio, Goal(least=1500).verdict(rate)))
    show(Line("the same, beside the bare route", f"{ratio:.2f}", verdict=Goal(least=0.4).verdict(ratio)))
    clock = f"a bare FastAPI route: {1 / runs.wall('bare'):.0f}"
    show(Line("reads/s on the clock", f"{1 / runs.wall('ours'):.0f}", clock, runs.faster("ours", "bare")))
    late = answers["ours"].at(0.99) * 1000
    beside = f"a bare FastAPI route: {answers['bare'].at(0.99) * 1000:.1f} ms"
    show(Line(f"p99 of {_CALLERS} callers at once", f"{late:.1f} ms", beside, verdict=Goal(most=20).verdict(late)))


def _tell_added() -> None:
    """In turns, an hour-long sleep ahead of either: what differs is the API."""
    held: dict[str, list[float]] = {"on": [], "off": []}
    ready: dict[str, list[float]] = {"on": [], "off": []}
    with tempfile.TemporaryDirectory() as folder:
        plain = write_configuration(Path(folder), nowhere(1), rotations=1, initial="wait")
        text = plain.read_text("utf-8")
        for _ in range(_STARTS):
            for name, listen in (("on", "127.0.0.1:0"), ("off", "off")):
                plain.write_text(text, "utf-8")
                with daemon(with_api(plain, listen)) as started:
                    time.sleep(1)
                    held[name].append(started.memory())
                    ready[name].append(started.ready_after)
    more = median(held["on"]) - median(held["off"])
    longer = median(ready["on"]) - median(ready["off"])
    without = f"without: {median(held['off']):.0f} MiB"
    show(Line("memory at rest that the API adds", f"{more:.0f} MiB", without, verdict=Goal(most=25).verdict(more)))
    without = f"without: {median(ready['off']):.2f} s"
    show(Line("start that the API adds", f"{longer:.2f} s", without, verdict=Goal(most=0.5).verdict(longer)))


def path_of(n: int) -> str:
    """Where the secret of the n-th rotation of the benchmarks' configuration is read."""
    return f"/api/v3/secrets/raw/CLIENT_SECRET_{n}?workspaceId=benchmarks&environment=prod&secretPath=/"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def with_api(config: Path, listen: str) -> Path:
    """The same configuration with the API there, and limits that nobody meets."""
    text = config.read_text("utf-8")
    config.write_text(f'api: {{listen: "{listen}", rates: {{reads: 10000000}}}}\n{text}', "utf-8")
    return config


def token_for(config: Path) -> str:
    """An access token of a fresh reader, as one gets it on the host."""
    command = [sys.executable, "-m", "rotator", "--config", str(config), "identity"]
    subprocess.run([*command, "create", "benchmark", "--role", "reader"], check=True, capture_output=True)
    made = subprocess.run([*command, "token", "benchmark"], check=True, capture_output=True, text=True)
    return made.stdout.strip()


def until_rotated(where: Tenant) -> None:
    """Return when the first secret has been issued and had time to be delivered."""
    deadline = time.monotonic() + _PATIENCE
    while not any(each["credentials"] for each in where.control("GET", "truth")):
        assert time.monotonic() < deadline, "the daemon did not rotate: this number means nothing"
        time.sleep(0.2)
    time.sleep(3)


def _used(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


@contextmanager
def _bare() -> Iterator[tuple[psutil.Process, int]]:
    """A FastAPI route with the same query and an answer of the same size, and nothing behind it."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", _BARE, str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            _until_answered(port)
            yield psutil.Process(process.pid), port
        finally:
            process.terminate()


def _until_answered(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the bare route does not answer")


_BARE = """
import sys
import fastapi, uvicorn

app = fastapi.FastAPI()

@app.get("/api/v3/secrets/raw/{name}")
async def read(name: str, workspaceId: str, environment: str, secretPath: str = "/"):
    return {"secret": {f"field{n}": f"a value of thirty characters {n}" for n in range(20)}}

port = int(sys.argv[1])
uvicorn.run(app, host="127.0.0.1", port=port, http="h11", loop="asyncio", access_log=False, log_level="error")
"""
