"""Does the destination `azure-key-vault` keep the contract against Lowkey Vault, which Microsoft's own clients use?"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from rotator.destinations.surroundings import Surroundings
from rotator.domain.model import Rotation
from rotator.ports import Destination
from tests.destinations.places import NAMES
from tests.destinations.places_azure import Tokens
from tests.peers.fetching import JavaProgram
from tests.peers.places import CONTRACT, PeerPlace
from tests.peers.serving import free_port, running, until

#: The last of those that run on Java 17.
PROGRAM = JavaProgram("com.github.nagyesta.lowkey-vault", "lowkey-vault-app", "3.4.33", java=17)
globals().update(CONTRACT)
_numbers = count()


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    port = free_port()
    log = tmp_path_factory.mktemp("lowkey") / "log"
    address = f"https://localhost:{port}"
    with (
        httpx.Client(
            base_url=address,
            verify=False,
            trust_env=False,
            timeout=30,
            headers={"Authorization": "Bearer any"},
            params={"api-version": "7.4"},
        ) as http,
        running([*PROGRAM.fetched(), f"--server.port={port}"], log, lambda: http.get("/ping").is_success),
    ):
        yield http


class LowkeyPlace(PeerPlace):
    """Names of its own for each test; shown with `_` for `-`, as the suite calls them."""

    http: httpx.Client
    ca_file: str

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), azure=Tokens())

    def options(self) -> dict[str, Any]:
        return {"endpoint": str(self.http.base_url).rstrip("/"), "caFile": self.ca_file, "timeout": "30s"}

    def open(
        self, rotation: Rotation | None = None, names: dict[str, str] | None = None, **options: Any
    ) -> Destination:
        given = names or dict(rotation.mapping if rotation else NAMES)
        opened: Destination = super().open(rotation, {field: self._there(n) for field, n in given.items()}, **options)
        return opened

    def shows(self) -> dict[str, str]:
        return {name: self.http.get(f"/secrets/{self._there(name)}").json()["value"] for name in self.leftovers()}

    def set(self, name: str, text: str) -> None:
        assert self.http.put(f"/secrets/{self._there(name)}", json={"value": text}).is_success

    def drop(self, name: str) -> None:
        assert self.http.delete(f"/secrets/{self._there(name)}").is_success
        until(lambda: self.http.get(f"/deletedsecrets/{self._there(name)}").is_success)

    def leftovers(self) -> list[str]:
        found, url = [], "/secrets"
        while url:
            page = self.http.get(url).json()
            found += [row["id"].rstrip("/").split("/")[4] for row in page["value"]]
            url = page.get("nextLink") or ""
        return sorted(self._here(name) for name in found if name.startswith(self._before))

    @property
    def _before(self) -> str:
        return str(self.__dict__.setdefault("_prefix", f"t{next(_numbers)}x-"))

    def _there(self, name: str) -> str:
        return self._before + name.replace("_", "-")

    def _here(self, name: str) -> str:
        return name.removeprefix(self._before).replace("-", "_").upper()


@pytest.fixture
async def place(vault: httpx.Client, tmp_path: Path) -> AsyncIterator[LowkeyPlace]:
    made = LowkeyPlace(tmp_path, "azure-key-vault")
    made.http = vault
    made.ca_file = its_own_certificate(vault, tmp_path / "vault.pem")
    async with made.living():
        yield made


def its_own_certificate(vault: httpx.Client, file: Path) -> str:
    """Lowkey Vault makes one for localhost, which vouches for itself."""
    file.write_text(ssl.get_server_certificate(("localhost", vault.base_url.port or 443)))
    return str(file)
