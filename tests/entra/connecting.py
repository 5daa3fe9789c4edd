"""How does a test get a directory onto a simulated tenant, over real HTTPS or without sockets?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rotator.clock import SystemClock
from rotator.domain.model import Application, Secret
from rotator.entra.directories import EntraDirectories
from rotator.entra.directory import EntraDirectory
from rotator.entra.options import METHODS, AnyConnection, Cloud
from rotator.network import Network
from rotator.ports import Clock, Issued
from rotator.references import ALLOW_LITERALS
from rotator.simulator.server import Running
from rotator.simulator.simulation import Simulation, SimulatorOptions, make_simulation
from rotator.simulator.transport import SimTransport
from tests.fakes import ManualClock
from tests.simulated import tenant

SCOPE = "https://graph.microsoft.com/.default"
NAME = "rotator/test/attempt.1-abcd/billing-api"


@dataclass
class Connected:
    """One connection to one simulated tenant."""

    directories: EntraDirectories
    directory: EntraDirectory
    simulation: Simulation
    clock: Clock

    @property
    def application(self) -> Application:
        """The first application, known by its object id only."""
        return Application(self.simulation.entra.tenant.tenant_id, self.object_id)

    @property
    def object_id(self) -> str:
        return self.simulation.population.applications[0].object_id

    @property
    def client_id(self) -> str:
        return self.simulation.population.applications[0].client_id

    def fault(self, **rule: Any) -> None:
        self.simulation.entra.faults.add(**rule)

    async def add(self, name: str = NAME, *, object_id: str = "") -> Issued:
        expires_at = datetime.now(UTC) + timedelta(days=63)
        target = object_id or self.object_id
        return await self.directory.add_password(target, display_name=name, expires_at=expires_at)

    def held(self) -> list[str]:
        """Display names of the secrets the first application truly has."""
        truth = self.simulation.entra.tenant.truth()
        mine = next(each for each in truth if each["objectId"] == self.object_id)
        return [each["displayName"] for each in mine["credentials"] if each["listed"]]

    def requests(self, operation: str) -> int:
        """How often the simulator was asked for that."""
        return sum(entry.operation == operation for entry in self.simulation.entra.log.entries)


def options(simulation: Simulation, method: str = "client-secret", **credentials: Any) -> AnyConnection:
    """A connection to the tenant as its administrator; short timeouts, so that hangs end."""
    secret: dict[str, Any] = {"clientSecret": simulation.population.admin_secret} if method == "client-secret" else {}
    by_itself = (
        {} if method in {"azure-cli", "managed-identity"} else {"clientId": simulation.population.admin.client_id}
    )
    whole = {"tenantId": simulation.entra.tenant.tenant_id, **by_itself, **secret, **credentials}
    given = {"name": "contoso", "method": method, "cloud": "simulated", "credentials": whole}
    given["timeouts"] = {"connect": "1s", "request": "1s"}
    return METHODS[method].model_validate(given, context={ALLOW_LITERALS: True})


def cloud(authority: str = "https://localhost", ca_file: str | None = None) -> dict[str, Cloud]:
    block = {"authority": authority, "graph": f"{authority}/v1.0", "scope": SCOPE, "caFile": ca_file}
    return {"simulated": Cloud.model_validate(block)}


@asynccontextmanager
async def over_https(
    method: str = "client-secret",
    *,
    network: Network | None = None,
    secret_of: Callable[[str], Awaitable[Secret]] | None = None,
    simulated: SimulatorOptions | None = None,
    **credentials: Any,
) -> AsyncIterator[Connected]:
    """Real sockets, real TLS, real clock."""
    async with (
        tenant(simulated) as running,
        connected_to(running, method, network=network, secret_of=secret_of, **credentials) as connected,
    ):
        yield connected


@asynccontextmanager
async def connected_to(
    running: Running,
    method: str = "client-secret",
    *,
    network: Network | None = None,
    secret_of: Callable[[str], Awaitable[Secret]] | None = None,
    **credentials: Any,
) -> AsyncIterator[Connected]:
    """A connection to a simulator that listens already."""
    clock = SystemClock()
    clouds = cloud(running.ready.authority, running.ready.caFile)
    chosen = options(running.simulation, method, **credentials)
    directories = EntraDirectories(
        {"contoso": chosen}, clouds, network=network or Network(environment={}), clock=clock, secret_of=secret_of
    )
    yield Connected(directories, await directories.open("contoso"), running.simulation, clock)
    await directories.close()


@asynccontextmanager
async def in_process(
    method: str = "client-secret",
    *,
    secret_of: Callable[[str], Awaitable[Secret]] | None = None,
    simulated: SimulatorOptions | None = None,
    **credentials: Any,
) -> AsyncIterator[Connected]:
    """The same SDKs over a transport without sockets, under a manual clock."""
    clock = ManualClock()
    simulation = make_simulation(simulated or SimulatorOptions(seed=7), real_now=clock.now)
    network = Network(environment={}, transport_factory=lambda: SimTransport(simulation))
    chosen = options(simulation, method, **credentials)
    directories = EntraDirectories({"contoso": chosen}, cloud(), network=network, clock=clock, secret_of=secret_of)
    yield Connected(directories, await directories.open("contoso"), simulation, clock)
    await directories.close()
