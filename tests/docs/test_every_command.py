"""Is every command that a page shows run by a test? Ours against a tenant, in chapters; those of others by name."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from tests.cli.workspace import Said, Tenant, Workspace
from tests.docs.pages import ROOT, pages

#: Where a test runs those that stay in the foreground, or that a page of its own shows in order.
ELSEWHERE = {
    "rotator status --nodes": "tests/cluster/test_nodes.py",
    "rotator run": "tests/cli/test_daemon.py",
    "rotator --config config.yaml run": "tests/cli/test_daemon.py",
    "rotator restore /var/backups/rotator/2026-11-21.jsonl": "tests/cli/test_copies.py",
    "rotator import services.jsonl --dry-run": "tests/cli/test_import.py",
}
BEFORE = ["rotator config check", "rotator config schema", "rotator check", "rotator plan"]
AT_REST = [
    "rotator --config config.yaml check",
    "rotator --config config.yaml plan",
    "rotator status",
    "rotator status billing-api",
    "rotator status --json",
    "rotator history billing-api",
    "rotator identity create root --role admin",
    "rotator identity token root",
    "rotator audit verify",
    "rotator pause billing-api",
    "rotator resume billing-api",
    "rotator rotate billing-api",
    "rotator rotate billing-api payroll",
    "rotator rotate --failed",
    "rotator deliver billing-api",
    'rotator rotate billing-api --emergency "INC-4711: leaked in a build log"',
    "rotator revoke billing-api",
    "rotator rotate --compromised billing-api",
    "rotator approve billing-api",
    "rotator backup /var/backups/rotator/2026-11-21.jsonl",
]
TENANT = [
    "rotator inventory",
    "rotator inventory --expiring 30d --unmanaged",
    "rotator inventory --expiring 14d --unmanaged",
    "rotator inventory billing --json",
    "rotator inventory --finding no-owner --csv",
    "rotator inventory --usage",
    "rotator inventory --usage --finding unused --unused-after 180d",
    "rotator inventory --expiring 60d --unmanaged --write-config conf.d/adopted.yaml",
]
ASKED = "rotator inventory --unmanaged --write-config conf.d/adopted.yaml --adopt"
WITH_A_DAEMON = ["rotator healthcheck", "rotator dashboard link", "rotator rotate --all --no-wait"]
GONE_DESTINATION = "rotator forget billing-api --to file:/run/rotator/billing.env"
GONE = ["rotator forget billing-api", "rotator forget billing-api --revoke --last"]
SIMULATOR = "rotator simulate --listen 127.0.0.1:8443 --applications 12 --seed 7"
#: First words of lines that are not ours, and what looks after them here.
OTHERS = {
    "make": "test_a_target_that_is_shown_is_one_of_the_makefile",
    "docker": "tests/deploy/test_typed.py: by the compose file and the Dockerfile, there is no docker here",
    "kubectl": "tests/deploy/test_typed.py: by the chart's values, there is no cluster here",
    "helm": "tests/deploy/test_typed.py, and tests/deploy/test_helm.py where there is a helm",
    "sudo": "tests/deploy/test_typed.py: below a root of its own",
    "systemctl": "tests/deploy/test_typed.py: what a start does; tests/deploy/test_systemd.py: by systemd-analyze",
    "openssl": "tests/deploy/test_typed.py",
    "pip": "tests/deploy/test_container.py replays the installation, by `make image`",
    "curl": "tests/web/test_sign_in_page.py; the one for metrics is asked in tests/cli/test_metrics.py",
    "ask": "tests/web/test_pages.py, tests/web/test_sign_in_page.py",
    "az": "tests/simulator/test_azure_cli.py, where ROTATOR_TEST_AZ names one",
}
#: Refused so soon after a promotion, with the reason; what it does later is in tests/cli/test_commands.py.
REFUSED = {"rotator revoke billing-api": "the promotion is too recent"}


def typed() -> Iterator[tuple[str, str]]:
    """Page and line of every command in a block, without what comes after it in a shell."""
    for shown in pages():
        for kind, text in shown.fences():
            lines = (line.strip() for line in re.sub(r"\\\n", " ", text).splitlines())
            yield from ((shown.name, line) for line in lines if kind in {"sh", "console", ""} and line)


def ours() -> set[str]:
    shell = re.compile(r"^(?:\$ +)?(rotator .*?)(?: [#|>&;].*| {2,}.*)?$")
    return {found[1].strip() for _, line in typed() if (found := shell.match(line))}


def test_every_command_of_ours_is_in_a_chapter_or_named_with_the_test_that_runs_it() -> None:
    chapters = {*BEFORE, *AT_REST, *TENANT, ASKED, *WITH_A_DAEMON, GONE_DESTINATION, *GONE, SIMULATOR}

    assert ours() == chapters | set(ELSEWHERE)
    assert all((ROOT / place).is_file() for place in ELSEWHERE.values())


def test_the_commands_of_others_are_those_that_a_test_looks_after() -> None:
    prompted = {line[2:].split()[0] for _, line in typed() if line.startswith("$ ")}
    known = {*OTHERS, "rotator", ".", "export"}

    assert prompted <= known
    for told in OTHERS.values():
        for place in re.findall(r"tests/[\w/]+\.py", told):
            assert (ROOT / place).is_file(), place


def test_a_target_that_is_shown_is_one_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {found[1] for _, line in typed() if (found := re.match(r"(?:\$ +)?make ([a-z-]+)", line))}

    assert shown
    assert shown <= targets


@pytest.fixture(scope="module")
def tenant() -> Iterator[Tenant]:
    started = Tenant()
    started.control("POST", "clients", {"clientId": started.place["adminClientId"], "grant": ["AuditLog.Read.All"]})
    yield started
    started.close()


@pytest.fixture
def workspace(tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The two rotations of the pages, in a folder that is the working directory."""
    made = Workspace(tmp_path, tenant)
    made.add("billing-api", tenant.application(displayName="Billing"), requiresApproval=False)
    made.add("payroll", tenant.application(displayName="Payroll"), destinations=[{"kind": "embedded"}])
    (tmp_path / "conf.d").mkdir()
    monkeypatch.chdir(tmp_path)
    return made


