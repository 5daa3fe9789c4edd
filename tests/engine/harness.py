"""How is the whole engine run in a test? On the real store, with a tenant in memory, in days that take no time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from rotator.destinations import Opener, Surroundings
from rotator.destinations.handed import from_books
from rotator.domain.edits import Add, Change
from rotator.domain.events import Event
from rotator.domain.model import Credential, Facts, Limits, Request, Rotation, VerifyRule
from rotator.engine.clockwatch import ClockWatch
from rotator.engine.dispatcher import Dispatcher
from rotator.engine.world import Pace, World
from rotator.ports import Destinations, Directories, Hooks, Marker, Store
from rotator.store import embedded
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.builders import a_rotation, an_embedded_destination
from tests.engine.fake_entra import FakeEntra, contoso
from tests.engine.fake_places import FakeHooks, FakePlaces, a_place
from tests.fakes import ManualClock, SeededChance

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INSTALLATION = "abcd2345"
PREFIX = f"rotator/{INSTALLATION}/"
#: More visits than that within one hour of the manual clock: the engine turns in circles.
MOST_VISITS = 400
POLL = timedelta(seconds=15)
Told = TypeVar("Told", bound=Event)


def billing(**changes: Any) -> Rotation:
    """The builder's rotation, quickly proved, to the embedded store and to one place."""
    plain: dict[str, Any] = {
        "destinations": (an_embedded_destination(), a_place()),
        "verify": VerifyRule(2, timedelta(seconds=5), timedelta(minutes=15)),
    }
    return a_rotation(**{**plain, **changes})


