"""Does the image hold what it needs and no more? The Dockerfile is replayed in environments of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.config import load
from tests.cli.workspace import Tenant, Workspace

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = ROOT / "deploy" / "compose.yaml"
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
#: Megabytes, by adding up files. python:3.13-slim is 125 of them.
MOST, BASE = 350, 130


def instructions(stage: int) -> list[tuple[str, str]]:
    """The instructions of that stage, in order, with their words."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    lines = re.split(r"^(?=FROM )", joined, flags=re.MULTILINE)[1 + stage].splitlines()
    return [(words[0], words[1]) for line in lines if len(words := line.split(maxsplit=1)) == 2]


def test_the_image_runs_as_nobody_in_particular_and_is_asked_for_its_health() -> None:
    final = dict(instructions(1))

    assert final["USER"] == "65532:65532"
    assert json.loads(final["ENTRYPOINT"]) == ["rotator"]
    assert 'CMD ["rotator", "healthcheck"]' in final["HEALTHCHECK"]
    assert "org.opencontainers.image.licenses" in final["LABEL"]


@pytest.mark.skipif(HADOLINT is None, reason="no hadolint for this machine: the Dockerfile was NOT looked at by it")
def test_hadolint_finds_nothing_wrong_with_the_dockerfile() -> None:
    assert HADOLINT is not None
    told = subprocess.run([HADOLINT, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_everything_is_installed_by_its_hash_and_nothing_else_of_the_tree_is_copied() -> None:
    installs = [words for name, words in instructions(0) if name == "RUN" and "requirements/" in words]

    assert installs
    assert all(part.count("--require-hashes") == part.count("-r requirements/") for part in installs)
    copied = {word for name, words in instructions(0) if name == "COPY" for word in words.split()[:-1]}
    assert copied == {
        "requirements/",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "config.example.yaml",
        "rotator/",
        "deploy/container/trim.py",
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert all(
        any(each.startswith(rule[1:].rstrip("/")) for rule in ignored if rule[0:1] == "!") or each == "requirements/"
        for each in copied
    )


def test_every_part_of_graphs_sdk_that_is_used_is_kept() -> None:
    kept = re.search(
        r"KEPT = frozenset\(\{(.*?)\}\)", (ROOT / "deploy" / "container" / "trim.py").read_text(), re.DOTALL
    )
    assert kept is not None
    names = set(re.findall(r'"(\w+)"', kept[1]))
    source = "\n".join(path.read_text() for path in (ROOT / "rotator").rglob("*.py"))

    assert set(re.findall(r"msgraph\.generated\.(\w+)", source)) <= names
    client = (ROOT / "rotator" / "entra" / "graph_client.py").read_text()
    assert set(re.findall(r"self\._graph\.(\w+)", client)) <= names


def test_the_services_are_confined_and_their_configuration_loads() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    ours = [compose["services"][name] for name in ("rotator", "simulator")]

    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in ours)
    assert all("no-new-privileges:true" in each["security_opt"] for each in ours)
    assert compose["services"]["simulator"]["profiles"] == ["simulator"]
    made = load(ROOT / "deploy" / "compose" / "config.yaml", check_references=False)
    assert made.warnings == ()
    named = set(re.findall(r"/run/secrets/([\w-]+)", (ROOT / "deploy" / "compose" / "config.yaml").read_text()))
    assert named == set(compose["services"]["rotator"]["secrets"])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the last stage copies, made by the build stage's own commands in a folder instead of an image."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "src").mkdir()
    for name, words in instructions(0):
        if name == "COPY":
            copy(words.split(), folder / "src")
        elif name == "RUN":
            run(words, folder)
    yield folder / "opt" / "rotator"
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.skipif("ROTATOR_TEST_IMAGE" not in os.environ, reason="`make image` does it: all packages anew")
def test_the_image_is_small_and_a_full_rotation_finds_its_bytecode(
    image: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tenant = Tenant()
    try:
        workspace = Workspace(tmp_path_factory.mktemp("work"), tenant)
        workspace.add("billing", tenant.application())
        said = run_in(image, workspace, "run", "--once")
    finally:
        tenant.close()

    assert said.returncode == 0, said.stderr[-4000:]
    assert "secret is current" in said.stderr
    assert uncompiled(image, said.stderr) == []
    assert megabytes(image) + BASE <= MOST


def copy(words: list[str], to: Path) -> None:
    *sources, target = words
    for source in sources:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, to / target, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / source, to / target)


def run(words: str, folder: Path) -> None:
    """One RUN, with the folder in place of the root."""
    script = re.sub(r"(?<![\w./])/(opt|dist)\b", rf"{folder}/\1", words)
    script = re.sub(r"\bpython -m venv", f"{sys.executable} -m venv", script)
    ended = subprocess.run(
        ["bash", "-ec", script], cwd=folder / "src", capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.returncode == 0, f"{script}\n{ended.stdout[-2000:]}\n{ended.stderr[-4000:]}"


def run_in(image: Path, workspace: Workspace, *words: str) -> subprocess.CompletedProcess[str]:
    workspace.write()
    return subprocess.run(
        [str(image / "bin" / "python"), "-X", "importtime", "-m", "rotator", *words],
        env=workspace.environment(PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=""),
        cwd=workspace.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def uncompiled(image: Path, traced: str) -> list[str]:
    """Modules that were imported from the image's packages and have no bytecode there."""
    packages = next((image / "lib").glob("python3*/site-packages"))
    names = set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", traced, re.MULTILINE))
    lacking = []
    for name in names:
        path = packages.joinpath(*name.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if source.is_file() and not list((source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")):
            lacking.append(name)
    return sorted(lacking)


def megabytes(folder: Path) -> float:
    files: Any = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return float(sum(path.lstat().st_size for path in files)) / 1e6
