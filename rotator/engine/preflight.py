"""What could refuse this rotation? Asked before anything is touched, so that nothing is issued in vain."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from rotator.domain.lifetime import allowed_lifetime, longest_interval
from rotator.domain.model import Application, DestinationRule, Mode
from rotator.engine import places
from rotator.engine.room import make_room
from rotator.engine.survey import survey
from rotator.engine.visit import Visit
from rotator.errors import DestinationUnavailable, PolicyRefused, RequestRefused
from rotator.ports import Registration


async def examine(visit: Visit) -> timedelta:
    """Return the lifetime the new credential shall have. Raises RotatorError naming what refuses and what to do."""
    registration = await survey(visit)
    visit.resolved(registration.application)
    guard_own_credential(visit)
    if visit.facts.standing.hold:
        raise RequestRefused("preflight", visit.facts.standing.message, code=visit.facts.standing.hold)
    _same_application(visit.application, registration)
    lifetime = await _lifetime(visit)
    await make_room(visit, registration)
    await _places(visit)
    return lifetime


def guard_own_credential(visit: Visit) -> None:
    """Law L15: a rotation may not end the secret its own connection signs in with, unless declared as that."""
    rotation, connection = visit.rotation, visit.connection
    if rotation.own_connection or not connection.client_id:
        return
    if connection.client_id.lower() == visit.application.client_id.lower():
        raise RequestRefused(
            "preflight",
            f"'{rotation.name}' aims at the application that connection '{connection.name}' signs in with",
            hint=f"Set isAutoRotationEnabled on connection '{connection.name}' instead, or use another connection",
        )


def _same_application(ours: Application, registration: Registration) -> None:
    found = registration.application
    if ours.client_id and ours.client_id.lower() != found.client_id.lower():
        raise RequestRefused(
            "preflight",
            f"object id {found.object_id} belongs to client id {found.client_id}, not {ours.client_id}",
            hint="Correct parameters.objectId or parameters.clientId; one of them is enough",
        )


async def _lifetime(visit: Visit) -> timedelta:
    rotation = visit.rotation
    directory = await visit.directory()
    cap = await directory.longest_lifetime(visit.application.object_id)
    visit.heard(directory)
    allowed = allowed_lifetime(rotation, cap)
    if allowed is None:
        days = longest_interval(rotation, cap or timedelta())
        raise PolicyRefused(
            "preflight",
            f"the tenant's policy allows secrets of at most {(cap or timedelta()).days} days, "
            "too short for interval, overlap and margin",
            hint=f"Lower rotationInterval to {days} or less"
            if days
            else "Ask for an exemption from the app management policy",
        )
    return allowed


async def _places(visit: Visit) -> None:
    """All at once, for each may take its time; of several that refuse the first of the definition is told."""
    rules = visit.rotation.destinations
    for problem in await asyncio.gather(*(_inspect(visit, rule) for rule in rules), return_exceptions=True):
        if isinstance(problem, BaseException):
            raise problem


async def _inspect(visit: Visit, rule: DestinationRule) -> None:
    try:
        await places.inspect(visit, rule, check=True)
    except DestinationUnavailable:
        if rule.required and not _pressing(visit, rule):
            raise


def _pressing(visit: Visit, rule: DestinationRule) -> bool:
    """Waiting for a dead destination would be worse than going on without it."""
    facts, attempt = visit.facts, visit.facts.attempt
    if attempt is not None and (attempt.mode is Mode.COMPROMISED or rule.name in attempt.accept_outage):
        return True
    near = facts.current is not None and facts.current.expires_at - visit.now < visit.rotation.urgent_before
    return near or facts.standing.current_lost
