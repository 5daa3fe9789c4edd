"""How does a test look at a folder of Infisical? As an application that reads it, and as somebody in the web page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.destinations.places import Place
from tests.destinations.servers.answering import Reply, Request
from tests.destinations.servers.infisical import CLIENT_SECRET, IDENTITY, PROJECT, Infisical


class InfisicalPlace(Place):
    """Secrets of one folder."""

    server: Infisical

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server = Infisical()
        async with self.server.listening():
            yield self

    def options(self) -> dict[str, Any]:
        secret = self.folder.parent / f"{self.folder.name}-client-secret"
        secret.write_text(CLIENT_SECRET)
        auth = {"method": "universal-auth", "clientId": IDENTITY, "clientSecret": {"file": str(secret)}}
        where = {"projectId": PROJECT, "environment": "prod", "secretPath": "/billing"}
        return {"endpoint": self.server.url, **where, "auth": auth, "timeout": "5s"}

    def refusal(self, status: int) -> Reply:
        return Reply(status, {"statusCode": status, "error": "PermissionDenied", "message": "no"})

    def is_write(self, request: Request) -> bool:
        return request.method in {"PATCH", "DELETE"}

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return self.server.folders["prod", "/billing"]

    def shows(self) -> dict[str, str]:
        return {name: row["secretValue"] for name, row in self.rows.items()}

    def set(self, name: str, text: str) -> None:
        self.server.put(name, text)

    def drop(self, name: str) -> None:
        del self.rows[name]

    def leftovers(self) -> list[str]:
        return sorted(f"{name}/{row['version']}" for name, row in self.rows.items())
