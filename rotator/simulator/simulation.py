"""Of what is one simulated Entra made, and how is it put together?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from rotator.simulator.clock import TenantClock
from rotator.simulator.control import Control
from rotator.simulator.entra import Entra
from rotator.simulator.population import ADMIN_ROLES, Population, populate
from rotator.simulator.signing import Signer
from rotator.simulator.tenant import Tenant


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What `rotator simulate` takes.

    `listen` is `address:port`, port 0 picks one. `time_scale` is how many seconds of tenant time pass in one of real time;
    it moves the dates of credentials and propagation, not the life of access tokens. With `state_dir` certificates, keys
    and the tenant survive a restart.
    """

    listen: str = "127.0.0.1:0"
    applications: int = 3
    seed: int = 0
    time_scale: float = 1.0
    state_dir: Path | None = None
    roles: tuple[str, ...] = ADMIN_ROLES


@dataclass(frozen=True, slots=True)
class Simulation:
    """A tenant with people in it, its clock and its control."""

    entra: Entra
    clock: TenantClock
    population: Population
    control: Control


def make_simulation(
    *,
    real_now: Callable[[], datetime],
    signer: Signer,
    options: SimulatorOptions | None = None,
    base_url: str = "https://localhost",
) -> Simulation:
    """A fresh tenant out of a seed. With a manual `real_now` and a `CheapSigner` it replays to the last bit."""
    chosen = options or SimulatorOptions()
    clock = TenantClock(real_now, scale=chosen.time_scale)
    tenant = Tenant(now=clock.now, random=Random(chosen.seed))
    population = populate(tenant, applications=chosen.applications, roles=chosen.roles)
    entra = Entra(tenant, real_now=real_now, signer=signer, base_url=base_url)
    entra.managed_identity.client_ids.append(population.admin.client_id)
    return Simulation(entra, clock, population, Control(entra, clock=clock, admin=population.admin))
