"""Do the laws hold through weeks of seeded trouble, on the real engine, store and Entra adapter?"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from tests.simulation import trouble
from tests.simulation.shorten import shorten, shortest
from tests.simulation.story import Account, planned, tell

#: `make soak SEEDS=…` sets the first; the second lets a soak go on where the last one ended.
_SEEDS = int(os.environ.get("ROTATOR_SIMULATION_SEEDS", "200"))
_FIRST = int(os.environ.get("ROTATOR_SIMULATION_FIRST", "0"))


@pytest.mark.parametrize("seed", range(_FIRST, _FIRST + _SEEDS))
def test_no_law_is_broken_in_sixty_days(seed: int) -> None:
    account = tell(seed)
    assert not account.broken, shortest(account)
    assert account.rotations, "a story in which nothing is rotated proves nothing"


def test_the_same_seed_tells_the_same_story_in_any_process() -> None:
    here = [tell(7, days=30).log, tell(7, days=30).log]
    assert here[0] == here[1]
    command = [sys.executable, "-m", "tests.simulation", "7", "--days", "30", "--whole"]
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    there = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=100)
    assert [line for line in here[0] if line not in there.stdout] == []


def test_every_kind_of_trouble_strikes() -> None:
    struck = {strike.kind for seed in range(50) for strike in planned(seed)}
    assert struck == set(trouble.KINDS)


def test_a_story_without_a_strike_is_not_told_otherwise_before_it() -> None:
    """What is left out of a plan leaves the rest as it was: only so can a failing seed be shortened."""
    plan = trouble.plan(3, timedelta(days=30))
    assert trouble.plan(3, timedelta(days=10)) == tuple(s for s in plan if s.at < timedelta(days=10).total_seconds())
    whole, rest = tell(3, days=30), tell(3, days=30, strikes=planned(3, 30)[1:])
    before = next(n for n, (one, other) in enumerate(zip(whole.log, rest.log, strict=False)) if one != other)
    assert before > 5


def test_a_story_that_breaks_no_law_is_as_short_as_it_is() -> None:
    account = Account(1, 60, (), (), planned(1), rotations=1, stale_refused=0)
    assert shorten(account) is account
