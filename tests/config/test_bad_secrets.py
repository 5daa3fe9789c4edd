"""What is said of secrets that are written out, missing, or no keys? Never the secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.writing import CONNECTION, OURS, Folder

DAYS = "a whole number from 1 to 3650 days"
LATER = "known, but not available in this version (leave it out)"
NAMES = "1 to 256 visible characters without ':' and '/'"
SECRET = "{env: NAME}, {file: PATH} or {credential: NAME}"
SLUG = "1 to 64 of a-z, 0-9 and '-', not beginning or ending with '-'"
URL = "sqlite:///PATH; four slashes before an absolute path"


def test_a_literal_secret_is_refused_and_not_repeated(folder: Folder) -> None:
    text = CONNECTION.replace("{env: CONTOSO}", "hunter2")

    problems = folder.problems(text)

    assert problems == [
        (
            "config.yaml:5:129: connections[0].credentials.clientSecret: a secret is not written here"
            f" ({SECRET}; --allow-literal-secrets for a trial)"
        )
    ]
    assert folder.load(text, literal=True).connections["contoso"].method == "client-secret"


def test_what_looks_like_a_secret_is_not_repeated_wherever_it_stands(folder: Folder) -> None:
    text = "AbC8Q~" + "x" * 34

    problems = folder.problems(CONNECTION.replace(OURS, text) + f"  - {{name: {text}, {text}: 1}}\n")

    assert len(problems) > 2
    assert "8Q~" not in "".join(problems)


def test_a_missing_variable_file_and_credential_are_told(folder: Folder, tmp_path: Path) -> None:
    text = CONNECTION.replace("url: sqlite:///state.db", "encryptionKeys: [{file: keys/new}, {credential: old}]")

    assert folder.problems(text, references=True) == [
        (
            "config.yaml:1:26: state.encryptionKeys[0]: file keys/new cannot be read: No such file or directory"
            " (a secret that can be read now)"
        ),
        (
            "config.yaml:1:44: state.encryptionKeys[1]: credential old cannot be read:"
            " $CREDENTIALS_DIRECTORY is not set (LoadCredential= in the unit sets it)"
        ),
        (
            "config.yaml:5:129: connections[0].credentials.clientSecret: variable CONTOSO is not set"
            " (a secret that can be read now)"
        ),
    ]


def test_an_unreadable_key_is_told(folder: Folder) -> None:
    (folder.path / "key").mkdir()

    assert folder.problems("state: {encryptionKeys: [{file: key}]}", references=True) == [
        (
            "config.yaml:1:26: state.encryptionKeys[0]: file key cannot be read: Is a directory"
            " (a secret that can be read now)"
        )
    ]


@pytest.mark.parametrize("text", ["c2hvcnQ=", "not base64 at all", "A" * 44])
def test_a_key_of_the_wrong_length_is_told_and_not_repeated(folder: Folder, text: str) -> None:
    folder.write(text, "key")

    assert folder.problems("state: {encryptionKeys: [{file: key}]}", references=True) == [
        "config.yaml:1:26: state.encryptionKeys[0]: this is no key (32 bytes in base64: openssl rand -base64 32)"
    ]
