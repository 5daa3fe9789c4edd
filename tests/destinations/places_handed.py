"""How does a test look at what a program or a receiver keeps for us? As the keeper of both knows it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.destinations import keeper
from tests.destinations.keeper import Changed, Keeper
from tests.destinations.places import Place
from tests.destinations.servers.answering import Reply, Request, Server

KEY = base64.b64encode(b"a key of twenty-four bytes or more").decode()
#: As far as the receiver lets clocks differ.
WINDOW = 300


class Receiver(Server):
    """Checks every signature, and keeps what it is sent."""

    def __init__(self, *, now: float) -> None:
        self.keeper = Keeper()
        self.now = now
        self.messages: list[dict[str, Any]] = []
        super().__init__(self._take)

    def _take(self, request: Request) -> Reply:
        if not self.genuine(request):
            return Reply(401, {"error": "signature"})
        if request.method != "POST":
            return Reply(204)
        told = request.json
        self.messages.append(told)
        try:
            answer = self.keeper.take(told["data"])
        except Changed as changed:
            return Reply(409, {"error": "conflict", "message": str(changed)})
        return Reply(200, answer or b"")

    def genuine(self, request: Request) -> bool:
        """As a receiver does it that has never seen our code."""
        given = [request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
        content = ".".join(given[:2]).encode() + b"." + request.body
        wanted = base64.b64encode(hmac.new(base64.b64decode(KEY), content, hashlib.sha256).digest()).decode()
        fresh = given[1].isdecimal() and abs(int(given[1]) - self.now) <= WINDOW
        return fresh and hmac.compare_digest(given[2], f"v1,{wanted}")


class WebhookPlace(Place):
    """A receiver that understands everything."""

    server: Receiver

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server = Receiver(now=self.clock.now().timestamp())
        self.key_file = self.folder / "hmac"
        self.key_file.write_text(f"whsec_{KEY}\n")
        async with self.server.listening():
            yield self

    def options(self) -> dict[str, Any]:
        self.server.now = self.clock.now().timestamp()
        key = {"file": str(self.key_file)}
        return {
            "url": f"{self.server.url}/rotator", "secret": key, "includeSecret": True, "readBack": True, "timeout": "5s"
        }  # fmt: skip

    def is_write(self, request: Request) -> bool:
        return bool(request.body) and request.json["data"]["operation"] == "write"

    def shows(self) -> dict[str, str]:
        return dict(self.server.keeper.content)

    def set(self, name: str, text: str) -> None:
        self.server.keeper.content[name] = text

    def drop(self, name: str) -> None:
        del self.server.keeper.content[name]

    def leftovers(self) -> list[str]:
        return sorted(self.server.keeper.content)


class ExecPlace(Place):
    """A program that keeps everything in a file."""

    @property
    def path(self) -> Path:
        return self.folder / "kept.json"

    @property
    def keeper(self) -> Keeper:
        return Keeper(json.loads(self.path.read_text() or "null") if self.path.exists() else None)

    def options(self) -> dict[str, Any]:
        return {"command": [sys.executable, "-IS", keeper.__file__, str(self.path)], "readBack": True}

    def shows(self) -> dict[str, str]:
        return self.keeper.content

    def set(self, name: str, text: str) -> None:
        changed = self.keeper
        changed.content[name] = text
        self.path.write_text(json.dumps(changed.state))

    def drop(self, name: str) -> None:
        changed = self.keeper
        del changed.content[name]
        self.path.write_text(json.dumps(changed.state))

    def leftovers(self) -> list[str]:
        return sorted(self.shows())
