"""Where do real servers come from that nobody has installed? Built once from their modules, into the user's cache."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

#: The longest that a build may take, in seconds; a slow machine sets more.
PATIENCE = int(os.environ.get("ROTATOR_TEST_PEERS_SECONDS", "3600"))
_MODULES = Path(__file__).parent / "modules"


def cache() -> Path:
    """Where servers are kept from one run to the next."""
    above = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(above) / "entra-rotator" / "peers"


@dataclass(frozen=True)
class GoProgram:
    """A program of one file that links a module's server: `modules/NAME/main.go`, with the module's own replacements.

    `local` says what the version of modules is that live in the module's own repository.
    """

    name: str
    module: str
    version: str
    local: str = ""
    replaced: tuple[str, ...] = ()

    def built(self) -> Path:
        """The program; skips the test, saying why, where it cannot be built."""
        made = cache() / f"{self.name}-{self.version}"
        if not made.exists():
            go = shutil.which("go")
            if go is None:
                pytest.skip(f"{self.name}: needs Go to build {self.module} {self.version}")
            with _alone():
                self._build(go, made)
        return made

    def _build(self, go: str, made: Path) -> None:
        if made.exists():
            return
        folder = cache() / "src" / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(_MODULES / self.name / "main.go", folder)
        self._run(go, folder, "mod", "download", f"{self.module}@{self.version}")
        (folder / "go.mod").write_text(self._requirements(go, folder))
        self._run(go, folder, "mod", "tidy")
        self._run(go, folder, "build", "-trimpath", "-ldflags=-s -w", "-o", f"{made}.new", ".")
        Path(f"{made}.new").rename(made)

    def _requirements(self, go: str, folder: Path) -> str:
        """As the module's own, whose replacements Go does not look at in a module that is only used."""
        kept = Path(self._run(go, folder, "env", "GOMODCACHE").strip()) / "cache" / "download" / self.module / "@v"
        declared = (kept / f"{self.version}.mod").read_text()
        found = re.search(r"^go (\S+)", declared, re.MULTILINE)
        near = re.findall(r"^\s*(\S+) => \./staging/", declared, re.MULTILINE)
        rows = [f"{each} => {each} {self.local}" for each in near] + list(self.replaced)
        lines = [f"module rotator.invalid/{self.name}", f"go {found[1] if found else '1.25'}"]
        lines += [f"require {self.module} {self.version}", *(f"replace {row}" for row in rows)]
        return "\n\n".join(lines) + "\n"

    def _run(self, go: str, folder: Path, *words: str) -> str:
        environment = {**os.environ, "GOFLAGS": "-mod=mod -p=1", "GOTOOLCHAIN": "local"}
        try:
            done = subprocess.run(
                [go, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"{self.name}: go {words[0]} did not end within {PATIENCE} s")
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            pytest.skip(f"{self.name}: go {' '.join(words[:2])} failed: {said[0]}")
        return done.stdout


class _alone:  # noqa: N801 - used as a statement
    """One build at a time on this machine."""

    def __enter__(self) -> None:
        cache().mkdir(parents=True, exist_ok=True)
        self._file = (cache() / ".lock").open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()
