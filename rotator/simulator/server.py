"""How is the simulated Entra served over real HTTPS, and where is it told to be found?"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from rotator.clock import SystemClock
from rotator.simulator.access_tokens import GRAPH
from rotator.simulator.certificates import Authority, authority_in
from rotator.simulator.http_protocol import HttpProtocol
from rotator.simulator.simulation import Simulation, SimulatorOptions
from rotator.simulator.state_file import StateDirectory

_SAVE_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Ready:
    """Where everything is: the one JSON line that `rotator simulate` prints, by its names there."""

    authority: str
    graph: str
    scope: str
    imds: str
    control: str
    caFile: str  # noqa: N815 - the name in the JSON line
    tenantId: str  # noqa: N815
    adminClientId: str  # noqa: N815
    adminClientSecret: str  # noqa: N815
    applications: list[dict[str, str]]

    def line(self) -> str:
        """The JSON line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that listens: where it is, and its inside for tests that sit in the same process."""

    ready: Ready
    simulation: Simulation


@asynccontextmanager
async def serve(
    options: SimulatorOptions | None = None,
    *,
    real_now: Callable[[], datetime] | None = None,
    keys: Path | None = None,
) -> AsyncIterator[Running]:
    """Serve a simulator on this loop until the block ends. Raises `OSError` when the address is taken.

    `keys`: a directory with the signing key and the authority of a simulator that keeps no state, made at the first
    time; whoever starts many spares 40 ms each.
    """
    chosen = options or SimulatorOptions()
    now = real_now or SystemClock().now
    with tempfile.TemporaryDirectory(prefix="simulated-entra-") as scratch:
        directory = chosen.state_dir or keys or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        state = StateDirectory(directory)
        simulation = state.open(chosen, real_now=now)
        authority = authority_in(directory, now=SystemClock().now())
        async with _listening(simulation, chosen.listen, authority) as ready, _saving(chosen, state, simulation):
            yield Running(ready, simulation)


@asynccontextmanager
async def _listening(simulation: Simulation, listen: str, authority: Authority) -> AsyncIterator[Ready]:
    connections: set[HttpProtocol] = set()
    factory = partial(HttpProtocol, simulation.control.handle, connections)
    host, _, port = listen.rpartition(":")
    loop = asyncio.get_running_loop()
    https = await loop.create_server(factory, host.strip("[]"), int(port), ssl=authority.server_context(), backlog=1024)
    imds = await loop.create_server(factory, host.strip("[]"), 0)
    simulation.entra.tokens.base_url = f"https://localhost:{_port(https)}"
    try:
        yield _ready(simulation, _port(imds), authority.ca_file)
    finally:
        for server in (https, imds):
            server.close()
        for connection in list(connections):
            connection.abort()


@asynccontextmanager
async def _saving(options: SimulatorOptions, state: StateDirectory, simulation: Simulation) -> AsyncIterator[None]:
    if options.state_dir is None:
        yield
        return

    async def save_now_and_then() -> None:
        while True:
            await asyncio.sleep(_SAVE_EVERY)
            state.save(simulation)

    task = asyncio.create_task(save_now_and_then())
    try:
        yield
    finally:
        task.cancel()
        state.save(simulation)


async def simulate(options: SimulatorOptions, on_ready: Callable[[Ready], None]) -> None:
    """Serve until cancelled; `on_ready` is called once when it listens."""
    async with serve(options) as running:
        on_ready(running.ready)
        await asyncio.get_running_loop().create_future()


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _ready(simulation: Simulation, imds_port: int, ca_file: Path) -> Ready:
    url, population = simulation.entra.tokens.base_url, simulation.population
    return Ready(
        authority=url,
        graph=f"{url}/v1.0",
        scope=f"{GRAPH}/.default",
        imds=f"http://localhost:{imds_port}",
        control=f"{url}/_sim",
        caFile=str(ca_file),
        tenantId=simulation.entra.tenant.tenant_id,
        adminClientId=population.admin.client_id,
        adminClientSecret=population.admin_secret,
        applications=[
            {"objectId": one.object_id, "clientId": one.client_id, "displayName": one.display_name}
            for one in population.applications
        ],
    )