def run(workspace: Workspace, line: str) -> Said:
    """As shown, but for places that only a machine of its own has."""
    here = {
        "/var/backups/rotator": str(workspace.folder),
        "/run/rotator/billing.env": str(workspace.file("billing-api")),
    }
    for shown, ours_ in here.items():
        line = line.replace(shown, ours_)
    return workspace.rotator(*shlex.split(line)[1:])


def succeeds(workspace: Workspace, lines: list[str]) -> None:
    for line in lines:
        said, why = run(workspace, line), REFUSED.get(line, "")
        assert (said.status, why in said.out) == (1 if why else 0, True), f"{line}: {said}"


def test_before_anything_is_rotated(workspace: Workspace) -> None:
    succeeds(workspace, BEFORE)


def test_with_rotations_at_rest(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workspace.rotator("run", "--once").status == 0
    for line in AT_REST:
        if line.startswith("rotator approve"):
            workspace.document["rotations"][0]["requiresApproval"] = True
            assert workspace.rotator("run", "--once").status == 0
        succeeds(workspace, [line])


def test_with_the_tenants_inventory(workspace: Workspace) -> None:
    assert workspace.rotator("run", "--once").status == 0
    succeeds(workspace, TENANT)


def test_with_a_person_who_answers(workspace: Workspace) -> None:
    with mock.patch("sys.stdin", io.StringIO("q\n")):
        succeeds(workspace, [ASKED])


def test_beside_a_daemon(workspace: Workspace) -> None:
    workspace.document["api"] = {"listen": "127.0.0.1:0"}
    started = workspace.daemon()
    try:
        started.wait_for_log("the API listens")
        workspace.document["dashboard"] = {"address": "https://rotator.example"}
        succeeds(workspace, WITH_A_DAEMON)
    finally:
        started.close()


def test_a_destination_that_left_the_definition_is_let_go(workspace: Workspace) -> None:
    assert workspace.rotator("run", "--once").status == 0
    workspace.document["rotations"][0]["destinations"] = [{"kind": "embedded"}]
    assert workspace.rotator("run", "--once").status == 0
    succeeds(workspace, [GONE_DESTINATION])


@pytest.mark.parametrize("line", GONE)
def test_a_rotation_that_left_the_configuration_is_let_go(workspace: Workspace, line: str) -> None:
    assert workspace.rotator("run", "--once").status == 0
    workspace.document["rotations"].pop(0)
    assert workspace.rotator("run", "--once").status == 0
    succeeds(workspace, [line])


def test_the_simulator_says_where_it_is() -> None:
    words = shlex.split(SIMULATOR.replace("8443", "0"))[1:]
    process = subprocess.Popen([sys.executable, "-m", "rotator", *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert len(json.loads(process.stdout.readline())["applications"]) == 12
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0