class Engine:
    """One node: its world, what its observers were told, and what it could not cope with."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[Event] = []
        self.troubles: list[BaseException] = []
        self.dispatcher = Dispatcher(world, trouble=lambda _name, problem: self.troubles.append(problem))

    def events(self, kind: type[Told]) -> list[Told]:
        return [event for event in self.told if isinstance(event, kind)]


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def told(self, event: Event) -> None:
        assert self.engine is not None
        self.engine.told.append(event)


class Harness:
    """The world of one test. Whatever the engine does, `look_around` sees that no destination holds a dead secret."""

    def __init__(self, folder: Path, *, limits: Limits | None = None) -> None:
        self.clock = ManualClock()
        self.chance = SeededChance()
        self.limits = limits or Limits()
        self.folder = folder
        for name, content in _new_database().items():
            (folder / name).write_bytes(content)
        self.store: SqlStore = open_store(
            f"sqlite:///{folder}/state.db",
            chance=self.chance,
            database_time=self.clock.now,
            installation=INSTALLATION,
            inline=True,
        )
        # Nobody pulls the plug here: no test waits for the disk.
        self.store._runner._session.connection.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]
        self.entra = FakeEntra(self.clock)
        self.entra.connections["contoso"] = contoso()
        surroundings = Surroundings(
            mapped=self.store,
            installation=INSTALLATION,
            clock=self.clock,
            inline=True,
            delivery=from_books(self.store),
        )
        self.places = FakePlaces(Opener(surroundings))
        self.hooks = FakeHooks()
        self.rotations: dict[str, Rotation] = {}
        #: Destinations that a test lets go dark on purpose.
        self.excused: set[str] = set()
        self.entra.after_effect = self.places.after_effect = self.look_around
        self.engine = self.start("node-1")

    def start(self, holder: str, **ports: Any) -> Engine:
        """A new process: it remembers nothing. `ports` replace those of the harness."""
        recorder = Recorder()
        store: Store = ports.get("store", Watched(self))
        directories: Directories = ports.get("directories", self.entra)
        destinations: Destinations = ports.get("destinations", self.places)
        hooks: Hooks = ports.get("hooks", self.hooks)
        world = World(
            store=store,
            directories=directories,
            destinations=destinations,
            hooks=hooks,
            clock=self.clock,
            chance=self.chance,
            clockwatch=ClockWatch(),
            holder=holder,
            spool=ports.get("spool", self.store.spool([self.folder / "spool"], inline=True)),
            observers=(recorder,),
            limits=self.limits,
            pace=Pace(reconcile=DAY),
        )
        self.engine = recorder.engine = Engine(world)
        return self.engine

    # What people and programs do.

    async def define(self, *rotations: Rotation, room_for: int | None = None) -> None:
        for rotation in rotations:
            self.rotations[rotation.id] = rotation
            if rotation.application.object_id not in self.entra.apps:
                self.entra.register(rotation.application, room_for=room_for)
        await self.store.define([Add(rotation) for rotation in rotations])

    async def edit(self, *, moves: bool = False, **changes: Any) -> Rotation:
        """Change the first rotation's definition; `moves`: its due time may move."""
        changed = replace(next(iter(self.rotations.values())), **changes)
        self.rotations[changed.id] = changed
        await self.store.define([Change(changed, self.clock.now() if moves else None)])
        return changed

    async def ask(self, kind: str, rotation_id: str = "rotation-1", **facts: Any) -> str:
        request = Request(self.chance.letters(8), rotation_id, kind, self.clock.now(), by="a person", facts=facts)
        return await self.store.ask(request)

    async def answer(self, request_id: str) -> tuple[str, str]:
        request = await self.store.request(request_id)
        assert request is not None
        return request.result, request.message

    # Time.

    async def turn(self, engine: Engine | None = None) -> None:
        """Visit whatever is due, until nothing is."""
        engine = engine or self.engine
        for _ in range(MOST_VISITS):
            if not await engine.dispatcher.fill():
                return
            await self.settle(engine)
            for problem in engine.troubles:
                if isinstance(problem, AssertionError):
                    raise problem
        raise AssertionError("the engine turns in circles")

    async def settle(self, engine: Engine) -> None:
        """Let visits end; whoever sleeps in one is woken as soon as nobody else has anything to do."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # no promise of asyncio tells it
        while engine.dispatcher.busy:
            for _ in range(12):
                await asyncio.sleep(0)
                if not ready:
                    break
            if engine.dispatcher.busy and self.clock.next_wake is not None:
                self.clock.advance(self.clock.next_wake)

    async def run_for(self, span: timedelta) -> None:
        """Let that much of true time pass, visiting whatever comes due, as the daemon does with its poll."""
        end = self.clock.monotonic() + span.total_seconds()
        hour, visits, pause = self.clock.monotonic(), 0, POLL
        while (left := end - self.clock.monotonic()) > 0:
            await self.turn()
            wake_at = await self.store.next_wake()
            wait = wake_at - self.clock.now() if wake_at is not None else timedelta(0)
            # Nothing to wait for, or due and not claimed (the clock is in doubt): the daemon's poll comes round.
            pause = POLL if wait > timedelta(0) else min(2 * pause, HOUR)
            self.clock.advance(min((wait if wait > timedelta(0) else pause).total_seconds(), left, 6 * 3600))
            now = self.clock.monotonic()
            hour, visits = (now, 0) if now >= hour + 3600 else (hour, visits + 1)
            assert visits < MOST_VISITS, "the engine turns in circles"
        await self.turn()

    # What is so.

    async def facts(self, name: str = "billing-api") -> Facts:
        (facts,) = await self.store.facts([name])
        return facts

    async def current(self, name: str = "billing-api") -> Credential:
        current = (await self.facts(name)).current
        assert current is not None
        return current

    async def steps(self, rotation_id: str = "rotation-1") -> list[str]:
        """The journal as `step phase` lines."""
        return [f"{entry.step} {entry.phase}" for entry in await self.store.journal(rotation_id)]

    def ours(self, object_id: str = "", prefix: str = PREFIX) -> list[str]:
        """Key ids of ours that are in Entra in truth."""
        found = object_id or next(iter(self.rotations.values())).application.object_id
        return [password.key_id for password in self.entra.living(found, prefix)]

    def foreign_marker(self) -> Marker:
        return Marker("zzzz7777", "rotation-9", "their-key", 1)

    def look_around(self) -> None:
        """Every destination that holds something holds a secret that signs in (laws L1, L5, L7)."""
        for place in self.places.places.values():
            if place.text and place.marker and place.name not in self.excused:
                assert self.entra.valid(place.text), f"{place.name} holds a dead secret"
        if "embedded" in self.excused:
            return
        for rotation in self.rotations.values():
            shown = self.shown(rotation)
            assert not shown or self.entra.valid(shown), "the embedded store shows a dead secret"

    def shown(self, rotation: Rotation) -> str:
        """What readers of the embedded store see."""
        store = self.store
        for rule in rotation.destinations:
            if rule.kind == "embedded":
                name = rule.names["clientSecret"]
                text = store._runner.now(  # type: ignore[attr-defined]
                    lambda tx: embedded.mapped_text(tx, store._seal, rotation.folder, name),  # noqa: B023
                    write=False,
                )
                return text.reveal() if text else ""
        return ""


class Watched:
    """The store, looking around after every write."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self._harness.store, name)
        if name != "write":
            return wanted

        async def write(*args: Any, **named: Any) -> Any:
            result = await wanted(*args, **named)
            self._harness.look_around()
            return result

        return write


@cache
def _new_database() -> dict[str, bytes]:
    """An empty state database and its key, made once: making one takes longer than most tests."""
    with TemporaryDirectory() as folder:
        open_store(
            f"sqlite:///{folder}/state.db",
            chance=SeededChance(),
            database_time=ManualClock().now,
            installation=INSTALLATION,
            inline=True,
        ).close()
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
