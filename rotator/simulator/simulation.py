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

    `listen` is `address:port`, port 0 picks one. `time_scale` is how many seconds of tenant time pass in one of real
    time; it moves the dates of credentials and propagation, not the life of access tokens. With `state_dir`
    certificates, keys and the tenant survive a restart.
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
    options: SimulatorOptions | None = None,
    *,
    real_now: Callable[[], datetime],
    signer: Signer | None = None,
    start: datetime | None = None,
    people: Callable[[Tenant], Population] | None = None,
) -> Simulation:
    """A tenant out of a seed, which replays to the last bit under a manual `real_now`.

    Its time begins at `start` (default: the real time), and `people` fill it (default: as the options say). Without a
    `signer` its tokens are signed cheaply, for nobody else to check.
    """
    chosen = options or SimulatorOptions()
    clock = TenantClock(real_now, start=start, scale=chosen.time_scale)
    tenant = Tenant(now=clock.now, random=Random(chosen.seed))
    population = people(tenant) if people else populate(tenant, applications=chosen.applications, roles=chosen.roles)
    entra = Entra(tenant, real_now=real_now, signer=signer)
    entra.managed_identity.client_ids.append(population.admin.client_id)
    return Simulation(entra, clock, population, Control(entra, clock=clock, admin=population.admin))
