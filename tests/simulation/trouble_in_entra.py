"""What goes wrong in Entra? Lost answers, lag, throttling, lost rights, policies, keys removed and added by others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random

from rotator.simulator.model import Application
from tests.simulation.universe import Trouble, Universe

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_MATCHES = ("addPassword", "removePassword", "token", "getApplication", "Password", "pplication")
_STATUSES = (400, 408, 409, 429, 500, 502, 503, 504)
_EFFECTS: tuple[tuple[str, object], ...] = (*(("status", each) for each in _STATUSES), ("hang", True), ("reset", True))


async def lost_answers(universe: Universe, random: Random) -> None:
    """The next few calls fail, before or after they are carried out."""
    effect: dict[str, object] = dict([random.choice(_EFFECTS)])
    match = random.choice(_MATCHES)
    if effect.get("status") == 429:
        effect["headers"] = random.choice([{}, {"Retry-After": "7"}, {"Retry-After": "100000"}])
    rule = {
        "match": match,
        "when": random.choice(["before", "after", "after"]),
        "times": random.randrange(1, 6),
        "probability": random.choice([1.0, 0.5]),
        **effect,
    }
    faults = universe.simulation.entra.faults
    fault = faults.add(rule)
    universe.write(f"fault: {rule}")
    try:
        await asyncio.sleep(3 * _DAY)
    finally:
        if fault in faults.rules:
            faults.rules.remove(fault)


async def lagging(universe: Universe, random: Random) -> None:
    """Replicas do not agree with one another for a while."""
    tenant = universe.simulation.entra.tenant
    lag = {
        "delay": [0, random.choice([5, 60, 110])],
        "flap": {"probability": random.choice([0.0, 0.3]), "seconds": 60},
        "removalLag": [0, random.choice([0, 60])],
        "staleReads": {"probability": random.choice([0.0, 0.5]), "seconds": 100},
    }
    tenant.propagate(lag)
    universe.write(f"Entra lags: {lag}")
    try:
        await asyncio.sleep(random.choice([_DAY, 5 * _DAY]))
    finally:
        tenant.settle()


async def slow(universe: Universe, random: Random) -> None:
    """Every answer takes long, or longer than we wait."""
    entra = universe.simulation.entra
    with universe.hindered("Entra is slow"):
        entra.latency = random.choice([5.0, 20.0, 20.0, 40.0])
        try:
            await asyncio.sleep(random.choice([_HOUR, 10 * _HOUR]))
        finally:
            entra.latency = 0.0


async def quota(universe: Universe, random: Random) -> None:
    """The tenant allows little."""
    throttle = universe.simulation.entra.throttle
    name, limit = random.choice([("units", 5), ("units", 20), ("writes", 1), ("writes", 3)])
    quotas = {name: {"limit": limit, "seconds": random.choice([60, 900]), "retryAfter": random.random() < 0.7}}
    with universe.hindered(f"Entra throttles: {quotas}"):
        throttle.set(quotas)
        try:
            await asyncio.sleep(random.choice([_HOUR, 12 * _HOUR]))
        finally:
            throttle.set({})


async def denied(universe: Universe, random: Random) -> None:
    """Somebody takes the ownership of an application away for a while."""
    tenant = universe.simulation.entra.tenant
    principal = tenant.find_principal(universe.simulation.population.admin.client_id)
    application = random.choice(universe.applications)
    if principal is None or principal.object_id not in application.owners:
        return
    await _for_a_while(
        universe,
        random,
        f"we may not write to {application.display_name}",
        on=lambda: tenant.remove_owner(application.object_id, principal.object_id),
        off=lambda: tenant.add_owner(application.object_id, principal.object_id),
    )


async def deleted(universe: Universe, random: Random) -> None:
    """An application is deleted and brought back from the bin."""
    application = random.choice(universe.applications)
    if application.deleted_at is not None:
        return
    await _for_a_while(
        universe,
        random,
        f"{application.display_name} is deleted",
        on=lambda: _delete(universe, application),
        off=lambda: setattr(application, "deleted_at", None),
    )


async def policy(universe: Universe, random: Random) -> None:
    """The tenant caps the lifetime of secrets, or forbids new ones."""
    default = universe.simulation.entra.tenant.default_policy
    cap = {"restrictionType": "passwordLifetime", "maxLifetime": random.choice(["P5D", "P12D", "P25D", "P60D"])}
    forbidden = {"restrictionType": "passwordAddition"}
    restriction = random.choice([cap, cap, cap, forbidden])

    def set_to(enabled: bool) -> None:  # noqa: FBT001 - on or off
        default.restrictions, default.enabled = ([restriction], True) if enabled else ([], False)

    await _for_a_while(
        universe, random, f"a policy says {restriction}", on=lambda: set_to(True), off=lambda: set_to(False)
    )


async def foreign(universe: Universe, random: Random) -> None:
    """Somebody else adds a secret by hand; it is none of ours. He takes it away again from where only two fit."""
    tenant = universe.simulation.entra.tenant
    application = random.choice(universe.applications)
    if application.deleted_at is not None or (application.personal and len(universe.listed(application.object_id)) > 1):
        return
    universe.write(f"somebody adds a secret to {application.display_name}")
    default, enabled = tenant.default_policy, tenant.default_policy.enabled
    default.enabled = False
    password, _ = tenant.passwords.add(application, display_name="made by hand")
    default.enabled = enabled
    if not application.personal:
        return
    with universe.hindered(f"{application.display_name} is full"):
        try:
            await asyncio.sleep(12 * _HOUR)
        finally:
            tenant.passwords.remove(application, password.key_id)


async def taken(universe: Universe, random: Random) -> None:
    """Somebody removes a secret of ours by hand."""
    ours = [
        (application, password.key_id)
        for application in universe.applications
        for password in universe.listed(application.object_id)
        if str(password.display_name).startswith("rotator/")
    ]
    if not ours:
        return
    application, key_id = random.choice(ours)
    universe.write(f"somebody removes {key_id[:8]} from {application.display_name}")
    universe.taken.add(key_id)
    universe.simulation.entra.tenant.passwords.remove(application, key_id)


async def _for_a_while(
    universe: Universe, random: Random, what: str, *, on: Callable[[], None], off: Callable[[], None]
) -> None:
    with universe.hindered(what):
        on()
        try:
            await asyncio.sleep(random.choice([_HOUR, 10 * _HOUR, timedelta(days=1.5).total_seconds()]))
        finally:
            off()


def _delete(universe: Universe, application: Application) -> None:
    application.deleted_at = universe.time()


KINDS: dict[str, tuple[int, Trouble]] = {
    "lost-answers": (4, lost_answers),
    "lag": (1, lagging),
    "slow": (1, slow),
    "quota": (1, quota),
    "denied": (1, denied),
    "deleted": (1, deleted),
    "policy": (1, policy),
    "foreign": (1, foreign),
    "taken": (1, taken),
}
