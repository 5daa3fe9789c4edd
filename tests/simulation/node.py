"""What is one node of a simulated cluster? A whole engine; its every call to the outside passes a gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rotator.domain.events import Event, SignInTried, StepEnded
from rotator.domain.kept import Kept
from rotator.domain.model import Limits, Rotation
from rotator.engine.clockwatch import ClockWatch
from rotator.engine.dispatcher import Dispatcher
from rotator.engine.spooling import take_up
from rotator.engine.world import Memory, Pace, World
from rotator.errors import LeaseLost, StoreError, StoreUnavailable
from rotator.ports import HookResult
from tests.fakes import SeededChance
from tests.simulation.network import NodeTransport
from tests.simulation.places import NodePlaces
from tests.simulation.virtual import Dead

if TYPE_CHECKING:
    from tests.simulation.installation import Installation

#: Idle nodes look anyway this often; a real one does every 15 s, but is woken by the same wake-up times.
_POLL = timedelta(hours=12).total_seconds()
#: While the time is in doubt the engine lets one visit a minute ask Entra; there is no use in looking sooner.
_DOUBT = 61.0
_RECONCILE = timedelta(hours=36)


class NodeGate:
    """Open, shut (the process is stopped by SIGSTOP), or gone. May strike after a number of passes."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.dead = False
        #: How often it was shut.
        self.stops = 0
        self._left = 0
        self._strike: Callable[[], None] | None = None
        #: Whether the node is doing something; only then do passes count towards a strike.
        self.busy: Callable[[], bool] = lambda: True

    async def __call__(self) -> None:
        self._count()
        if self.dead:
            raise Dead
        await self._open.wait()
        if self.dead:
            raise Dead

    def shut(self) -> None:
        self.stops += 1
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def strike_after(self, passes: int, strike: Callable[[], None] | None) -> None:
        """Have something happen at the so-manyth call to the outside from now, in the middle of the work."""
        self._left, self._strike = passes, strike

    def _count(self) -> None:
        if self._strike is None or not self.busy():
            return
        self._left -= 1
        if self._left <= 0:
            strike, self._strike = self._strike, None
            strike()


class NodeClock:
    """A host clock that may be wrong; monotonic time never is."""

    def __init__(self, world_time: Callable[[], datetime], gate: NodeGate, skew: timedelta) -> None:
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

    def __init__(self, installation: Installation, gate: NodeGate) -> None:
        self._of = installation
        self._gate = gate
        self.cut_off = False
        self.installation = installation.id

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **keywords: Any) -> Any:
            await self._gate()
            if self.cut_off:
                raise StoreUnavailable("the database does not answer")
            try:
                answer = await getattr(self._of.store, name)(*args, **keywords)
            except LeaseLost:
                self._of.stale_refused += 1
                raise
            self._of.fencing.note(name, args, answer)
            await self._gate()
            return answer

        setattr(self, name, call)
        return call


class NodeSpool:
    """The port `Spool` on the disk of one node, which outlives its processes."""

    def __init__(self, disk: dict[str, Kept], gate: NodeGate) -> None:
        self._disk = disk
        self._gate = gate
        self._awaited: set[str] = set()

    async def keep(self, kept: Kept) -> None:
        await self._gate()
        self._disk[kept.key_id] = kept
        (self._awaited.discard if kept.stale else self._awaited.add)(kept.key_id)

    async def drop(self, key_id: str) -> None:
        await self._gate()
        self._awaited.discard(key_id)
        self._disk.pop(key_id, None)

    async def left(self) -> list[Kept]:
        await self._gate()
        return [kept for kept in self._disk.values() if kept.key_id not in self._awaited]


class NoHooks:
    """The port `Hooks` without any."""

    def names(self, rotation: Rotation) -> tuple[str, ...]:
        return ()

    def patience(self, rotation: Rotation, hook: str) -> timedelta:
        return timedelta(0)

    async def run(self, rotation: Rotation, hook: str, credential: object) -> HookResult:
        return HookResult(hook, done=True)


class Recorder:
    """An observer that writes to the log of the story, and hands on to the laws."""

    def __init__(self, name: str, log: Callable[[str], None], told: Callable[[Event], None]) -> None:
        self._name = name
        self._log = log
        self._told = told

    def told(self, event: Event) -> None:
        if isinstance(event, (StepEnded, SignInTried)):
            return
        shown = ", ".join(
            f"{k}={str(getattr(event, k))[:160]}" for k in type(event).__slots__ if getattr(event, k) not in {"", None}
        )
        self._log(f"{self._name}: {event.rotation}: {type(event).__name__} {shown}")
        self._told(event)


class Node:
    """One process: started, stopped, continued, killed, cut off."""

    def __init__(self, name: str, installation: Installation, *, seed: int, skew: timedelta) -> None:
        self.name = name
        self.gate = NodeGate()
        self._of = installation
        universe = installation.universe
        self.transport = NodeTransport(universe.simulation, self.gate, installation.watcher(name))
        self.store = NodeStore(installation, self.gate)
        clock = NodeClock(universe.time, self.gate, skew)
        self.world = World(
            store=self.store,
            directories=universe.directories(self.transport, clock, name),
            destinations=NodePlaces(installation.places, self.gate, installation.watcher(name).written),
            hooks=NoHooks(),
            clock=clock,
            chance=SeededChance(seed),
            clockwatch=ClockWatch(),
            holder=name,
            spool=NodeSpool(installation.disks[name.partition(".")[0]], self.gate),
            observers=[Recorder(name, universe.write, installation.watcher(name).told)],
            limits=Limits(installation.rotations_per_hour, installation.failures_before_pause),
            pace=Pace(reconcile=_RECONCILE),
            memory=Memory(),
        )
        self.dispatcher = Dispatcher(self.world, concurrency=4, trouble=self._trouble)
        self.gate.busy = lambda: self.dispatcher.busy > 0
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

    async def drain(self) -> None:
        """SIGTERM: nothing new is begun, what is under way stops at its next step."""
        await self.dispatcher.drain()
        self.kill()

    async def _run(self) -> None:
        await take_up(self.world)
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
        least = _DOUBT if self.world.clockwatch.uneasy else 5.0
        return min(_POLL, max(least, (wake_at - now).total_seconds()))

    def _trouble(self, rotation: str, problem: BaseException) -> None:
        self._of.universe.write(f"{self.name}: {rotation}: trouble: {type(problem).__name__}: {problem}")
        if not isinstance(problem, StoreError):
            self._of.bugs.append(problem)
