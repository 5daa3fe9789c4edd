"""How does a test look at Google Secret Manager? As readers of the latest version of each secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.destinations.places import Place
from tests.destinations.servers.answering import Request
from tests.destinations.servers.gcp import PROJECT, FakeGoogle


class GcpPlace(Place):
    """One project, as a service account sees it."""

    server: FakeGoogle

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server = FakeGoogle()
        async with self.server.listening():
            self.key_file = self.folder / "service-account"
            self.key_file.write_text(json.dumps(self.server.service_account()))
            yield self

    def options(self) -> dict[str, Any]:
        auth = {"credentialsFile": str(self.key_file)}
        return {"endpoint": self.server.url, "project": PROJECT, "auth": auth, "timeout": "5s"}

    def is_write(self, request: Request) -> bool:
        return request.path != "/token" and super().is_write(request)

    def shows(self) -> dict[str, str]:
        return self.server.shown()

    def set(self, name: str, text: str) -> None:
        self.server.put(name, text)

    def drop(self, name: str) -> None:
        del self.server.secrets[name]

    def leftovers(self) -> list[str]:
        return sorted(f"{name}/{len(kept.versions)}" for name, kept in self.server.secrets.items())
