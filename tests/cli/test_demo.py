"""Does the demo show what it promises, and leave nothing behind?"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cli.workspace import PATIENCE
from tests.nursery import Child
from tests.web.asking import NOBODY


class Demo:
    """A demo under way, and what it says."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        heard, told = os.pipe()
        environment = {**os.environ, "TMPDIR": str(folder), **environ}
        self.process = Child(["demo", *words], environment=environment, out=told, err=told)
        os.close(told)
        self.said = os.fdopen(heard)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Its status, and what it has said that nobody has read yet."""
        with self.said as rest:
            text = rest.read()
        return self.process.wait(PATIENCE), text


@pytest.mark.slow
def test_once_shows_every_rotation_and_ends_by_itself(tmp_path: Path) -> None:
    status, said = Demo(tmp_path, "--once", "--speed", "3").end()

    assert status == 0, said
    rotated = re.search(r"(\d+) rotations of 11 applications, (\d+) old secrets revoked", said)
    assert rotated is not None
    assert int(rotated[1]) >= 22
    assert int(rotated[2]) >= 11
    assert "Make the service principal 'rotator' an owner of 'Data Lake'" in said
    assert "of an unanswered request revoked" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_leaves_cleanly(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    said = demo.said.readline()
    while "is current" not in said and "proved" not in said and demo.process.poll() is None:
        said = demo.said.readline()
    began = time.monotonic()
    demo.interrupt()
    status, rest = demo.end()

    assert status == 0, rest
    assert time.monotonic() - began < 20
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_its_dashboard_opens_in_the_browser_that_is_asked_for(tmp_path: Path) -> None:
    opened, folder, browser = tmp_path / "opened", tmp_path / "tmp", tmp_path / "browser"
    folder.mkdir()
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    demo = Demo(folder, "--open", BROWSER=f"{browser} %s")
    said = [next(line for line in demo.said if "/sign-in?link=" in line).strip()]
    said += [next(line for line in demo.said if "/metrics" in line).split()[-1]]
    with httpx.Client(verify=NOBODY, trust_env=False) as http:
        assert "works once" in http.get(said[0]).text
        assert "rotator_build_info" in http.get(said[1]).text
    while not opened.exists():
        assert demo.process.poll() is None
        time.sleep(0.05)  # another process writes it
    demo.interrupt()
    status, rest = demo.end()

    assert opened.read_text().strip() == said[0]
    assert status == 0, rest
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_when_it_is_killed_its_simulator_ends_too(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    demo = subprocess.Popen([sys.executable, "-m", "rotator", "demo"], env=environment, stdout=subprocess.PIPE)
    assert demo.stdout is not None
    demo.stdout.readline()
    [simulator] = psutil.Process(demo.pid).children()

    demo.kill()
    demo.communicate(timeout=60)

    assert psutil.wait_procs([simulator], timeout=30)[1] == []
