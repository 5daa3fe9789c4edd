"""Where does a secret stand that the configuration only names?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rotator.domain.model import Secret
from rotator.references import Reference, SecretMissing


def test_a_variable_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Reference("env", "OUR_SECRET")
    monkeypatch.setenv("OUR_SECRET", "first")
    assert reference.resolve() == Secret("first")

    monkeypatch.setenv("OUR_SECRET", "second")
    assert reference.resolve() == Secret("second")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("abc", "abc"),
        ("abc\n", "abc"),
        ("abc\r\n", "abc"),
        (" abc \n", " abc "),
        ("abc\n\n", "abc\n"),
        ("a\nb\n", "a\nb"),
    ],
)
def test_one_line_end_is_not_part_of_a_secret(tmp_path: Path, written: str, text: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(written.encode())

    assert Reference("file", str(file)).resolve() == Secret(text)


def test_a_credential_stands_in_the_folder_that_systemd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "contoso").write_text("abc\n", encoding="utf-8")

    assert Reference("credential", "contoso").resolve() == Secret("abc")


def test_what_is_not_there_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    monkeypatch.setenv("EMPTY", "")

    assert told("env", "NOT_SET") == "variable NOT_SET is not set"
    assert told("env", "EMPTY") == "variable EMPTY is empty"
    assert told("file", f"{tmp_path}/none") == f"file {tmp_path}/none cannot be read: No such file or directory"
    assert told("file", f"{tmp_path}/empty") == f"file {tmp_path}/empty is empty"
    assert told("file", f"{tmp_path}/binary") == f"file {tmp_path}/binary is not text"
    assert told("file", f"{tmp_path}/large") == f"file {tmp_path}/large is larger than 1 MiB"
    assert told("credential", "contoso").startswith(
        "credential contoso cannot be read: $CREDENTIALS_DIRECTORY is not set"
    )


def test_a_reference_shows_where_a_secret_stands_and_never_the_secret() -> None:
    literal = Reference("literal", "", Secret("hunter2"))

    assert str(Reference("env", "X")) == "{env: X}"
    assert str(literal) == "a literal secret"
    assert "hunter2" not in f"{literal!r} {literal}"
    assert literal.resolve() == Secret("hunter2")


def told(kind: str, name: str) -> str:
    with pytest.raises(SecretMissing) as caught:
        Reference(kind, name).resolve()
    assert caught.value.__cause__ is None
    return str(caught.value)
