"""Does `rotator approve` let a rotation go ahead, and does the audit keep who insisted and why?"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from tests.cli.workspace import Tenant, Workspace


def test_what_waits_for_approval_is_rotated_once_approved(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application()
    workspace.add("billing", application, requiresApproval=True)
    assert workspace.rotator("run", "--once").status == 0
    assert tenant.credentials(application) == []

    said = workspace.rotator("approve", "billing")
    assert (said.status, said.out) == (0, "billing: approved\n")
    assert workspace.rotator("run", "--once").status == 0
    assert len(tenant.credentials(application)) == 1

    assert "it rotates at" in workspace.rotator("approve", "billing").out
    assert _audited(workspace) == ["rotation.approve", "rotation.approve"]


def test_what_waits_for_no_approval_cannot_be_approved(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application())
    workspace.rotator("run", "--once")

    said = workspace.rotator("approve", "billing")

    assert (said.status, "billing waits for no approval" in said.err) == (2, True)


def test_an_emergency_passes_by_a_freeze_and_is_in_the_audit(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application()
    workspace.add("billing", application)
    today = datetime.now(UTC)
    begin, end = (f"{today + days * timedelta(days=1):%Y-%m-%d}" for days in (-10, 10))
    workspace.document["freeze"] = [{"from": begin, "to": end}]

    said = workspace.rotator("rotate", "billing")
    assert (said.status, "changes are frozen until" in said.out) == (1, True)
    assert tenant.credentials(application) == []

    assert workspace.rotator("rotate", "billing", "--emergency", "INC-4711").status == 0
    assert len(tenant.credentials(application)) == 1
    assert _audited(workspace) == ["rotation.emergency"]


def _audited(workspace: Workspace) -> list[str]:
    with sqlite3.connect(workspace.database) as books:
        return [kind for (kind,) in books.execute("SELECT kind FROM audit ORDER BY n")]
