"""Do the commands of the runbook do what stands beside them? Run as shown, against a tenant over HTTPS."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.workspace import Said, Tenant, Workspace
from tests.docs.pages import ROOT, page

RUNBOOK = page(ROOT / "docs" / "operations.md")
SHOWN = set(RUNBOOK.commands())


@pytest.fixture(scope="module")
def tenant() -> Iterator[Tenant]:
    started = Tenant()
    yield started
    started.close()


@pytest.fixture
def workspace(tmp_path: Path, tenant: Tenant) -> Workspace:
    """The two rotations that the runbook speaks of, the second of them in the embedded store only."""
    made = Workspace(tmp_path, tenant)
    made.add("billing-api", tenant.application(displayName="Billing"))
    made.add("payroll", tenant.application(displayName="Payroll"), destinations=[{"kind": "embedded"}])
    return made


def run(workspace: Workspace, line: str) -> Said:
    """Run a line of the runbook to its end."""
    assert line in SHOWN, "the runbook does not show it any more"
    return workspace.rotator(*shlex.split(line)[1:])


def test_the_first_installation_goes_as_it_is_shown(workspace: Workspace) -> None:
    assert run(workspace, "rotator check").status == 0
    assert not workspace.database.exists(), "a check changes nothing"
    assert run(workspace, "rotator run --once").status == 0
    assert run(workspace, "rotator status").out.count(" active ") == 2
    assert "NEVER_ROTATED: succeeded" in run(workspace, "rotator history billing-api").out
    assert run(workspace, "rotator pause billing-api").status == 0
    refused = run(workspace, "rotator rotate billing-api payroll")
    assert "billing-api: refused: 'billing-api' is paused" in refused.out
    assert "payroll: done" in refused.out


def test_a_restored_older_copy_is_held_until_somebody_decides(workspace: Workspace, tmp_path: Path) -> None:
    workspace.document["rotations"].pop()
    run(workspace, "rotator run --once")
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(workspace.database)) as books, closing(sqlite3.connect(copy)) as made:
        books.backup(made)
    assert workspace.rotator("rotate", "billing-api").status == 0
    newest = workspace.delivered("billing-api")
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    copy.rename(workspace.database)

    found = run(workspace, "rotator deliver billing-api")

    assert found.status == 1
    assert "'rotator adopt billing-api KEY_ID'" in found.out
    assert workspace.delivered("billing-api") == newest
    mark = json.loads(workspace.file("billing-api").read_text().splitlines()[0].partition(": ")[2])
    assert workspace.rotator("adopt", "billing-api", mark["key"]).status == 0
    assert json.loads(run(workspace, "rotator status --json").out)["secretRotations"][0]["state"] == "active"
