"""Is a key kept elsewhere as good as one that is named? Wrapped there, unwrapped at the start, never written down."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rotator.config.keys import KeyElsewhere
from rotator.config.whereabouts import load_state
from rotator.destinations.transit import Transit
from rotator.errors import ConfigError, StoreUnavailable, StoreUnusable
from rotator.references import SecretMissing
from tests.config.writing import Folder
from tests.destinations.servers.key_keepers import TOKEN, KeyVault, TransitServer


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyVault]:
    server, platform = KeyVault(), KeyVault()
    server.start(tls=True)
    monkeypatch.setenv("SSL_CERT_FILE", server.ca_file)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", platform.start())
    for name in ("AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.close()
    platform.close()


def test_a_key_wrapped_by_key_vault_comes_back(vault: KeyVault) -> None:
    there = f"{vault.url}/keys/rotator"
    wrapped = KeyElsewhere(there).made()

    key = KeyElsewhere(there, wrapped).resolve().reveal()

    assert len(base64.b64decode(key)) == 32
    assert key == KeyElsewhere(there, wrapped).resolve().reveal()
    assert key not in wrapped


def test_a_key_wrapped_by_an_older_version_comes_back(vault: KeyVault) -> None:
    there = f"{vault.url}/keys/rotator"
    wrapped = KeyElsewhere(there).made()
    vault.versions.append("v2")

    assert KeyElsewhere(there, wrapped).resolve().reveal()
    assert vault.asked[-1][1] == "/keys/rotator/v1/unwrapkey"


def test_a_key_that_another_key_wrapped_is_refused(vault: KeyVault) -> None:
    with pytest.raises(StoreUnusable, match="it does not open"):
        KeyElsewhere(f"{vault.url}/keys/rotator", "v1:c29tZXRoaW5n").resolve()


@pytest.mark.parametrize("wrapped", ["nonsense", ":x", "../v1:x"])
def test_what_is_no_wrapped_key_is_never_sent(vault: KeyVault, wrapped: str) -> None:
    with pytest.raises(StoreUnusable, match="not one"):
        KeyElsewhere(f"{vault.url}/keys/rotator", wrapped).resolve()

    assert vault.asked == []


def test_a_platform_without_an_identity_says_so(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")

    with pytest.raises(StoreUnusable, match="AZURE_TENANT_ID is not set"):
        KeyElsewhere(f"{vault.url}/keys/rotator", "v1:eHh4").resolve()


@pytest.fixture
def transit(monkeypatch: pytest.MonkeyPatch) -> Iterator[TransitServer]:
    server = TransitServer()
    server.start()
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    yield server
    server.close()


def test_a_key_wrapped_by_transit_comes_back(transit: TransitServer) -> None:
    there = Transit.model_validate({"endpoint": transit.url, "key": "rotator"})
    wrapped = KeyElsewhere(there).made()

    key = KeyElsewhere(there, wrapped).resolve().reveal()

    assert wrapped.startswith("vault:v1:")
    assert len(base64.b64decode(key)) == 32


async def test_it_comes_back_where_a_loop_is_running(transit: TransitServer) -> None:
    there = Transit.model_validate({"endpoint": transit.url, "key": "rotator"})
    wrapped = KeyElsewhere(there).made()

    assert KeyElsewhere(there, wrapped).resolve().reveal()


def test_a_refusal_by_vault_names_the_server_and_not_the_key(
    transit: TransitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Transit.model_validate({"endpoint": transit.url, "key": "rotator"})
    monkeypatch.setenv("VAULT_TOKEN", "another")

    with pytest.raises(StoreUnusable, match="403"):
        KeyElsewhere(there, "vault:v1:x").resolve()


def test_a_keeper_that_does_not_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    there = Transit.model_validate({"endpoint": "http://127.0.0.1:9", "key": "rotator"})

    with pytest.raises(StoreUnavailable, match="no connection"):
        KeyElsewhere(there, "vault:v1:x").resolve()


def test_without_its_wrapped_text_a_key_elsewhere_is_not_there() -> None:
    with pytest.raises(SecretMissing, match="no wrapped key for keyVault"):
        KeyElsewhere("https://v.vault.azure.net/keys/rotator").resolve()


def test_both_forms_are_read_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "state:\n  encryptionKeys:\n"
        "    - {keyVault: 'https://v.vault.azure.net/keys/rotator', wrapped: 'v1:x'}\n"
        "    - {transit: {endpoint: 'https://vault:8200', key: rotator, auth: {method: kubernetes, role: r}}}\n"
        "    - {file: old}\n"
    )

    first, second, third = load_state(tmp_path / "config.yaml").encryption_keys

    assert str(first) == "keyVault: https://v.vault.azure.net/keys/rotator"
    assert isinstance(second, KeyElsewhere)
    assert second.wrapped == ""
    assert str(second) == "transit: https://vault:8200, transit/rotator"
    assert str(third) == f"{{file: {tmp_path / 'old'}}}"


BAD: dict[str, tuple[Any, str]] = {
    "no address": ({"keyVault": "v"}, "keyVault: not the address of a key"),
    "an address in clear": ({"keyVault": "http://v.vault.azure.net/keys/k"}, "keyVault: not the address of a key"),
    "with a version": ({"keyVault": "https://v.vault.azure.net/keys/k/1"}, "keyVault: not the address of a key"),
    "two of them": ({"keyVault": "https://v/keys/k", "file": "x"}, "file: unknown key"),
    "transit without a key": ({"transit": {"endpoint": "https://v:8200"}}, "transit.key: missing"),
    "transit that is no block": ({"transit": 7}, "transit: not allowed"),
    "transit with too much": ({"transit": {"endpoint": "https://v", "key": "k", "x": 1}}, "transit.x: unknown key"),
    "a wrapped number": ({"keyVault": "https://v/keys/k", "wrapped": 1}, "wrapped: not text"),
}


@pytest.mark.parametrize(("entry", "told"), BAD.values(), ids=BAD)
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, entry: Any, told: str) -> None:
    import yaml

    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"state": {"encryptionKeys": [entry]}}))

    with pytest.raises(ConfigError) as refused:
        load_state(tmp_path / "config.yaml")

    (line,) = refused.value.problems
    assert "state.encryptionKeys[0]: " in line
    assert told in line


def test_a_key_that_is_still_to_be_wrapped_is_a_mistake_when_the_daemon_reads_it(folder: Folder) -> None:
    text = "state: {encryptionKeys: [{keyVault: 'https://v.vault.azure.net/keys/k'}]}"

    assert folder.problems(text, references=True) == [
        "config.yaml:1:26: state.encryptionKeys[0]: wrapped is missing (rotator keys wrap prints it)"
    ]
