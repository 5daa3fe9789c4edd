"""What does every test of the simulator start from? A fresh tenant, reached in process, or over real HTTPS."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from rotator.simulator.server import Running, serve
from rotator.simulator.simulation import SimulatorOptions, make_simulation
from rotator.simulator.transport import SimTransport
from tests.fakes import ManualClock
from tests.simulator.caller import Caller


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def caller(clock: ManualClock) -> AsyncIterator[Caller]:
    simulation = make_simulation(SimulatorOptions(seed=7), real_now=clock.now)
    async with httpx.AsyncClient(transport=SimTransport(simulation, on_hang=clock.advance)) as http:
        yield Caller(http, simulation)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serve(SimulatorOptions(seed=7)) as served:
        yield served


@pytest.fixture
async def remote(running: Running) -> AsyncIterator[Caller]:
    """The same client over real HTTPS."""
    context = ssl.create_default_context(cafile=running.ready.caFile)
    async with httpx.AsyncClient(verify=context, trust_env=False) as http:
        yield Caller(http, running.simulation, base=running.ready.authority)
