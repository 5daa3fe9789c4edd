"""How soon do commands answer, and how soon is the daemon ready? Beside the bare import of what each needs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.processes import command, daemon
from tests.benchmarks.report import Goal, Line, Runs, show
from tests.benchmarks.tenant import nowhere, write_configuration

_TURNS = 7
_ROTATIONS = 1000
_HELP_NEEDS = "import typer.main, typer.core"
_STATUS_NEEDS = f"{_HELP_NEEDS}, asyncio, yaml, pydantic, sqlalchemy, sqlite3, rich.table, rich.console"
_DAEMON_NEEDS = "import typer, asyncio, yaml, pydantic, sqlalchemy, sqlite3, structlog, apscheduler.schedulers.asyncio"


def run() -> None:
    """The daemon starts for the second time: its files have not changed since it last read them."""
    with tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder), nowhere(_ROTATIONS), rotations=_ROTATIONS, initial="wait")
        with daemon(config) as first:
            show(Line(f"first start with {_ROTATIONS:,} rotations", f"{first.ready_after:.2f} s"))
        _compare("rotator --help", ("-m", "rotator", "--help"), _HELP_NEEDS, Goal(most=0.25))
        status = ("-m", "rotator", "--config", str(config), "status")
        _compare("rotator status NAME", (*status, "rotation-5"), _STATUS_NEEDS, Goal(most=0.5))
        _compare(f"rotator status, a table of {_ROTATIONS:,}", status, _STATUS_NEEDS, Goal(most=0.5))
        _second_start(config)


def _compare(what: str, ours: tuple[str, ...], needs: str, goal: Goal) -> None:
    runs = Runs()
    for _ in range(_TURNS):
        runs.add("ours", command(*ours))
        runs.add("import", command("-c", needs))
    used = f", processor {runs.processor('ours'):.2f} s"
    _tell(what, runs.wall("ours"), runs.wall("import"), goal, used)


def _second_start(config: Path) -> None:
    starts, imports = [], []
    for _ in range(_TURNS // 2):
        with daemon(config) as again:
            starts.append(again.ready_after)
        imports.append(command("-c", _DAEMON_NEEDS).wall)
    _tell(f"ready, second start, {_ROTATIONS:,} rotations", median(starts), median(imports), Goal(most=2.0))


def _tell(what: str, seconds: float, floor: float, goal: Goal, used: str = "") -> None:
    beside = f"the imports alone: {floor:.2f} s{used}"
    show(Line(what, f"{seconds:.2f} s", beside, seconds / floor, goal.verdict(seconds)))
