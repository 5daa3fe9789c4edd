"""Does anything that is a secret come through the redaction, and does what is none survive it?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.model import Secret
from rotator.redaction import _ASSIGNED, _SHAPES, names_a_secret, redact, redact_shapes, redact_text

ENTRA = "Zx98Q~" + "aB3-_.~" * 4 + "xyzwq"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJncmFwaCJ9.c2lnbmF0dXJl"


@given(
    st.text("abcXYZ019._~-", min_size=3, max_size=3),
    st.sampled_from("0123456789"),
    st.text("abcXYZ019._~-", min_size=31, max_size=34),
)
def test_a_generated_secret_is_recognised_wherever_it_stands(start: str, digit: str, rest: str) -> None:
    text = f"{start}{digit}Q~{rest}"
    for around in ("{}", "'{}'", "value={}&next=1", '{{"a": "{}"}}', "https://host/?s={}", "\n{}\n", "({})"):
        assert text not in redact_text(around.format(text))
        assert text not in redact_shapes(around.format(text))


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {JWT}",
        f"got {JWT}, expected none",
        "Authorization: Basic dXNlcjpwdy1jYW5hcnk=",
        "grant_type=client_credentials&client_secret=pw-canary&scope=x",
        """{"secretText": "pw-canary", "keyId": 1}""",
        """{'client_secret': 'pw-canary'}""",
        """{\\"secretText\\": \\"pw-canary\\"}""",
        "Options(password='pw-canary two words', host='x')",
        "[(b'x-vault-token', b'pw-canary')]",
        "postgresql://rotator:pw-canary@db/rotator",
        "https://pw-canary@github.com/a/b",
        "https://a.blob.core.windows.net/c?sv=1&sig=pw-canary%3D&se=2",
        "-----BEGIN RSA PRIVATE KEY-----\npw-canary\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\npw-canary",
    ],
)
def test_a_secret_inside_text_is_hidden(text: str) -> None:
    hidden = redact_text(text)
    assert "***" in hidden
    assert "pw-canary" not in hidden
    assert "dXNlcj" not in hidden
    assert "eyJ" not in hidden


@pytest.mark.parametrize(
    "text",
    [
        "Graph refused addPassword: Authorization_RequestDenied. Make 'rotator' an owner of 'billing-api'.",
        "rotator/3f2a/018f4b7e-1d2c-7a3b-9c4d-5e6f7a8b9c0d.1-k3xq/billing-api",
        "conf.yaml:3:5: connections[0].method: unknown (allowed: 'client-secret', 'certificate')",
        "AADSTS7000215: Invalid client secret provided.",
        "https://graph.microsoft.com/v1.0/applications/11111111-2222-3333-4444-555555555555",
        "password: at least 12 characters",
        "the token endpoint answered 503",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name", ["clientSecret", "client_secret", "DB_PASSWORD", "x-vault-token", "Authorization", "private_key"]
)
def test_a_name_that_holds_a_secret_is_known(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize("name", ["secretsMapping", "key_id", "secretPath", "tokens_used", "secret_expiry", "rotation"])
def test_a_name_that_only_speaks_of_secrets_is_not_hidden(name: str) -> None:
    assert not names_a_secret(name)


def test_values_are_walked_to_the_bottom() -> None:
    @dataclass
    class Options:
        password: str
        host: str

    value = {
        "a": [{"clientSecret": "pw-canary"}, ("Authorization", "pw-canary"), {Secret("pw-canary").reveal()[:0]}],
        "b": Options(password="pw-canary", host="db"),
        "c": RuntimeError({"client_secret": "pw-canary"}),
        "d": {"e": Secret("pw-canary"), "f": b"client_secret=pw-canary"},
        "password": 12345678,
    }
    shown = json.dumps(redact(value))
    assert "pw-canary" not in shown
    assert "12345678" not in shown
    assert "host='db'" in shown


def test_a_secret_is_hidden_by_its_type_alone() -> None:
    assert redact([Secret("pw-canary"), {"text": Secret("pw-canary")}]) == ["***", {"text": "***"}]


def test_a_fencing_token_is_no_secret() -> None:
    assert redact({"fencing_token": 7, "token": "abc"}) == {"fencing_token": 7, "token": "***"}


def test_an_absent_secret_is_shown_as_absent() -> None:
    assert redact({"client_secret": None, "password": False}) == {"client_secret": None, "password": False}


def test_plain_values_keep_their_meaning() -> None:
    value = {"at": datetime(2026, 3, 1, 2, 30, tzinfo=UTC), "for": timedelta(hours=1), "n": 3, "path": Path("a/b")}
    assert redact(value) == {"at": "2026-03-01T02:30:00+00:00", "for": "1:00:00", "n": 3, "path": "a/b"}


def test_what_contains_itself_ends() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert "***" in json.dumps(redact(loop))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    )
)
def test_json_stays_json(value: object) -> None:
    json.loads(redact_shapes(json.dumps(redact(value))))


def test_redacting_twice_is_redacting_once() -> None:
    text = f"client_secret=abc Bearer {JWT} {ENTRA}"
    assert redact_text(redact_text(text)) == redact_text(text)


_PIECES = [
    *(
        "client_secret",
        "password",
        "Token",
        "=",
        ": ",
        '"',
        "'",
        "(",
        ", ",
        "b'",
        "\\",
        "&",
        "?sig=",
        "sig=",
        "://",
        "@",
    ),
    *("Bearer ", "BEARER ", "ba\u017fic ", "Basic  ", "abcdef123456789abcdef123", "eyJ", "EYJ", ".", "-----BEGIN "),
    *(
        "PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "hvs.",
        "ghp_",
        "github_pat_",
        "Zx98Q~",
        "Zx98q~",
        "8Q%7e",
        "\n",
    ),
    *("aB3-_.~" * 5, "x", "\u1e9e", "\u212a"),
]


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_nothing_is_spared_because_it_did_not_look_worth_looking_at(text: str) -> None:
    thorough = _ASSIGNED.sub(r"\g<before>***", text)
    for shape, instead, _ in _SHAPES:
        thorough = shape.sub(instead, thorough)
    assert redact_text(text) == thorough
