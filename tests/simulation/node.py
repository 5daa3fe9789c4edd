"""What is one node of a simulated cluster? A whole engine, whose every call to the outside passes a gate that can be shut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx

from rotator.domain.events import Event
from rotator.domain.model import Rotation
from rotator.engine.clockwatch import ClockWatch
from rotator.engine.dispatcher import Dispatcher
from rotator.engine.world import Memory, Pace, World
from rotator.errors import StoreError, StoreUnavailable
from rotator.ports import Directories, HookResult
from rotator.simulator.simulation import Simulation
from rotator.simulator.transport import SimTransport
from tests.fakes import SeededChance
from tests.simulation.places import Changed, Gate, NodePlaces, Places

#: Idle nodes look anyway this often; a real one does every 15 s.
_POLL = timedelta(hours=6).total_seconds()


class Dead(BaseException):
    """The process is gone: nothing after this line runs to any effect."""


class NodeGate(Gate):
    """Open, shut (the process is stopped by SIGSTOP), or gone."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.dead = False

    async def __call__(self) -> None:
        if self.dead:
            raise Dead
        await self._open.wait()
        if self.dead:
            raise Dead

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()


class NodeClock:
    """A host clock that may be wrong; monotonic time never is."""

    def __init__(self, world_time: Callable[[], datetime], gate: Gate, skew: timedelta) -> None:
        self._world_time = world_time
        self._gate = gate
        self._skew = skew

    def now(self) -> datetime:
        return self._world_time() + self._skew

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._gate()


class NodeStore:
    """The shared store as one node reaches it: through its gate, and not at all while it is cut off."""

    def __init__(self, store: Callable[[], Any], gate: Gate) -> None:
        self._store = store
        self._gate = gate
        self.cut_off = False
        self.installation = store().installation

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **keywords: Any) -> Any:
            await self._gate()
            if self.cut_off:
                raise StoreUnavailable("the database does not answer")
            answer = await getattr(self._store(), name)(*args, **keywords)
            await self._gate()
            return answer

        return call


class NodeTransport(httpx.AsyncBaseTransport):
    """The network between a node and Entra: takes time, may be cut, and stops when the node is stopped."""

    def __init__(self, simulation: Simulation, gate: Gate, changed: Changed) -> None:
        self._hang_for = 0.0
        self._inner = SimTransport(simulation, on_hang=self._hangs, on_latency=asyncio.sleep)
        self._gate = gate
        self._changed = changed
        self.cut = False
        self.latency = 0.05

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._gate()
        if self.cut:
            raise httpx.ConnectError("no route to host", request=request)
        await asyncio.sleep(self.latency)
        # Where SIGSTOP hurts most: after the last look at the lease, before the request leaves.
        await self._gate()
        try:
            return await self._inner.handle_async_request(request)
        except httpx.ReadTimeout:
            await asyncio.sleep(self._hang_for)
            raise
        finally:
            if request.method == "POST" and "Password" in request.url.path:
                self._changed(f"{request.url.path.rsplit('/', 1)[-1]} was sent")
            await self._gate()

    def _hangs(self, seconds: float) -> None:
        self._hang_for = min(seconds, 30.0)


class NoHooks:
    """The port `Hooks` without any."""

    def names(self, rotation: Rotation) -> tuple[str, ...]:
        return ()

    async def run(self, rotation: Rotation, hook: str, credential: object) -> HookResult:
        return HookResult(hook, done=True)


class Recorder:
    """An observer that writes to the log of the story."""

    def __init__(self, name: str, log: Callable[[str], None]) -> None:
        self._name = name
        self._log = log

    def told(self, event: Event) -> None:
        shown = {k: str(getattr(event, k))[:160] for k in event.__slots__ if k not in {"rotation", "at"}}
        kind = type(event).__name__
        if kind not in {"StepEnded", "SignInTried"}:
            self._log(f"{self._name}: {event.rotation}: {kind} {shown}")


class Node:
    """One process: started, stopped, continued, killed, cut off."""

    def __init__(
        self,
        name: str,
        *,
        store: Callable[[], Any],
        simulation: Simulation,
        directories: Callable[[httpx.AsyncBaseTransport, NodeClock], Directories],
        places: Places,
        world_time: Callable[[], datetime],
        seed: int,
        skew: timedelta,
        log: Callable[[str], None],
        changed: Changed,
    ) -> None:
        self.name = name
        self.gate = NodeGate()
        self.transport = NodeTransport(simulation, self.gate, changed)
        self.store = NodeStore(store, self.gate)
        clock = NodeClock(world_time, self.gate, skew)
        self._log = log
        self.bugs: list[BaseException] = []
        self.world = World(
            store=self.store,
            directories=directories(self.transport, clock),
            destinations=NodePlaces(places, self.gate, changed),
            hooks=NoHooks(),
            clock=clock,
            chance=SeededChance(seed),
            clockwatch=ClockWatch(),
            holder=name,
            observers=[Recorder(name, log)],
            pace=Pace(reconcile=timedelta(hours=36)),
            memory=Memory(),
        )
        self.dispatcher = Dispatcher(self.world, concurrency=4, trouble=self._trouble)
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    def kill(self) -> None:
        """SIGKILL: not one more line runs to any effect."""
        self.gate.dead = True
        self.gate.open()
        self.dispatcher.abort()
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        while True:
            self.dispatcher.nudged.clear()
            wait = await self._turn()
            try:
                async with asyncio.timeout(wait):
                    await self.dispatcher.nudged.wait()
            except TimeoutError:
                pass

    async def _turn(self) -> float:
        try:
            while await self.dispatcher.fill():
                pass
            wake_at = await self.world.store.next_wake()
            now = await self.world.store.now()
        except StoreError:
            return 15.0
        if wake_at is None:
            return _POLL
        return min(_POLL, max(5.0, (wake_at - now).total_seconds()))

    def _trouble(self, rotation: str, problem: BaseException) -> None:
        self._log(f"{self.name}: {rotation}: trouble: {type(problem).__name__}: {problem}")
        if not isinstance(problem, StoreError):
            self.bugs.append(problem)
