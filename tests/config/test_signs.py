"""Where does a daemon whose database is no file leave its signs of life?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from rotator.config.settings import State
from rotator.config.signs import lasting_of, signs_of

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


def test_what_must_last_stands_in_the_folder_that_systemd_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/elsewhere")
    lasting = lasting_of(URL)
    assert lasting is not None
    assert (lasting.parent, lasting.name) == (tmp_path, signs_of(URL).name)


def test_without_one_it_stands_in_the_usual_folder_or_in_one_of_the_person_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "usual").mkdir()
    assert lasting_of(URL, usual=tmp_path / "usual") == tmp_path / "usual" / signs_of(URL).name
    nowhere = tmp_path / "nowhere"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert lasting_of(URL, usual=nowhere) == tmp_path / "state" / "rotator" / signs_of(URL).name
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert lasting_of(URL, usual=nowhere) == tmp_path / ".local/state/rotator" / signs_of(URL).name


def test_issued_secrets_wait_beside_the_database_or_in_the_folder_for_what_must_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    name = f"{signs_of(URL).name}.spool"
    assert State.model_validate({"url": URL}).spools == (tmp_path / "state" / name, tmp_path / "run" / name)
    beside, elsewhere = State.model_validate({"url": "sqlite:////var/state.db"}).spools
    assert beside == Path("/var/state.db.spool")
    assert elsewhere.parent == tmp_path / "run"


def test_a_folder_that_is_a_link_to_elsewhere_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"rotator-{os.getuid()}").symlink_to(tmp_path / "theirs")
    assert not signs_of(URL).parent.exists()
