"""Is the simulation to be believed? It is, if it catches every fault of this list when it is put in on purpose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.simulation import sabotage
from tests.simulation.node import Node
from tests.simulation.stage import Script, Stage, enact, sleep


async def rotations_go_on(stage: Stage) -> None:
    """Nothing happens but time."""
    await sleep(days=7)


async def secrets_take_a_minute_to_work(stage: Stage) -> None:
    stage.entra.tenant.propagate({"delay": [60, 110]})
    await sleep(days=7)


async def somebody_puts_the_old_secret_back(stage: Stage) -> None:
    """Hours after it was replaced and hours before it is to go, in a place that nobody reads meanwhile."""
    old = stage.place.content
    await stage.rotate()
    await sleep(hours=20)
    stage.place.put(old)
    stage.place.harmed_at = stage.universe.time()
    await sleep(hours=8)


async def a_node_sleeps_through_its_lease(stage: Stage) -> None:
    """In the middle of an attempt, which another node takes over and brings to its end."""
    sleepers: list[Node] = []

    def fall_asleep(line: str) -> None:
        sleepers.append(stage.node(line))
        sleepers[0].gate.shut()
        stage.installation.nudge_later()

    await stage.rotate()
    await stage.at("addPassword", fall_asleep)
    await sleep(hours=1)
    sleepers[0].gate.open()
    await sleep(hours=1)


async def an_answer_is_lost_and_reads_lag(stage: Stage) -> None:
    """The first look shows a state before the secret was made."""
    stage.entra.tenant.propagate({"staleReads": {"probability": 1.0, "seconds": 170}})
    stage.entra.faults.add({"match": "addPassword", "when": "after", "status": 503, "times": 1})
    await stage.rotate()
    await sleep(hours=6)


async def a_backup_is_restored(stage: Stage) -> None:
    """Made before a rotation, taken after it."""
    backup = stage.installation.snapshot()
    await stage.rotate()
    await sleep(hours=1)
    stage.installation.restore(backup)
    await sleep(minutes=5)
    stage.installation.start("simulate-1")
    await sleep(days=4)
    await stage.rotate()


async def the_clock_is_days_ahead(stage: Stage) -> None:
    stage.installation.set_clock(timedelta(days=3))
    stage.installation.nudge()
    await sleep(hours=1)
    stage.installation.set_clock(timedelta(0))
    stage.installation.nudge()


async def it_dies_while_a_secret_is_taken_back(stage: Stage) -> None:
    """No sign-in succeeds until the deadline. The secret that is removed still signs in for an hour."""
    stage.entra.tenant.propagate({"removalLag": [3600, 3600]})
    refused = stage.entra.faults.add({"match": "token", "code": 7000215, "when": "before"})
    await stage.rotate()
    await stage.at("was removed", lambda _: stage.installation.kill("simulate-1"))
    stage.entra.faults.rules.remove(refused)
    await sleep(minutes=3)
    stage.installation.start("simulate-1")
    await sleep(hours=6)


@dataclass(frozen=True)
class Fault:
    """A fault put into the engine, the story that shows it, and the law that it breaks first."""

    put_in: Callable[[], AbstractContextManager[None]]
    script: Script
    law: str
    nodes: int = 1
    changes: dict[str, Any] = field(default_factory=dict)


FAULTS = {
    "revoke before deliver": Fault(sabotage.revoke_before_deliver, rotations_go_on, "L1"),
    "no verify": Fault(sabotage.no_verify, secrets_take_a_minute_to_work, "L5"),
    "promote without delivery": Fault(sabotage.promote_without_delivery, rotations_go_on, "L7"),
    "revoke without checks": Fault(sabotage.revoke_without_checks, somebody_puts_the_old_secret_back, "L1"),
    "no fence": Fault(sabotage.no_fence, a_node_sleeps_through_its_lease, "L8", nodes=2),
    "no second look": Fault(sabotage.no_second_look, an_answer_is_lost_and_reads_lag, "L4"),
    "no comparison": Fault(sabotage.no_comparison, a_backup_is_restored, "L16"),
    "no clock guard": Fault(sabotage.no_clock_guard, the_clock_is_days_ahead, "L13"),
    "a failure unrecorded": Fault(sabotage.unrecorded_failure, it_dies_while_a_secret_is_taken_back, "L5"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_put_in_on_purpose_is_caught(name: str) -> None:
    fault = FAULTS[name]
    with fault.put_in():
        wrong = enact(fault.script, nodes=fault.nodes, **fault.changes)
    assert any(law.startswith(f"{fault.law}:") for law in wrong.broken), wrong
    right = enact(fault.script, nodes=fault.nodes, **fault.changes)
    assert not right.broken, right
