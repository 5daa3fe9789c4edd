"""Do the benchmarks still run? Small ones only: their numbers mean nothing here."""

from __future__ import annotations

import pytest

from tests.benchmarks import store
from tests.benchmarks.__main__ import main
from tests.benchmarks.report import Goal, Runs, Spent


def test_the_store_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    store.run(turns=8, existing=(10, 2000), looks=2)
    said = capsys.readouterr().out
    assert "8 at once" in said
    assert "1 due among 2,000" in said


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "not one of rotations" in capsys.readouterr().err


def test_a_goal_says_whether_it_is_met() -> None:
    assert Goal(least=0.7).verdict(0.7) == "holds >= 0.7"
    assert Goal(most=0.25).verdict(0.3) == "MISSES <= 0.25"


def test_runs_are_compared_turn_by_turn() -> None:
    runs = Runs()
    for ours, theirs in ((2.0, 1.0), (4.0, 2.0), (1.0, 5.0)):
        runs.add("ours", Spent(ours, ours))
        runs.add("theirs", Spent(theirs, theirs))
    assert (runs.faster("ours", "theirs"), runs.thriftier("ours", "theirs"), runs.wall("ours")) == (0.5, 0.5, 2.0)
