"""What does a simulated world consist of? A tenant, installations, true time; and the log of what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import httpx

from rotator.domain.secret import Secret
from rotator.entra.directories import EntraDirectories
from rotator.entra.options import ClientSecretConnection, Cloud
from rotator.network import Network
from rotator.simulator.model import Application, Password
from rotator.simulator.simulation import Simulation, SimulatorOptions, make_simulation
from tests.simulation.installation import Installation
from tests.simulation.node import NodeClock

if TYPE_CHECKING:
    from tests.simulation.laws import Laws

BEGIN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CONNECTION = "contoso"
PERSONAL = "AzureADandPersonalMicrosoftAccount"


@dataclass(slots=True)
class Hindrance:
    """From then to then somebody or something stood in the way; `until` None: still."""

    why: str
    since: datetime
    until: datetime | None = None


class Universe:
    """One seed's world. Entra's clock is true time; each installation's database may be set apart from it."""

    laws: Laws

    def __init__(self, seed: int, *, applications: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.log: list[str] = []
        self.hindrances: list[Hindrance] = []
        self.installations: list[Installation] = []
        #: Keys that the story took away from Entra itself.
        self.taken: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[str, Callable[[str], None]]] = []
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self.simulation = self._simulation(applications)

    @property
    def applications(self) -> tuple[Application, ...]:
        """Those that rotations may aim at."""
        return self.simulation.population.applications

    def seconds(self) -> float:
        """True time since the beginning."""
        return self._loop.time() - self._born

    def time(self) -> datetime:
        """True time, which Entra's is too."""
        return BEGIN + timedelta(seconds=self._loop.time() - self._born)

    def write(self, line: str) -> None:
        """One more line of the story; whoever waits for it acts at that very moment."""
        self.log.append(f"{self.time():%m-%d %H:%M:%S} {line}")
        for waiting in [each for each in self._waiting if each[0] in line]:
            self._waiting.remove(waiting)
            waiting[1](line)

    def when(self, part: str, act: Callable[[str], None]) -> None:
        """Have something done, once, as soon as a line that contains this is written."""
        self._waiting.append((part, act))

    def install(self, id_: str, *, nodes: int) -> Installation:
        """One more installation on the tenant."""
        made = Installation(self, id_, nodes=nodes)
        self.installations.append(made)
        return made

    def background(self, work: Coroutine[object, object, None]) -> None:
        """Something that goes on beside the story, to its end or until the story relents."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def relent(self) -> None:
        """End everything that goes on beside the story; each trouble takes its effects back."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def hindered(self, why: str) -> Iterator[None]:
        """While this lasts, rotations may rightly be late."""
        self.write(why)
        hindrance = Hindrance(why, self.time())
        self.hindrances.append(hindrance)
        try:
            yield
        finally:
            hindrance.until = self.time()
            self.write(f"no more: {why}")

    def was_free(self, since: datetime, until: datetime, at_least: timedelta) -> bool:
        """Whether for so long at a stretch nothing stood in the way."""
        free_since = since
        for hindrance in sorted(self.hindrances, key=lambda each: each.since):
            if min(hindrance.since, until) - free_since >= at_least:
                return True
            free_since = max(free_since, hindrance.until or until)
        return until - free_since >= at_least

    def listed(self, object_id: str) -> list[Password]:
        """The secrets that Entra really holds for an application, expired ones included."""
        application = self.simulation.entra.tenant.applications.get(object_id)
        return [] if application is None else [p for p in application.passwords if p.removed_at is None]

    def password(self, key_id: str) -> Password | None:
        """A secret that exists, or that is gone but not yet forgotten."""
        for application in self.simulation.entra.tenant.applications.values():
            for password in application.passwords:
                if password.key_id == key_id:
                    return password
        return None

    def is_valid(self, key_id: str) -> bool:
        """Entra has it and it has not expired."""
        password = self.password(key_id)
        return password is not None and password.removed_at is None and password.expires_at > self.time()

    def directories(self, transport: httpx.AsyncBaseTransport, clock: NodeClock, name: str) -> EntraDirectories:
        """How one node reaches Entra: the real adapter over its own network."""
        options = ClientSecretConnection.model_validate(
            {
                "name": CONNECTION,
                "method": "client-secret",
                "cloud": "simulated",
                "credentials": {
                    "tenantId": self.simulation.entra.tenant.tenant_id,
                    "clientId": self.simulation.population.admin.client_id,
                    "clientSecret": {"env": "UNUSED"},
                },
            }
        )
        cloud = Cloud.model_validate({"authority": "https://localhost", "graph": "https://localhost/v1.0"})
        secret = Secret(self.simulation.population.admin_secret)

        async def secret_of(_name: str) -> Secret:
            return secret

        network = Network(environment={}, transport_factory=lambda: transport)
        ids = Random(f"{self.seed} {name}")
        return EntraDirectories(
            {CONNECTION: options},
            {"simulated": cloud},
            network=network,
            clock=clock,
            secret_of=secret_of,
            new_id=lambda: f"{ids.getrandbits(128):032x}",
        )

    def _simulation(self, applications: int) -> Simulation:
        options = SimulatorOptions(applications=applications, seed=self.seed)
        # Access tokens live in the host's time, in which azure-identity keeps them; they never end within a story.
        simulation = make_simulation(options, real_now=self.time, start=BEGIN)
        host_now = datetime.now(UTC)
        simulation.entra.tokens.real_now = lambda: host_now
        return simulation


#: Something that goes wrong, with a randomness of its own; cancelled, it takes its effects back.
Trouble = Callable[[Universe, Random], Coroutine[object, object, None]]
