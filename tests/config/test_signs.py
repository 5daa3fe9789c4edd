"""Where does a daemon whose database is no file leave its signs of life?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from rotator.config.settings import State
from rotator.config.signs import signs_of

URL = "postgresql://rotator@db.example/rotator"


def test_a_server_has_no_file_and_its_address_stays_as_it_was_written() -> None:
    state = State.model_validate({"url": URL, "password": {"env": "DATABASE_PASSWORD"}})
    assert (state.url, state.path) == (URL, None)
    assert State.model_validate({"url": "sqlite:////var/state.db"}).signs == Path("/var/state.db")


@pytest.mark.parametrize("variable", ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"])
def test_signs_stand_in_the_folder_for_such_things(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    assert signs_of(URL).parent == tmp_path
    assert signs_of(URL) == signs_of(URL) != signs_of(URL + "-2")
    assert "db.example" not in str(signs_of(URL))


def test_elsewhere_they_stand_where_nobody_else_may_enter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = signs_of(URL).parent
    assert folder == tmp_path / f"rotator-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_a_link_to_elsewhere_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"rotator-{os.getuid()}").symlink_to(tmp_path / "theirs")
    assert not signs_of(URL).parent.exists()
