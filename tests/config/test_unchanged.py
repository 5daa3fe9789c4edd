"""What need not be read again, and what does loading touch?"""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path
from typing import NoReturn

import pytest

from rotator.config import Configuration, load, load_state
from rotator.errors import ConfigError
from tests.config.writing import CONNECTION, INTERVAL, ROTATION, Folder

INCLUDED = "rotations:\n" + ROTATION.replace("billing", "payroll").replace("BILLING", "PAYROLL") + INTERVAL


@pytest.fixture
def known(folder: Folder) -> Configuration:
    folder.write(INCLUDED, "conf.d/payroll.yaml")
    return folder.load(CONNECTION + ROTATION + INTERVAL + "include: [conf.d/*.yaml]\n")


def again(known: Configuration) -> Configuration:
    return load("config.yaml", check_references=False, known_hashes=known.sources)


def test_files_that_are_as_before_are_read_without_their_rotations(known: Configuration) -> None:
    made = again(known)

    assert made.unchanged
    assert made.rotations == ()
    assert (made.state, made.connections, made.sources) == (known.state, known.connections, known.sources)


def test_one_changed_file_has_all_read_again(folder: Folder, known: Configuration) -> None:
    folder.write(INCLUDED + "    description: Wages\n", "conf.d/payroll.yaml")

    made = again(known)

    assert not made.unchanged
    assert [each.name for each in made.rotations] == ["billing", "payroll"]


def test_a_file_more_or_less_has_all_read_again(folder: Folder, known: Configuration) -> None:
    folder.write("{}", "conf.d/new.yaml")
    assert not again(known).unchanged

    (folder.path / "conf.d/new.yaml").unlink()
    assert again(known).unchanged

    (folder.path / "conf.d/payroll.yaml").unlink()
    made = again(known)
    assert [each.name for each in made.rotations] == ["billing"]


def test_files_are_known_from_whatever_folder_they_are_read(
    folder: Folder, known: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")

    made = load(folder.path / "conf.d" / ".." / "config.yaml", check_references=False)

    assert made.sources == known.sources
    assert made.rotations == known.rotations


def test_without_known_files_all_is_read(known: Configuration) -> None:
    assert not load("config.yaml", check_references=False).unchanged
    assert not load("config.yaml", check_references=False, known_hashes={}).unchanged
    assert len(known.rotations) == 2


def test_the_state_block_alone_is_read_whatever_else_the_file_says(folder: Folder) -> None:
    folder.write("state: {url: sqlite:///books.db}\nrotations: [nonsense]\nconnections: 3\n")

    assert load_state("config.yaml").path == folder.path / "books.db"


def test_a_mistake_in_the_state_block_has_its_place(folder: Folder) -> None:
    folder.write("state: {url: mysql://x}\n")

    with pytest.raises(ConfigError, match=r"^config\.yaml:1:14: state\.url: not an address of a state database"):
        load_state("config.yaml")


def test_secrets_are_looked_for_in_unchanged_files_too(known: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="variable CONTOSO is not set"):
        load("config.yaml", known_hashes=known.sources)

    monkeypatch.setenv("CONTOSO", "abc")
    assert load("config.yaml", known_hashes=known.sources).unchanged


def test_an_alias_into_the_rotations_is_no_trouble(folder: Folder) -> None:
    rotation = ROTATION.replace("  - name", "  - labels: &team {team: a}\n    name")
    shared = CONNECTION + rotation + INTERVAL + "defaults: {labels: *team}\n"
    known = folder.load(shared)

    made = again(known)

    assert [each.name for each in made.rotations] == ["billing"]


def test_loading_touches_neither_network_nor_database(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("loading reached out")

    for name in ("socket", "getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(sqlite3, "connect", refuse)
    before = sorted(folder.path.rglob("*"))

    made = folder.load(CONNECTION + ROTATION + INTERVAL + "    destinations: [{kind: file, path: /run/x.env}]\n")

    assert made.state.path == folder.path / "state.db"
    assert set(folder.path.rglob("*")) - set(before) == {folder.path / "config.yaml"}


def test_a_thousand_rotations_are_all_there(folder: Folder, tmp_path: Path) -> None:
    rows = "".join(
        ROTATION.replace("billing", f"api-{n}")
        .replace("BILLING", f"API_{n}")
        .replace("33333333-3333-4333-8333-333333333333", f"00000000-0000-4000-8000-{n:012d}")
        + INTERVAL
        for n in range(1000)
    )

    made = folder.load(CONNECTION + rows)

    assert len(made.rotations) == 1000
    assert made.rotations[-1].defined_at == f"{folder.path}/config.yaml:5002:5"
    assert again(made).unchanged
