"""Does the next process converge, wherever the last one was stopped: at every store write, and around every effect?

No orphan, no lost secret, every destination holding one that signs in at every instant (`Harness.look_around`).
"""

from __future__ import annotations

import asyncio
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from rotator.domain.model import CredentialState
from tests.crash.fuse import Fuse, Fused, FusedDestinations, FusedDirectories, Stopped
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.engine.harness import HOUR, Engine, Harness, Watched

#: More crossings than that in one scenario: it would not end.
MOST = 400


def fused(harness: Harness, holder: str, fuse: Fuse) -> Engine:
    return harness.start(
        holder,
        store=Fused(Watched(harness), fuse),
        directories=FusedDirectories(harness.entra, fuse),
        destinations=FusedDestinations(harness.places, fuse),
        hooks=Fused(harness.hooks, fuse),
    )


async def stopped_at(harness: Harness, scenario: Scenario, crossing: int, holder: str = "node-2") -> str:
    """Run until the process is gone; returns where that was, or an empty string if the span is over first."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    fuse = Fuse(crossing)
    engine = fused(harness, holder, fuse)
    with suppress(Stopped):
        await harness.run_for(scenario.span)
    engine.dispatcher.abort()
    await engine.dispatcher.settle()
    return fuse.blown


async def converges(harness: Harness) -> None:
    """A new process takes over as soon as the lease has run out; three hours and some later all is as it should be."""
    engine = harness.start("node-9")
    await harness.run_for(6 * HOUR)
    # Second looks are over and the overlap of two hours as well.
    facts = await harness.facts()
    assert engine.troubles == []
    assert (facts.attempt, facts.intents) == (None, ())
    current = facts.current
    assert current is not None
    text = await harness.store.text(current.key_id)
    assert text is not None
    assert harness.entra.valid(text.reveal())
    known = {c.key_id for c in facts.credentials}
    assert set(harness.ours()) <= known, "an orphan"
    assert [c.state for c in facts.credentials].count(CredentialState.CURRENT) == 1
    waiting = [c for c in facts.retiring if c.revoke_at is not None and c.revoke_at < harness.clock.now() - HOUR]
    assert waiting == []
    rotation = facts.rotation
    for rule in rotation.destinations:
        shown = harness.shown(rotation) if rule.kind == "embedded" else harness.places[rule.name].text
        assert shown == text.reveal()


def a_folder(parent: Path, n: int) -> Path:
    made = parent / str(n)
    made.mkdir()
    return made


async def once(folder: Path, scenario: Scenario, *crossings: int) -> list[str]:
    """One life: prepared, stopped at each of the crossings in turn, and brought to its end."""
    harness = Harness(folder)
    try:
        await scenario.prepare(harness)
        blown = []
        for n, crossing in enumerate(crossings):
            blown.append(await stopped_at(harness, scenario, crossing, f"node-{n + 2}"))
            await asyncio.sleep(0)
        await converges(harness)
    finally:
        harness.store.close()
    # Hundreds of lives leave their databases behind, and the disk would write each.
    shutil.rmtree(folder)
    return blown


@pytest.mark.parametrize("name", SCENARIOS)
async def test_L3_a_process_stopped_anywhere_is_carried_on_by_the_next(name: str, tmp_path: Path) -> None:
    for crossing in range(MOST):
        try:
            (blown,) = await once(a_folder(tmp_path, crossing), SCENARIOS[name], crossing)
        except BaseException as problem:
            problem.add_note(f"{name}, stopped at crossing {crossing}")
            raise
        if not blown:
            assert crossing > 10
            return
    raise AssertionError("it does not end")


@pytest.mark.parametrize("name", SCENARIOS)
async def test_L3_the_next_process_may_be_stopped_as_well(name: str, tmp_path: Path) -> None:
    chance = random.Random(name)
    for n in range(4):
        crossings = [chance.randrange(30) for _ in range(3)]
        try:
            await once(a_folder(tmp_path, n), SCENARIOS[name], *crossings)
        except BaseException as problem:
            problem.add_note(f"{name}, stopped at crossings {crossings}")
            raise
