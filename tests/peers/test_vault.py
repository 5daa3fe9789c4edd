"""Does the destination `vault` keep the contract against the real Vault, with no more rights than its page asks for?"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from rotator.destinations.sidecar import SIDECAR
from rotator.destinations.surroundings import Surroundings
from rotator.errors import DestinationRefused
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel
from tests.peers.building import GoProgram
from tests.peers.places import CONTRACT, PeerPlace
from tests.peers.serving import free_port, running, until

PAGE = (Path(__file__).parents[2] / "docs" / "destinations" / "vault.md").read_text("utf-8")
PROGRAM = GoProgram(
    "vault",
    "github.com/hashicorp/vault",
    "v1.21.0",
    replaced=(
        "github.com/hashicorp/vault/sdk => github.com/hashicorp/vault/sdk v0.20.0",
        "github.com/99designs/keyring => github.com/Jeffail/keyring v1.2.3",
        "github.com/ma314smith/signedxml => github.com/moov-io/signedxml v1.1.1",
    ),
)
globals().update(CONTRACT)
_numbers = count()


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """As root, with KV version 2 at `secret`, version 1 at `kv`, and AppRole."""
    listen = f"127.0.0.1:{free_port()}"
    log = tmp_path_factory.mktemp("vault") / "log"
    with (
        httpx.Client(base_url=f"http://{listen}/v1/", trust_env=False, timeout=30) as http,
        running([str(PROGRAM.built()), listen], log, lambda: http.get("sys/health").status_code == 501),
    ):
        made = http.put("sys/init", json={"secret_shares": 1, "secret_threshold": 1}).json()
        http.put("sys/unseal", json={"key": made["keys"][0]})
        http.headers["X-Vault-Token"] = made["root_token"]
        until(lambda: http.get("sys/health").status_code == 200)
        for version, mount in ((2, "secret"), (1, "kv")):
            done(http.post(f"sys/mounts/{mount}", json={"type": "kv", "options": {"version": str(version)}}))
        done(http.post("sys/auth/approle", json={"type": "approle"}))
        # A new engine of version 2 says for a moment that it is being upgraded.
        until(lambda: http.get("secret/metadata/none").status_code == 404)
        yield http


def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json().get("data") if answer.content else None


class VaultPlace(PeerPlace):
    """A path of its own for each test."""

    http: httpx.Client
    version = 2

    @property
    def mount(self) -> str:
        return "secret" if self.version == 2 else "kv"

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), environment={"VAULT_TOKEN": self.http.headers["X-Vault-Token"]})

    def options(self) -> dict[str, Any]:
        server = str(self.http.base_url).removesuffix("/v1/")
        return {"endpoint": server, "mount": self.mount, "version": self.version, "path": self.secret}

    @property
    def secret(self) -> str:
        return str(self.__dict__.setdefault("_secret", f"apps/billing-{next(_numbers)}"))

    @property
    def _data(self) -> str:
        return f"{self.mount}/data/{self.secret}" if self.version == 2 else f"{self.mount}/{self.secret}"

    def _current(self) -> dict[str, str]:
        answer = self.http.get(self._data)
        if answer.status_code == 404:
            return {}
        data = done(answer)
        return dict(data["data"] if self.version == 2 else data)

    def _put(self, data: dict[str, str]) -> None:
        done(self.http.post(self._data, json={"data": data} if self.version == 2 else data))

    def shows(self) -> dict[str, str]:
        return {name: text for name, text in self._current().items() if name != SIDECAR}

    def set(self, name: str, text: str) -> None:
        self._put({**self._current(), name: text})

    def drop(self, name: str) -> None:
        self._put({each: text for each, text in self._current().items() if each != name})

    def leftovers(self) -> list[str]:
        beside = (
            self.http.get(f"{self.mount}/metadata/{self.secret}") if self.version == 2 else self.http.get(self._data)
        )
        return [beside.text.partition('"data"')[2]] if beside.is_success else []


@pytest.fixture(params=[2, 1], ids=["two", "one"])
async def place(request: pytest.FixtureRequest, vault: httpx.Client, tmp_path: Path) -> AsyncIterator[VaultPlace]:
    made = VaultPlace(tmp_path, "vault")
    made.http, made.version = vault, request.param
    async with made.living():
        yield made


def approle(place: VaultPlace, policy: str) -> dict[str, Any]:
    """A role with that policy, whose token lives for a minute."""
    name = f"rotator-{next(_numbers)}"
    done(place.http.put(f"sys/policies/acl/{name}", json={"policy": policy}))
    done(place.http.post(f"auth/approle/role/{name}", json={"token_policies": [name], "token_ttl": "1m"}))
    role_id = done(place.http.get(f"auth/approle/role/{name}/role-id"))["role_id"]
    secret_id = done(place.http.post(f"auth/approle/role/{name}/secret-id"))["secret_id"]
    path = place.folder / "secret-id"
    path.write_text(secret_id)
    return {"auth": {"method": "approle", "roleId": role_id, "secretId": {"file": str(path)}}}


def policy_of_the_page(place: VaultPlace) -> str:
    blocks = re.findall(r"^```hcl\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(blocks[0 if place.version == 2 else 1].replace("apps/billing-api", place.secret))


async def test_the_rights_of_the_page_are_enough(place: VaultPlace) -> None:
    auth = approle(place, policy_of_the_page(place))
    await place.open(**auth).check()
    first = await place.open(**auth).write(a_parcel(), over=None)
    second = await place.open(**auth).write(a_parcel(SECOND, "key-2"), over=first)
    assert await place.open(**auth).read() == second
    place.set(NAMES["clientSecret"], "edited")
    drifted = await place.open(**auth).read()
    assert drifted is not None
    assert drifted.version != second.version
    healed = await place.open(**auth).write(a_parcel(FIRST, "key-3"), over=drifted)
    await place.open(**auth).remove(over=healed)
    assert place.leftovers() == []


async def test_check_names_what_a_policy_lacks(place: VaultPlace) -> None:
    policy = policy_of_the_page(place).replace('"update"', '"list"')
    with pytest.raises(DestinationRefused, match="lacks update at"):
        await place.open(**approle(place, policy)).check()


async def test_check_knows_the_other_version(place: VaultPlace) -> None:
    with pytest.raises(DestinationRefused, match=f"is KV version {place.version}"):
        await place.open(version=3 - place.version).check()


async def test_a_token_that_was_revoked_is_replaced_at_once(place: VaultPlace) -> None:
    auth = approle(place, policy_of_the_page(place))
    written = await place.open(**auth).write(a_parcel(), over=None)
    accessors = done(place.http.request("LIST", "auth/token/accessors"))["keys"]
    own = done(place.http.get("auth/token/lookup-self"))["accessor"]
    for each in accessors:
        if each != own:
            done(place.http.post("auth/token/revoke-accessor", json={"accessor": each}))
    assert await place.open(**auth).read() == written


async def test_a_deleted_version_is_nothing_and_is_followed(place: VaultPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    done(place.http.delete(place._data))
    assert await place.open().read() is None
    assert await place.open().write(a_parcel(), over=None) == written


async def test_a_mount_that_is_not_there_is_told(place: VaultPlace) -> None:
    with pytest.raises(DestinationRefused, match="no engine mounted at lost"):
        await place.open(mount="lost").read()


async def test_five_long_names_fit(place: VaultPlace) -> None:
    names = dict(zip(("clientId", "clientSecret", "keyId", "tenantId", "expiresAt"), "ABCDE", strict=True))
    await place.open(names={field: name * 40 for field, name in names.items()}).write(a_parcel(), over=None)
    assert len(place.shows()) == 5
