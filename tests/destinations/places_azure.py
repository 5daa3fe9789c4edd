"""How does a test look at places in Azure? As their readers do; a token that the service believes is always at hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from rotator.destinations import Surroundings
from rotator.destinations.sidecar import SIDECAR
from rotator.domain.model import Rotation
from rotator.ports import Destination
from tests.destinations.places import NAMES, Place
from tests.destinations.servers.answering import Request
from tests.destinations.servers.azure_arm import APP, SITE, Arm
from tests.destinations.servers.azure_arm import TOKEN as ARM_TOKEN
from tests.destinations.servers.devops import ENTRA, DevOps
from tests.destinations.servers.key_vault import TOKEN, FakeVault


class Tokens:
    """Gives one token for every scope; `given` says for which. Renewing changes it to `next`, if there is one."""

    def __init__(self, token: str = TOKEN) -> None:
        self.value = token
        self.next = token
        self.given: list[str] = []
        self.name = "public"

    def cloud(self, _connection: str) -> str:
        return self.name

    async def token(self, scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> str:
        self.given.append(scope)
        return self.value

    async def renew(self, scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> None:
        self.value = self.next


class AzurePlace(Place):
    """What all of them share."""

    azure: Tokens

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), azure=self.azure)


class KeyVaultPlace(AzurePlace):
    """One vault. Names are shown with `_` for `-`, as the suite calls them."""

    server: FakeVault

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server, self.azure = FakeVault(), Tokens()
        self.server.start(tls=True)
        try:
            yield self
        finally:
            self.server.close()

    def options(self) -> dict[str, Any]:
        return {"endpoint": self.server.url, "caFile": self.server.ca_file, "timeout": "5s"}

    def open(
        self, rotation: Rotation | None = None, names: dict[str, str] | None = None, **options: Any
    ) -> Destination:
        given = names or dict(rotation.mapping if rotation else NAMES)
        return super().open(rotation, {field: name.replace("_", "-") for field, name in given.items()}, **options)

    def shows(self) -> dict[str, str]:
        return {name.replace("-", "_").upper(): text for name, text in self.server.shown().items()}

    def set(self, name: str, text: str) -> None:
        self.server.put(name.replace("_", "-"), text)

    def drop(self, name: str) -> None:
        self.server.secrets[name.replace("_", "-").lower()].deleted = True

    def leftovers(self) -> list[str]:
        return sorted(f"{name}/{len(kept.versions)}" for name, kept in self.server.secrets.items() if not kept.deleted)


class KeyVaultJsonPlace(KeyVaultPlace):
    """One secret of a vault, whose text is a JSON object; it is one rotation's alone."""

    shared = False

    def options(self) -> dict[str, Any]:
        return {**super().options(), "secret": "billing"}

    def open(
        self, rotation: Rotation | None = None, names: dict[str, str] | None = None, **options: Any
    ) -> Destination:
        return AzurePlace.open(self, rotation, names, **options)

    def shows(self) -> dict[str, str]:
        return dict(json.loads(self.server.shown().get("billing", "{}")))

    def set(self, name: str, text: str) -> None:
        self.server.put("billing", json.dumps({**self.shows(), name: text}))

    def drop(self, name: str) -> None:
        self.server.put("billing", json.dumps({each: text for each, text in self.shows().items() if each != name}))


class SitePlace(AzurePlace):
    """The settings of one App Service."""

    server: Arm

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server, self.azure = Arm(), Tokens(ARM_TOKEN)
        async with self.server.listening():
            yield self

    def options(self) -> dict[str, Any]:
        return {"endpoint": self.server.url, "resourceId": SITE, "timeout": "5s"}

    def is_write(self, request: Request) -> bool:
        return request.method in {"PUT", "PATCH"}

    def shows(self) -> dict[str, str]:
        return {name: text for name, text in self.server.settings[SITE].items() if name != SIDECAR}

    def set(self, name: str, text: str) -> None:
        self.server.settings[SITE][name] = text

    def drop(self, name: str) -> None:
        del self.server.settings[SITE][name]

    def leftovers(self) -> list[str]:
        return [str(self.server.settings)]


class ContainerAppPlace(SitePlace):
    """The secrets of one container app. Names are shown in capitals and with `_`, as the suite calls them."""

    def options(self) -> dict[str, Any]:
        return {**super().options(), "resourceId": APP}

    def open(
        self, rotation: Rotation | None = None, names: dict[str, str] | None = None, **options: Any
    ) -> Destination:
        given = names or dict(rotation.mapping if rotation else NAMES)
        return super().open(rotation, {field: _plain(name) for field, name in given.items()}, **options)

    def shows(self) -> dict[str, str]:
        rows = [row for row in self.server.secrets if row["name"] != "rotator-marks"]
        return {row["name"].replace("-", "_").upper(): row["value"] for row in rows}

    def set(self, name: str, text: str) -> None:
        self.drop(name)
        self.server.secrets.append({"name": _plain(name), "value": text})

    def drop(self, name: str) -> None:
        self.server.secrets = [row for row in self.server.secrets if row["name"] != _plain(name)]

    def leftovers(self) -> list[str]:
        return [str(self.server.secrets)]


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


class GroupPlace(AzurePlace):
    """A variable group of Azure DevOps. Its secrets cannot be read, so any change of the group by others counts."""

    server: DevOps
    is_blind = True

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server, self.azure = DevOps(), Tokens(ENTRA)
        async with self.server.listening():
            yield self

    def options(self) -> dict[str, Any]:
        where = {"organisation": "contoso", "project": "Payments", "variableGroup": "billing"}
        return {"endpoint": self.server.url, **where, "timeout": "5s"}

    def is_write(self, request: Request) -> bool:
        return request.method == "PUT"

    def shows(self) -> dict[str, str]:
        return {name: text for name, text in self.server.values.items() if name != SIDECAR}

    def set(self, name: str, text: str) -> None:
        self.server.put(name, text)

    def drop(self, name: str) -> None:
        del self.server.values[name]
        self.server._changed("somebody")

    def leftovers(self) -> list[str]:
        return [str(self.server.values)] if self.server.values else []
