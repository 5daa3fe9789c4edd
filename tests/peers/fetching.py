"""Where do real servers come from that are written in Java? From Maven Central, by the machine's own Maven."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache as cache_once
from pathlib import Path

import pytest

from tests.peers.building import PATIENCE, cache


@dataclass(frozen=True)
class JavaProgram:
    """A program of one jar, and the oldest Java that runs it."""

    group: str
    artifact: str
    version: str
    java: int

    def fetched(self) -> list[str]:
        """The command that runs it; skips the test, saying why, where it cannot be had."""
        trouble = _trouble(self)
        if trouble:
            pytest.skip(f"{self.artifact}: {trouble}")
        return [shutil.which("java") or "java", "-Xmx512m", "-jar", str(self.jar)]

    @property
    def jar(self) -> Path:
        """Where it is kept from one run to the next."""
        return cache() / f"{self.artifact}-{self.version}.jar"


@cache_once
def _trouble(program: JavaProgram) -> str:
    """Why it cannot be run here; empty once its jar is there. Asked once in a run."""
    runtime, maven = shutil.which("java"), shutil.which("mvn")
    if runtime is None or _version(runtime) < program.java:
        return f"needs Java {program.java}"
    if program.jar.exists():
        return ""
    return _fetch(maven, program) if maven else "needs Maven to be fetched"


def _fetch(maven: str, program: JavaProgram) -> str:
    program.jar.parent.mkdir(parents=True, exist_ok=True)
    name = f"{program.group}:{program.artifact}:{program.version}"
    folder = program.jar.with_suffix(".new")
    words = ["-q", "-B", "dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={folder}"]
    done = subprocess.run([maven, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        said = re.search(r"(?:Could not|Unable to) \w+ \w+", done.stdout + done.stderr)
        return f"Maven does not give {name}: {said[0] if said else 'no reason given'}"
    (folder / program.jar.name).rename(program.jar)
    return ""


def _version(runtime: str) -> int:
    said = subprocess.run([runtime, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0
