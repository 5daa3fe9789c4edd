"""How does a test look at AWS Secrets Manager? As readers of the current version of a secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rotator.destinations.sidecar import SIDECAR
from tests.destinations.places import Place
from tests.destinations.servers.answering import Reply, Request
from tests.destinations.servers.aws import REGION, Aws

SECRET_ID = "prod/billing"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}


class AwsPlace(Place):
    """One JSON secret, whose members are the names."""

    server: Aws

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server = Aws()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in ENVIRONMENT.items():
                patch.setenv(name, value)
            async with self.server.listening():
                yield self

    def options(self) -> dict[str, Any]:
        return {"region": REGION, "secretId": SECRET_ID, "endpoint": self.server.url, "timeout": "5s"}

    def refusal(self, status: int) -> Reply:
        """AWS tells by the type, and says 400 to most."""
        kind = {401: "UnrecognizedClientException", 403: "AccessDeniedException", 409: "ResourceExistsException"}
        return Reply(400 if status in kind else status, {"__type": kind.get(status, str(status)), "message": "no"})

    def is_write(self, request: Request) -> bool:
        return not request.headers["x-amz-target"].endswith(("DescribeSecret", "GetSecretValue"))

    def shows(self) -> dict[str, str]:
        return {name: text for name, text in self.server.current(SECRET_ID).items() if name != SIDECAR}

    def set(self, name: str, text: str) -> None:
        self.server.put(SECRET_ID, {**self.server.current(SECRET_ID), name: text})

    def drop(self, name: str) -> None:
        self.server.put(SECRET_ID, {n: text for n, text in self.server.current(SECRET_ID).items() if n != name})

    def leftovers(self) -> list[str]:
        return sorted(self.server.versions(SECRET_ID))


class AwsSinglesPlace(AwsPlace):
    """One region, in which each name is a secret."""

    def options(self) -> dict[str, Any]:
        return {"region": REGION, "endpoint": self.server.url, "timeout": "5s"}

    def refusal(self, status: int) -> Reply:
        """Whoever was faster took the secret away: the only conflict that every write may meet."""
        gone = Reply(400, {"__type": "ResourceNotFoundException", "message": "no"})
        return gone if status == 409 else super().refusal(status)

    def shows(self) -> dict[str, str]:
        return self.server.shown()

    def set(self, name: str, text: str) -> None:
        self.server.put(name, text)

    def drop(self, name: str) -> None:
        self.server.drop(name)

    def leftovers(self) -> list[str]:
        names = self.server.names()
        return [f"{name} {sorted(self.server.versions(name))} {self.server.tags(name)}" for name in names]
