"""Can the units be used as they stand? As systemd reads them, and against what the program says of itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rotator.cli import exits
from rotator.config.settings import Daemon
from rotator.destinations.hooks.systemd import _ACTIONS as ACTIONS
from rotator.engine.alive import SILENT_AFTER

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = ("rotator.service", "rotator-once.service")
#: What each may be exposed to at most, as systemd counts it (0 to 10).
MOST_EXPOSED, MOST_WITH_CHOWN = 1.3, 2.0

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings(name: str) -> dict[str, list[str]]:
    """Option -> its values, in order, of all sections."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (UNITS / name).read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_exposed_to_as_little_as_promised(name: str) -> None:
    assert exposure(UNITS / name) <= MOST_EXPOSED


@needs_systemd
def test_a_daemon_that_gives_files_away_is_exposed_to_little_more(tmp_path: Path) -> None:
    unit = installed(tmp_path, "rotator.service")
    folder = tmp_path / "rotator.service.d"
    folder.mkdir()
    shutil.copy(UNITS / "drop-ins" / "files-of-others.conf", folder)

    assert MOST_EXPOSED < exposure(unit) <= MOST_WITH_CHOWN


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name in (*SERVICES, "rotator-once.timer"):
        installed(tmp_path, name)

    verified = systemd_analyze("verify", *(str(tmp_path / name) for name in ("rotator.service", "rotator-once.timer")))

    assert (verified.returncode, verified.stderr.strip()) == (0, "")


def test_watchdog_drain_and_statuses_fit_the_program() -> None:
    unit = settings("rotator.service")

    assert seconds(unit["WatchdogSec"]) >= SILENT_AFTER
    assert seconds(unit["TimeoutStopSec"]) > Daemon().drain_timeout.total_seconds()
    assert str(exits.BAD_CONFIGURATION) in unit["RestartPreventExitStatus"][-1].split()
    assert unit["Type"] == ["notify"]


def test_the_reload_of_newer_systemds_takes_the_place_of_ours() -> None:
    newer = settings("drop-ins/newer-systemd.conf")

    assert newer["Type"] == ["notify-reload"]
    assert newer["ExecReload"] == [""]


def test_the_rule_for_hooks_names_the_verbs_that_hooks_use() -> None:
    rule = (UNITS / "50-rotator.rules").read_text()
    verbs = re.search(r"verbs = \[(.*)\]", rule)

    assert verbs is not None
    assert set(re.findall(r'"([a-z-]+)"', verbs[1])) == set(ACTIONS)
    assert f'subject.user === "{settings("rotator.service")["User"][0]}"' in rule


@pytest.mark.parametrize("name", ["install-systemd", "install-container", "install-kubernetes"])
def test_a_file_that_a_page_installs_is_there(name: str) -> None:
    text = (UNITS.parents[1] / "docs" / f"{name}.md").read_text()

    for path in set(re.findall(r"\b(?:deploy/\w+/|deploy/\w+\.|requirements/)[\w./-]*\w", text)):
        assert (UNITS.parents[1] / path).exists(), path


def test_both_services_are_confined_alike() -> None:
    """From the user on they are the same, but for how long delivered files stay."""
    daemon, once = (confined(name) for name in SERVICES)

    assert daemon - once == {"RuntimeDirectoryPreserve=restart"}
    assert once - daemon == {"RuntimeDirectoryPreserve=yes"}


def test_a_daemon_without_its_credentials_says_so_and_is_not_started_again(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"state: {{url: 'sqlite:///{tmp_path}/state.db', encryptionKeys: [{{credential: secret_key}}]}}\n",
    )

    ended = subprocess.run(
        [sys.executable, "-m", "rotator", "--config", str(config), "run"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )

    assert ended.returncode == exits.BAD_CONFIGURATION, ended.stderr
    assert "secret_key" in ended.stderr
    assert "Traceback" not in ended.stderr


def confined(name: str) -> set[str]:
    lines = (UNITS / name).read_text().partition("# A user without an account.")[2].partition("[Install]")[0]
    return {line for line in lines.splitlines() if line and not line.startswith("#")}


def installed(folder: Path, name: str) -> Path:
    """The unit as it would be where rotator is installed: with a program that is there."""
    unit = folder / name
    unit.write_text((UNITS / name).read_text().replace("/opt/rotator/bin/rotator", "/bin/true"))
    return unit


def exposure(unit: Path) -> float:
    said = systemd_analyze("security", "--offline=true", str(unit)).stdout
    found = re.search(r"Overall exposure level .*: ([\d.]+)", said)
    assert found, said
    return float(found[1])


def systemd_analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


def seconds(values: list[str]) -> int:
    return int(values[-1].removesuffix("s"))
