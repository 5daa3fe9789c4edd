"""How does a test look at Vault? As readers of the newest version of one secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from rotator.destinations.sidecar import SIDECAR
from rotator.destinations.surroundings import Surroundings
from tests.destinations.places import Place
from tests.destinations.servers.vault import ROOT, Vault

PATH = "apps/billing"


class VaultPlace(Place):
    """A secret of version 2, whose keys are the names."""

    server: Vault

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server = Vault()
        async with self.server.listening():
            yield self

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), environment={"VAULT_TOKEN": ROOT})

    def options(self) -> dict[str, Any]:
        return {"endpoint": self.server.url, "path": PATH, "timeout": "5s"}

    def shows(self) -> dict[str, str]:
        return self.server.current(PATH)

    def set(self, name: str, text: str) -> None:
        self.server.put(PATH, {**self.server.current(PATH), name: text})

    def drop(self, name: str) -> None:
        self.server.put(PATH, {n: text for n, text in self.server.current(PATH).items() if n != name})

    def leftovers(self) -> list[str]:
        """All there is to change."""
        return [f"{path}: {there.data} {there.custom}" for path, there in self.server.two.items()]


class VaultOnePlace(VaultPlace):
    """The same of version 1."""

    def options(self) -> dict[str, Any]:
        return {**super().options(), "mount": "kv", "version": 1}

    def shows(self) -> dict[str, str]:
        return {name: text for name, text in self.server.one.get(PATH, {}).items() if name != SIDECAR}

    def set(self, name: str, text: str) -> None:
        self.server.one.setdefault(PATH, {})[name] = text

    def drop(self, name: str) -> None:
        del self.server.one[PATH][name]

    def leftovers(self) -> list[str]:
        return [f"{path}: {there}" for path, there in self.server.one.items()]
