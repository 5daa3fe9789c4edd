"""How does a test look at a Secret of Kubernetes? As whoever mounts it, and as whoever edits it with kubectl."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.destinations.places import Place
from tests.destinations.servers.kubernetes import TOKEN, Kubernetes

NAME = "billing"


class KubernetesPlace(Place):
    """A Secret, whose keys are the names."""

    server: Kubernetes

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server = Kubernetes()
        async with self.server.listening():
            yield self

    def options(self) -> dict[str, Any]:
        return {"kubeconfig": self.kubeconfig(), "secret": NAME, "timeout": "5s"}

    def kubeconfig(self, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> str:
        """JSON is YAML; each in a file of its own."""
        rows = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "payments"}}],
            "clusters": [{"name": "c", "cluster": cluster or {"server": self.server.url}}],
            "users": [{"name": "u", "user": user or {"token": TOKEN}}],
        }
        text = json.dumps(rows)
        path = self.folder.parent / f"{self.folder.name}-{zlib.crc32(text.encode())}.kubeconfig"
        path.write_text(text)
        return str(path)

    def elsewhere(self, url: str) -> dict[str, Any]:
        return {"kubeconfig": self.kubeconfig({"server": url})}

    def shows(self) -> dict[str, str]:
        there = self.server.secrets.get(NAME)
        fields = there.fields.items() if there else ()
        return {name: base64.b64decode(text).decode() for (kind, name), text in fields if kind == "data"}

    def set(self, name: str, text: str) -> None:
        self.server.edit(NAME, {("data", name): base64.b64encode(text.encode()).decode()})

    def drop(self, name: str) -> None:
        self.server.edit(NAME, {("data", name): None})

    def leftovers(self) -> list[str]:
        """All there is to change."""
        return [f"{name}: {there.version} {there.fields}" for name, there in self.server.secrets.items()]
