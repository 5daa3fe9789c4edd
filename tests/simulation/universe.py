"""What does a simulated world consist of? A tenant, a database, places to deliver to, nodes; and the log of what happened."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx

from rotator.domain.edits import Add
from rotator.domain.lifetime import least_lifetime, margin
from rotator.domain.model import Application, DestinationRule, Request, Rotation, Schedule, VerifyRule
from rotator.domain.secret import Secret
from rotator.entra.directories import EntraDirectories
from rotator.entra.options import Cloud, ClientSecretConnection
from rotator.network import Network
from rotator.simulator.simulation import Simulation, SimulatorOptions, make_simulation
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.fakes import SeededChance
from tests.simulation.node import Node, NodeClock
from tests.simulation.places import Place, Places

BEGIN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CONNECTION = "contoso"


class Universe:
    """One seed's world. `elapsed` is virtual time; the database's clock and Entra's are set apart from it by jumps."""

    def __init__(self, seed: int, directory: Path, *, nodes: int, applications: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.log: list[str] = []
        self.places = Places()
        self.nodes: dict[str, Node] = {}
        self.database_jump = timedelta(0)
        self._background: set[asyncio.Task[None]] = set()
        self.checks: list[Callable[[str], None]] = []
        self._file = directory / "state.db"
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self.simulation = self._simulation(applications)
        self.store = self._open()
        self.node_names = [f"node-{n}" for n in range(1, nodes + 1)]
        self._lives = 0
        self._asked = 0

    def time(self) -> datetime:
        """True time, which Entra's is too."""
        return BEGIN + timedelta(seconds=self._loop.time() - self._born)

    def database_time(self) -> datetime:
        return self.time() + self.database_jump

    def write(self, line: str) -> None:
        self.log.append(f"{self.time():%m-%d %H:%M:%S} {line}")

    def changed(self, what: str) -> None:
        """Something outside has changed: look whether the laws still hold."""
        self.write(what)
        for check in self.checks:
            check(what)

    def start(self, name: str, *, skew: timedelta = timedelta(0)) -> Node:
        """A new process under that name."""
        self._lives += 1
        node = Node(
            f"{name}.{self._lives}",
            store=lambda: self.store,
            simulation=self.simulation,
            directories=self._directories,
            places=self.places,
            world_time=self.time,
            seed=self.seed * 1000 + self._lives,
            skew=skew,
            log=self.write,
            changed=self.changed,
        )
        self.nodes[name] = node
        node.start()
        self.write(f"{node.name} starts")
        return node

    def kill(self, name: str) -> None:
        node = self.nodes.pop(name, None)
        if node is not None:
            self.write(f"{node.name} is killed")
            node.kill()

    async def define(self, rotations: list[Rotation]) -> None:
        await self.store.define([Add(rotation) for rotation in rotations])

    async def ask(self, rotation: Rotation, kind: str, **facts: object) -> None:
        self._asked += 1
        request = Request(
            f"request-{self._asked}", rotation.id, kind, self.database_time(), by="the story", facts=facts
        )
        self.write(f"somebody asks: {kind} {rotation.name} {facts or ''}")
        await self.store.ask(request)
        for node in self.nodes.values():
            node.dispatcher.nudged.set()

    def snapshot(self) -> bytes:
        """A backup of the database as it is now."""
        with closing(sqlite3.connect(self._file)) as connection:
            return connection.serialize()

    def restore(self, backup: bytes) -> None:
        """All processes end, an older database takes the place of the present one."""
        for name in list(self.nodes):
            self.kill(name)
        self.store.close()
        for leftover in self._file.parent.glob("state.db-*"):
            leftover.unlink()
        self._file.write_bytes(backup)
        self.store = self._open()
        self.write("the database is restored from an older copy")

    def background(self, work: Coroutine[object, object, None]) -> None:
        """Something that goes on beside the story, to its end at most."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def calm(self) -> None:
        """End everything that goes on beside the story."""
        for task in self._background:
            task.cancel()
        self.checks = self.checks[:1]

    async def close(self) -> None:
        self.calm()
        for name in list(self.nodes):
            self.kill(name)
        await asyncio.sleep(0)
        self.store.close()

    def truth(self) -> dict[str, list[dict[str, object]]]:
        """What Entra really holds, by object id."""
        return {app["objectId"]: app["credentials"] for app in self.simulation.entra.tenant.truth()}

    def bears(self, place: Place) -> bool:
        """The place holds a secret that Entra has not removed and that has not expired."""
        key = place.marker.key_id if place.marker else ""
        return any(
            c["keyId"] == key and c["listed"] and not self._expired(c) for cs in self.truth().values() for c in cs
        )

    def _expired(self, credential: dict[str, object]) -> bool:
        return datetime.fromisoformat(str(credential["endDateTime"])[:19]).replace(tzinfo=UTC) <= self.time()

    def _open(self) -> SqlStore:
        return open_store(
            f"sqlite:///{self._file}",
            chance=SeededChance(self.seed),
            database_time=self.database_time,
            inline=True,
            installation="simulate",
        )

    def _simulation(self, applications: int) -> Simulation:
        options = SimulatorOptions(applications=applications, seed=self.seed)
        # Access tokens live in the host's time, in which azure-identity keeps them; they never end within a story.
        simulation = make_simulation(options, real_now=self.time, start=BEGIN)
        host_now = datetime.now(UTC)
        simulation.entra.tokens.real_now = lambda: host_now
        return simulation

    def _directories(self, transport: httpx.AsyncBaseTransport, clock: NodeClock) -> EntraDirectories:
        admin, tenant = self.simulation.population.admin, self.simulation.entra.tenant
        secret = Secret(self.simulation.population.admin_secret)
        options = ClientSecretConnection.model_validate(
            {
                "name": CONNECTION,
                "method": "client-secret",
                "cloud": "simulated",
                "credentials": {
                    "tenantId": tenant.tenant_id,
                    "clientId": admin.client_id,
                    "clientSecret": {"env": "UNUSED"},
                },
            }
        )
        cloud = Cloud.model_validate({"authority": "https://localhost", "graph": "https://localhost/v1.0"})

        async def secret_of(_name: str) -> Secret:
            return secret

        network = Network(environment={}, transport_factory=lambda: transport)
        ids = Random(self.seed)
        return EntraDirectories(
            {CONNECTION: options},
            {"simulated": cloud},
            network=network,
            clock=clock,
            secret_of=secret_of,
            new_id=lambda: f"{ids.getrandbits(128):032x}",
        )


def a_rule(universe: Universe, number: int) -> Rotation:
    """A seeded definition on the application of that number."""
    random = universe.random
    target = universe.simulation.population.applications[number]
    interval = random.choice([3, 5, 7, 14])
    overlap = random.choice([None, None, timedelta(hours=48), timedelta(hours=0), timedelta(days=2)])
    days = timedelta(days=interval)
    names = [f"place-{n}" for n in range(1, random.choice([1, 1, 2, 3]) + 1)]
    return Rotation(
        id=f"rotation-{number}",
        name=f"api-{number}",
        connection=CONNECTION,
        application=Application(
            universe.simulation.entra.tenant.tenant_id,
            "" if random.random() < 0.2 else target.object_id,
            target.client_id,
            target.display_name,
        ),
        schedule=Schedule(interval, random.randrange(24), random.randrange(60), random.choice(["UTC", "Europe/Oslo"])),
        lifetime=least_lifetime(days, overlap),
        margin=margin(days),
        overlap=overlap,
        renew_before=margin(days) / 2,
        verify=VerifyRule(
            successes=random.choice([1, 2, 3]), interval=timedelta(seconds=5), deadline=timedelta(minutes=15)
        ),
        destinations=tuple(
            DestinationRule(name, "place", required=n == 0 or random.random() < 0.7, order=random.choice([0, 0, 1]))
            for n, name in enumerate(names)
        ),
    )
