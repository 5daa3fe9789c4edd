"""Do help, schema, example and the check of the file work without anything else?"""

from __future__ import annotations

import json

import pytest

from rotator.cli.main import hoisted
from tests.cli.workspace import Tenant, Workspace

COMMANDS = """
    run rotate status plan check history pause resume revoke deliver adopt forget
    demo simulate healthcheck secret keys config
"""


def test_help_names_every_command(workspace: Workspace) -> None:
    said = workspace.rotator("--help")

    assert said.status == 0
    listed = [line.split()[0] for line in said.out.partition("Commands:")[2].splitlines() if line[2:3].strip()]
    assert [word for word in listed if word in COMMANDS.split()] == COMMANDS.split()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("run --once", "run --once"),
        ("run --config a.yaml --once", "--config a.yaml run --once"),
        ("status -c a.yaml --log-level=debug", "-c a.yaml --log-level=debug status"),
        ("check --allow-literal-secrets x", "--allow-literal-secrets check x"),
        ("history -- --config", "history -- --config"),
        ("run --config", "--config run"),
    ],
)
def test_global_options_may_stand_after_the_command(said: str, meant: str) -> None:
    assert hoisted(said.split()) == meant.split()


def test_the_version_is_shown(workspace: Workspace) -> None:
    assert workspace.rotator("--version").out.startswith("rotator ")


def test_an_unknown_command_is_wrong_use(workspace: Workspace) -> None:
    assert workspace.rotator("rotat").status == 2


def test_an_unknown_log_level_is_wrong_use(workspace: Workspace) -> None:
    assert workspace.rotator("--log-level", "loud", "status").status == 2


def test_the_example_and_the_schema_are_printed(workspace: Workspace) -> None:
    assert "rotations:" in workspace.rotator("config", "example").out
    assert json.loads(workspace.rotator("config", "schema").out)["title"] == "rotator"


def test_the_check_of_the_file_touches_nothing_else(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application(), overlap="1h")

    said = workspace.rotator("config", "check")

    assert said.status == 0
    assert "1h is short" in said.out
    assert "1 rotations, no mistake" in said.out
    workspace.add("billing", tenant.application())
    assert workspace.rotator("config", "check").status == 78
