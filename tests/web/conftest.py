"""What do the tests of the API start from? An API without a tenant, or with one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rotator.simulator.server import Running
from tests.simulated import tenant
from tests.web.door import Door, open_door
from tests.web.house import House, open_house


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with tenant() as served:
        yield served


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
async def azure(tmp_path: Path, running: Running) -> AsyncIterator[Door]:
    async with open_door(tmp_path, running) as opened:
        yield opened


@pytest.fixture
async def house(tmp_path: Path, running: Running) -> AsyncIterator[House]:
    async with open_house(tmp_path, running) as opened:
        yield opened
