"""Do programs, templates and hooks work as a user meets them: by `run`, `check`, `status`, `history`, `deliver`?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.workspace import Tenant, Workspace


class Consumers:
    """A rotation to a program and by a template, with a hook that works and one that fails."""

    def __init__(self, workspace: Workspace, application: dict[str, str]) -> None:
        self.workspace = workspace
        self.folder = workspace.folder
        self.deliver = self._program("deliver", "cat > fed.json")
        self.hook = self._program("after", "cat > told.json")
        self.broken = self._program("broken", "echo no such service >&2; exit 5")
        (self.folder / "db.j2").write_text("secret={{ clientSecret }}\n")
        destinations = [
            {"kind": "exec", "command": [self.deliver]},
            {"kind": "file", "path": str(self.conf), "format": "template", "template": str(self.folder / "db.j2")},
        ]
        hooks = [{"kind": "exec", "command": [self.hook]}, {"kind": "exec", "command": [self.broken]}]
        workspace.add("billing", application, destinations=destinations, hooks=hooks)

    @property
    def conf(self) -> Path:
        return self.folder / "db.conf"

    @property
    def fed(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "fed.json").read_text())
        return found

    def _program(self, name: str, script: str) -> str:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\ncd {self.folder}\n{script}\n")
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def consumers(workspace: Workspace, tenant: Tenant) -> Consumers:
    return Consumers(workspace, tenant.application(displayName="Billing"))


def test_a_rotation_reaches_programs_and_templates_and_then_tells_consumers(
    workspace: Workspace, consumers: Consumers
) -> None:
    said = workspace.rotator("run", "--once")

    assert said.status == 0, said.err
    secret = consumers.fed["secrets"]["BILLING_SECRET"]
    assert consumers.conf.read_text() == f"secret={secret}\n"
    told = json.loads((consumers.folder / "told.json").read_text())
    assert (told["operation"], told["keyId"]) == ("promoted", consumers.fed["keyId"])
    shown = workspace.rotator("status", "billing").out + workspace.rotator("history", "billing").out
    assert f"exec:{consumers.hook} was told" in shown
    assert f"exec:{consumers.broken} was not told" in shown
    assert "exit status 5: no such service" in shown
    assert secret not in said.out + said.err + shown


def test_another_process_reads_from_the_books_what_was_handed_over_and_deliver_brings_it_again(
    workspace: Workspace, consumers: Consumers
) -> None:
    workspace.rotator("run", "--once")
    first = consumers.fed
    (consumers.folder / "fed.json").unlink()

    assert workspace.rotator("run", "--once").status == 0
    assert not (consumers.folder / "fed.json").exists()
    said = workspace.rotator("deliver", "billing", "--to", f"exec:{consumers.deliver}")
    assert said.status == 0, said.err
    assert consumers.fed["secrets"] == first["secrets"]


def test_check_finds_a_program_that_cannot_be_run_and_tells_nobody(workspace: Workspace, consumers: Consumers) -> None:
    assert workspace.rotator("check").status == 0
    assert not (consumers.folder / "told.json").exists()
    Path(consumers.hook).chmod(0o644)
    Path(consumers.deliver).unlink()

    said = workspace.rotator("check")

    assert said.status == 1
    assert f"hook exec:{consumers.hook}" in said.out
    assert said.out.count("cannot be run") == 2
