"""Do the books survive a way through a copy, and does an older copy do no harm?"""

from __future__ import annotations

from pathlib import Path

from tests.cli.workspace import Tenant, Workspace


def test_L16_an_older_copy_revokes_nothing_and_doubles_nothing(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Copied")
    workspace.add("copied", application, destinations=[{"kind": "embedded"}])
    assert workspace.rotator("run", "--once").status == 0
    copy = workspace.folder / "copy.jsonl"
    said = workspace.rotator("backup", str(copy))
    assert (said.status, copy.stat().st_mode & 0o777) == (0, 0o600)
    assert workspace.rotator("rotate", "copied").status == 0
    before = {each["keyId"] for each in tenant.credentials(application)}
    assert len(before) == 2
    restored_elsewhere(workspace, copy)
    assert workspace.rotator("run", "--once").status == 0
    (shown,) = workspace.rotator("status", "--json").json["secretRotations"]
    assert "STATE_OLDER_THAN_ENTRA" in [alarm["code"] for alarm in shown["alarms"]]
    assert {each["keyId"] for each in tenant.credentials(application)} == before


def restored_elsewhere(workspace: Workspace, copy: Path) -> None:
    """As on a new machine, to which the key has been brought."""
    key = workspace.database.with_name("state.db.key")
    workspace.document["state"]["url"] = f"sqlite:///{workspace.folder / 'new.db'}"
    said = workspace.rotator("restore", str(copy))
    assert (said.status, "No configured key opens" in said.err) == (78, True)
    key.rename(workspace.folder / "new.db.key")
    said = workspace.rotator("restore", str(copy))
    assert said.status == 0, said.err
    assert workspace.rotator("restore", str(copy)).status == 78


def test_a_copy_is_not_written_over_another(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("copied", tenant.application(), destinations=[{"kind": "embedded"}])
    copy = workspace.folder / "copy.jsonl"
    assert workspace.rotator("backup", str(copy)).status == 2
    assert workspace.rotator("run", "--once").status == 0
    copy.write_text("precious")
    said = workspace.rotator("backup", str(copy))
    assert (said.status, copy.read_text()) == (2, "precious")
    assert workspace.rotator("backup", str(workspace.folder / "no" / "copy.jsonl")).status == 2
    assert workspace.rotator("restore", str(workspace.folder / "none.jsonl")).status == 2
