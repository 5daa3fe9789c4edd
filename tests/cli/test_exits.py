"""Does every failure have its status and its line, and no traceback ever a place on the terminal?"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.cli import exits
from rotator.errors import (
    ConfigError,
    DestinationRefused,
    DirectoryThrottled,
    LeaseHeld,
    PermissionDenied,
    RotatorError,
    SignInRefused,
    StoreUnavailable,
    StoreUnusable,
)
from rotator.references import SecretMissing


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (ConfigError(["a.yaml:1:1: x"]), 78),
        (SecretMissing("variable X is not set"), 78),
        (StoreUnusable("newer"), 78),
        (StoreUnavailable("gone"), 75),
        (LeaseHeld("taken"), 75),
        (DirectoryThrottled("list", retry_after=timedelta(seconds=3)), 75),
        (SignInRefused("sign-in", "no"), 77),
        (PermissionDenied("addPassword", "no"), 77),
        (exits.WrongUse("no"), 2),
        (DestinationRefused("file", "write", "full"), 1),
        (RotatorError("something else"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_status(problem: RotatorError, status: int) -> None:
    assert exits.status_of(problem) == status


def test_an_error_is_one_line_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    exits.tell(RotatorError("it is broken", hint="Mend it."))
    assert capsys.readouterr().err == "rotator: it is broken. Mend it.\n"


def test_a_bug_is_one_line_and_its_traceback_a_file_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    secret = "abc8Q~" + "x" * 34
    try:
        raise KeyError(f"client_secret={secret}")
    except KeyError as bug:
        exits.tell_bug(bug)

    said = capsys.readouterr().err
    [kept] = tmp_path.iterdir()
    assert said.startswith("rotator: a bug, not your mistake: KeyError: ")
    assert said.count("\n") == 1
    assert str(kept) in said
    assert "Traceback" in kept.read_text()
    assert secret not in kept.read_text() + said
    assert kept.stat().st_mode & 0o077 == 0
