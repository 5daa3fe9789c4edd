"""Does the daemon stop, reload and show signs of life as it says? With a dispatcher as busy as a test likes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from rotator.engine.alive import Life, Systemd, pulse_file, read_pulse
from rotator.engine.bell import Bell, bell_of, ring
from rotator.engine.daemon import Daemon, Orders
from rotator.engine.dispatcher import Dispatcher
from rotator.engine.scheduler import Scheduler
from rotator.errors import ConfigError, StoreUnavailable
from tests.fakes import ManualClock


class Manager:
    """A service manager that listens."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


class FakeDispatcher:
    """Busy until `finish`, or until it is aborted."""

    def __init__(self) -> None:
        self.busy = 0
        self.aborted = False
        self.finish = asyncio.Event()
        self.draining = asyncio.Event()

    async def drain(self) -> None:
        self.draining.set()
        await self.finish.wait()

    def abort(self) -> None:
        self.aborted = True
        self.finish.set()


class FakeScheduler:
    """Runs until the dispatcher drains."""

    def __init__(self, dispatcher: FakeDispatcher) -> None:
        self._dispatcher = dispatcher
        self.nudges = 0

    async def run(self) -> None:
        await self._dispatcher.draining.wait()

    def nudge(self) -> None:
        self.nudges += 1


class Bench:
    """A daemon around fakes."""

    def __init__(self, folder: Path, *, drain: timedelta = timedelta(seconds=60)) -> None:
        self.manager = Manager(folder)
        self.clock = ManualClock()
        self.dispatcher = FakeDispatcher()
        self.scheduler = FakeScheduler(self.dispatcher)
        self.refusal: Exception | None = None
        self.reloads = 0
        self.database = folder / "state.db"
        self.life = Life(Systemd(self.manager.address), pulse_file(self.database), monotonic=self.clock.monotonic)
        orders = Orders(
            reload=self.reload, rotate=self.rotate, state=self.state, status=lambda: "well", drain_timeout=lambda: drain
        )
        self.daemon = Daemon(
            cast("Dispatcher", self.dispatcher),
            cast("Scheduler", self.scheduler),
            orders=orders,
            life=self.life,
            bell=Bell(bell_of(self.database), self.scheduler.nudge),
        )

    async def reload(self) -> str:
        self.reloads += 1
        if self.refusal is not None:
            raise self.refusal
        return "nothing"

    async def rotate(self) -> int:
        return 3

    async def state(self) -> Mapping[str, object]:
        return {}


async def settled(condition: Any) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to be")


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    made = Bench(tmp_path)
    yield made
    made.manager.close()


async def begun(bench: Bench) -> asyncio.Task[None]:
    running = asyncio.create_task(bench.daemon.run())
    await settled(lambda: (read_pulse(pulse_file(bench.database)) or None) is not None)
    return running


async def test_ready_is_told_with_a_status_and_a_pulse(bench: Bench) -> None:
    running = await begun(bench)

    pulse = read_pulse(pulse_file(bench.database))
    assert bench.manager.heard() == ["READY=1\nSTATUS=well"]
    assert pulse is not None
    assert (pulse.pid, pulse.state, pulse.monotonic) == (os.getpid(), "ready", bench.clock.monotonic())
    bench.dispatcher.finish.set()
    bench.daemon.stop()
    await running
    assert read_pulse(pulse_file(bench.database)) is None


async def test_a_stop_lets_steps_finish(bench: Bench) -> None:
    running = await begun(bench)

    os.kill(os.getpid(), signal.SIGTERM)
    await bench.dispatcher.draining.wait()
    assert not running.done()
    bench.dispatcher.finish.set()
    await running

    assert not bench.dispatcher.aborted
    assert any(each.startswith("STOPPING=1\n") for each in bench.manager.heard())


async def test_a_second_stop_cuts_them_short(bench: Bench) -> None:
    running = await begun(bench)

    os.kill(os.getpid(), signal.SIGINT)
    await bench.dispatcher.draining.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await running

    assert bench.dispatcher.aborted


async def test_a_drain_that_takes_too_long_is_cut_short(tmp_path: Path) -> None:
    bench = Bench(tmp_path, drain=timedelta(milliseconds=20))
    running = await begun(bench)

    bench.daemon.stop()
    await running

    assert bench.dispatcher.aborted
    bench.manager.close()


@pytest.mark.parametrize(
    "refusal", [ConfigError(["a.yaml:1:2: bad", "b"]), StoreUnavailable("gone"), ValueError("bug")]
)
async def test_a_refused_reload_ends_nothing(bench: Bench, refusal: Exception) -> None:
    running = await begun(bench)
    bench.refusal = refusal

    os.kill(os.getpid(), signal.SIGHUP)
    await settled(lambda: bench.reloads == 1)
    bench.refusal = None
    os.kill(os.getpid(), signal.SIGHUP)
    await settled(lambda: bench.scheduler.nudges >= 1)

    said = bench.manager.heard()
    assert said[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[-1] == "READY=1\nSTATUS=configuration reloaded"
    assert not running.done()
    bench.dispatcher.finish.set()
    bench.daemon.stop()
    await running


async def test_a_ring_nudges_the_scheduler(bench: Bench) -> None:
    running = await begun(bench)

    ring(bell_of(bench.database))
    await settled(lambda: bench.scheduler.nudges == 1)

    bench.dispatcher.finish.set()
    bench.daemon.stop()
    await running
    assert not bell_of(bench.database).exists()


async def test_a_bell_is_no_file_of_somebody_elses(tmp_path: Path) -> None:
    path = bell_of(tmp_path / "state.db")
    path.write_text("precious")
    bell = Bell(path, lambda: None)

    bell.hang()
    ring(path)
    bell.take_down()

    assert path.read_text() == "precious"


def test_a_beat_is_told_each_time_and_written_now_and_then(bench: Bench) -> None:
    path = pulse_file(bench.database)
    bench.life.beat()
    first = read_pulse(path)
    bench.clock.advance(1)
    bench.life.beat()
    assert read_pulse(path) == first
    bench.clock.advance(5)
    bench.life.beat()

    assert read_pulse(path) != first
    assert bench.manager.heard() == ["WATCHDOG=1"] * 3


def test_without_a_service_manager_nothing_is_said(tmp_path: Path) -> None:
    Systemd("").say("READY=1")
    Systemd(str(tmp_path / "nobody")).say("READY=1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_pulse_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pulse"
    path.write_text(text)
    assert read_pulse(path) is None
