"""What do the adapter's tests start from? A simulated tenant that listens, or one in process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rotator.simulator.server import Running
from tests.entra.connecting import Connected, in_process
from tests.simulated import tenant


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with tenant() as served:
        yield served


@pytest.fixture
async def near() -> AsyncIterator[Connected]:
    async with in_process() as connected:
        yield connected
