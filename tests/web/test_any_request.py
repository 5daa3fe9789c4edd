"""Does every request that the OpenAPI document allows end in an answer that is no fault of ours?"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from tests.simulated import tenant
from tests.web.house import House, open_house

#: Generated connections may name any cloud and any identity: nothing leaves this machine.
NOWHERE = "http://127.0.0.1:9"
#: For each operation. By default a few that are always the same; ROTATOR_API_EXAMPLES=20 tries so many new ones.
EXAMPLES = int(os.environ.get("ROTATOR_API_EXAMPLES", "0"))
#: Their answers have no end; they have tests of their own.
ENDLESS = {"/api/v1/events"}
SEALED = {"network": {"proxy": NOWHERE, "noProxy": ["localhost", "127.0.0.1"]}}


class Running:
    """A house on a loop of its own thread, so that schemathesis may ask it from this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._leave = asyncio.Event()
        self.house: House | None = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    async def _live(self) -> None:
        async with (
            tenant() as served,
            open_house(self._folder, served, document=SEALED) as house,
        ):
            await house.rotation()
            self.house = house
            self._ready.set()
            await self._leave.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", NOWHERE)
    running = Running(tmp_path)
    assert running.house is not None
    yield running.house
    running.close()


@pytest.mark.timeout(180)
# Hypothesis sees that somebody uses `random` while it draws, and takes it for the strategy: it is the daemon's thread.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
def test_no_request_ends_in_a_fault_of_ours(house: House) -> None:
    schema = schemathesis.openapi.from_url(f"{house.address}/api/docs/openapi.json", wait_for_schema=5)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    operations = [each for each in operations if each.path not in ENDLESS]
    # What ends our own token comes last.
    operations.sort(key=lambda operation: "revoke" in operation.path)
    statuses = Counter(status for operation in operations for status in answers(house, operation))
    assert len(operations) > 50
    assert not [status for status in statuses if status >= 500]
    assert {200, 400, 404, 422} <= set(statuses)


def answers(house: House, operation: schemathesis.APIOperation[Any, Any, Any, Any]) -> list[int]:
    """Their statuses, for generated requests with a good token."""
    found: list[int] = []

    @settings(
        max_examples=EXAMPLES or 4,
        deadline=None,
        database=None,
        derandomize=not EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {house.admin}"}, timeout=60)
        assert answer.status_code < 500, f"{operation.label}: {answer.status_code} {answer.text}"
        found.append(answer.status_code)

    ask()
    return found
