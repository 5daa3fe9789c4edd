"""What does a simulated person define? Seeded rotations: long and short, with one place or more, adopted or anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from rotator.domain.lifetime import least_lifetime, margin
from rotator.domain.model import Application, DestinationRule, Initial, OnDrift, Rotation, Schedule, VerifyRule
from rotator.simulator.model import Application as Registered
from tests.simulation.installation import Installation
from tests.simulation.places import Content
from tests.simulation.universe import CONNECTION

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
INTERVALS = (3, 5, 7, 14)
#: Where only two secrets fit: sooner and later than `minOverlap`.
_SHORT_INTERVALS = (1, 2, 3, 7)
_MIN_OVERLAPS = (24 * _HOUR, 24 * _HOUR, 6 * _HOUR)
_MIN_OVERLAPS_OF_TWO = (24 * _HOUR, 36 * _HOUR, 60 * _HOUR)


def a_rule(installation: Installation, target: Registered, name: str, random: Random) -> Rotation:
    """A seeded definition on that application, with places of its own."""
    days = random.choice(_SHORT_INTERVALS if target.personal else INTERVALS)
    overlap = random.choice([None, None, 48 * _HOUR, 0 * _HOUR, 24 * _HOUR])
    plain = Rotation(
        id="",
        name=name,
        connection=CONNECTION,
        application=_application(installation, target, random),
        schedule=_schedule(days, random),
        lifetime=timedelta(),
        margin=timedelta(),
        overlap=overlap,
        min_overlap=random.choice(_MIN_OVERLAPS_OF_TWO if target.personal else _MIN_OVERLAPS),
        verify=VerifyRule(
            successes=random.choice([1, 2, 3]), interval=timedelta(seconds=5), deadline=timedelta(minutes=15)
        ),
        destinations=_destinations(name, random),
        initial=random.choice([Initial.ROTATE] * 7 + [Initial.WAIT]),
        requires_approval=random.random() < 0.05,
    )
    timed = with_interval(plain, plain.schedule)
    return replace(timed, lifetime=timed.lifetime + random.choice([0, 0, 10]) * _DAY)


def with_interval(rotation: Rotation, schedule: Schedule) -> Rotation:
    """The same with another schedule, and the spans that follow from it."""
    interval = schedule.interval * _DAY
    slack = margin(interval)
    return replace(
        rotation,
        schedule=schedule,
        lifetime=least_lifetime(interval, rotation.overlap),
        margin=slack,
        renew_before=slack / 2,
    )


def another_schedule(rotation: Rotation, random: Random) -> Schedule:
    """What a person might change it to."""
    return _schedule(random.choice(INTERVALS), random, rotation.schedule.zone)


def a_destination(name: str, number: int, random: Random) -> DestinationRule:
    """One more place for the rotation of that name."""
    required = number == 1 or random.random() < 0.7
    on_drift = OnDrift.REPORT if not required and random.random() < 0.2 else OnDrift.HEAL
    place = f"{name}.place-{number}"
    return DestinationRule(place, "place", required=required, order=random.choice([0, 0, 1]), on_drift=on_drift)


def adopting(installation: Installation, rotation: Rotation, target: Registered, random: Random) -> Rotation:
    """The same, for an application in use: with a key made by hand, which stands in every place already."""
    content = by_hand(installation, target, random)
    for rule in rotation.destinations:
        installation.places.place(rule.name).put(content)
    rules = tuple(replace(rule, adopt=True) for rule in rotation.destinations)
    return replace(rotation, initial=Initial.ADOPT, adopt_key_id=content.key_id, destinations=rules)


def by_hand(installation: Installation, target: Registered, random: Random) -> Content:
    """Somebody makes a key in the portal; the installation may be told to take it as its own."""
    universe = installation.universe
    expires_at = universe.time() + random.choice([12, 30, 90]) * _DAY
    passwords = universe.simulation.entra.tenant.passwords
    password, text = passwords.add(target, display_name="made by hand", expires_at=expires_at)
    installation.adopted.add(password.key_id)
    return Content(password.key_id, text, expires_at)


def _application(installation: Installation, target: Registered, random: Random) -> Application:
    tenant = installation.universe.simulation.entra.tenant.tenant_id
    known = random.random() < 0.8
    return Application(tenant, target.object_id if known else "", target.client_id, target.display_name)


def _schedule(days: int, random: Random, zone: str = "") -> Schedule:
    return Schedule(days, random.randrange(24), random.randrange(60), zone or random.choice(["UTC", "Europe/Oslo"]))


def _destinations(name: str, random: Random) -> tuple[DestinationRule, ...]:
    return tuple(a_destination(name, number, random) for number in range(1, random.choice([1, 1, 2, 3]) + 1))
