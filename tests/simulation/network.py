"""What is between a node and Entra? A network that may be slow or cut, and somebody who watches what changes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import httpx

from rotator.simulator.control import Control
from rotator.simulator.model import Application, Password
from rotator.simulator.simulation import Simulation
from rotator.simulator.transport import SimTransport
from rotator.simulator.wire import Answer, SimRequest, SimResponse
from tests.simulation.places import Gate

_QUICK = 0.05
_LONGEST_HANG = 30.0


@dataclass(frozen=True, slots=True)
class Write:
    """A change that a node asks Entra for: `name` is that of a secret to be added, `key_id` one to be removed."""

    application: Application
    name: str = ""
    key_id: str = ""


class Watcher(Protocol):
    """Is told of every write to Entra: before it is done, and what came of it whatever the node is answered."""

    def sending(self, write: Write) -> None:
        """It has arrived."""

    def added(self, write: Write, password: Password, text: str) -> None:
        """A secret was made; `text` is empty when the answer is lost."""

    def removed(self, write: Write, password: Password) -> None:
        """A secret was removed."""


class NodeTransport(httpx.AsyncBaseTransport):
    """The network between a node and Entra: takes time, may be cut, and stops when the node is stopped."""

    def __init__(self, simulation: Simulation, gate: Gate, watcher: Watcher) -> None:
        self._hang_for = 0.0
        watched = replace(simulation, control=cast("Control", _Watched(simulation, watcher)))
        self._inner = SimTransport(watched, on_hang=self._hangs, on_latency=asyncio.sleep)
        self._gate = gate
        self.cut = False
        self.latency = _QUICK

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        stops = self._gate.stops
        await self._gate()
        if self.cut:
            raise httpx.ConnectError("no route to host", request=request)
        await asyncio.sleep(self.latency)
        if self._gate.stops == stops:
            return await self._sent(request)
        # Where SIGSTOP hurts most: what was about to leave leaves as soon as the process goes on, before its timeouts
        # are looked at. No time-out calls it back.
        return await asyncio.shield(self._in_spite_of_timeouts(request))

    def _in_spite_of_timeouts(self, request: httpx.Request) -> asyncio.Task[httpx.Response]:
        sending = asyncio.create_task(self._sent(request))
        sending.add_done_callback(lambda task: task.cancelled() or task.exception())
        return sending

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        await self._gate()
        try:
            return await self._inner.handle_async_request(request)
        except httpx.ReadTimeout:
            await asyncio.sleep(self._hang_for)
            raise
        finally:
            await self._gate()

    def _hangs(self, seconds: float) -> None:
        self._hang_for = min(seconds, _LONGEST_HANG)


class _Watched:
    """Stands before the simulator's control and tells the watcher of writes."""

    def __init__(self, simulation: Simulation, watcher: Watcher) -> None:
        self._control = simulation.control
        self._tenant = simulation.entra.tenant
        self._watcher = watcher

    def handle(self, request: SimRequest) -> Answer:
        write = self._write(request) if request.method == "POST" else None
        if write is None:
            return self._control.handle(request)
        self._watcher.sending(write)
        alive = {password.key_id for password in write.application.passwords if password.removed_at is None}
        answer = self._control.handle(request)
        for password in write.application.passwords:
            if write.name and password.key_id not in alive and password.display_name == write.name:
                self._watcher.added(write, password, _text_in(answer))
            if password.key_id == write.key_id and password.key_id in alive and password.removed_at is not None:
                self._watcher.removed(write, password)
        return answer

    def _write(self, request: SimRequest) -> Write | None:
        parts = request.path.split("/")
        application = self._tenant.applications.get(parts[-2]) if len(parts) > 2 else None
        if application is None or parts[-1] not in {"addPassword", "removePassword"}:
            return None
        body: dict[str, Any] = json.loads(request.body)
        if parts[-1] == "addPassword":
            return Write(application, name=str(body["passwordCredential"]["displayName"]))
        return Write(application, key_id=str(body["keyId"]))


def _text_in(answer: Answer) -> str:
    if isinstance(answer, SimResponse) and answer.status == 200:
        return str(json.loads(answer.body)["secretText"])
    return ""
