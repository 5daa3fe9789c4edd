"""What is at a destination, is it ours, and how do we put a credential there?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from rotator.domain.model import Application, Credential, Delivery, DestinationRule, Secret
from rotator.engine.visit import Visit
from rotator.errors import DestinationUnavailable, NotOurs, RotatorError
from rotator.ports import Destination, Parcel, Placed


async def inspect(visit: Visit, rule: DestinationRule, *, check: bool = False) -> Placed | None:
    """Read a destination; `check` also asks whether we may write. Raises NotOurs for what we may not replace."""
    async with _opened(visit, rule) as destination:
        if check:
            await destination.check()
        return await _read_ours(visit, rule, destination)


async def bears(visit: Visit, rule: DestinationRule) -> str:
    """The key id of ours that stands there now, or empty. Raises DestinationError when it cannot be read."""
    return key_at(visit, await look(visit, rule))


async def look(visit: Visit, rule: DestinationRule) -> Placed | None:
    """What is there, whoever put it there. Raises DestinationError when it cannot be read."""
    async with _opened(visit, rule) as destination:
        return await destination.read()


def key_at(visit: Visit, placed: Placed | None) -> str:
    """The key id of ours that it bears, or empty."""
    if placed is None or placed.marker is None or placed.marker.installation != visit.world.store.installation:
        return ""
    return placed.marker.key_id


async def place(
    visit: Visit, rule: DestinationRule, credential: Credential, text: Secret, *, again: bool = False
) -> Delivery:
    """Make a destination bear the credential and read it back; returns the row for it. Raises DestinationError.

    `again`: a person asks for it to be written though it stands; a place that can tell changes nothing then.
    """
    async with _opened(visit, rule) as destination:
        before = await _read_ours(visit, rule, destination)
        known = visit.facts.delivery(rule.name)
        if again or not stands(before, credential, known):
            await visit.hold.ensure(visit.patience(rule))
            visit.touched.add(rule.name)
            await destination.write(_parcel(visit, credential, text), over=before)
            before = await destination.read()
        if before is None or before.marker is None or before.marker.key_id != credential.key_id:
            raise DestinationUnavailable(rule.name, "read back", "it does not show what was just written")
    return Delivery(
        visit.rotation.id,
        rule.name,
        rule.kind,
        key_id=credential.key_id,
        version=before.version,
        token=before.marker.token,
        delivered_at=visit.now,
        read_at=visit.now,
    )


async def clear(visit: Visit, rule: DestinationRule) -> None:
    """Take our names out of a destination, if what is there is ours. Raises DestinationError."""
    async with _opened(visit, rule) as destination:
        placed = await destination.read()
        marker = placed.marker if placed is not None else None
        if placed is not None and marker is not None and marker.rotation_id == visit.rotation.id:
            await destination.remove(over=placed)


def missed(visit: Visit, rule: DestinationRule, problem: RotatorError) -> Delivery:
    """The row that says a destination could not be served, and when it is tried again."""
    known = visit.facts.delivery(rule.name) or Delivery(visit.rotation.id, rule.name, rule.kind)
    wait = visit.later(known.failures + 1)
    asked = getattr(problem, "retry_after", None)
    return replace(
        known, failures=known.failures + 1, retry_at=visit.now + max(wait, asked or wait), message=str(problem)
    )


def stands(placed: Placed | None, credential: Credential, known: Delivery | None) -> bool:
    """It bears the key id, and is as we left it: a text put back by hand keeps our mark but not its version."""
    if placed is None or placed.marker is None or placed.marker.key_id != credential.key_id:
        return False
    return known is not None and known.key_id == credential.key_id and known.version == placed.version


async def _read_ours(visit: Visit, rule: DestinationRule, destination: Destination) -> Placed | None:
    placed = await destination.read()
    if placed is None:
        return None
    marker = placed.marker
    ours = marker is not None and marker.installation == visit.world.store.installation
    if not (ours and marker is not None and marker.rotation_id == visit.rotation.id) and not rule.adopt:
        raise NotOurs(
            rule.name,
            "read",
            "something is there that this rotation did not put there",
            hint="Move it away, or take it over with 'adopt: true' at this destination",
        )
    if ours and marker is not None and marker.token >= visit.hold.token:
        await visit.hold.outrank(marker.token)
    return placed


def _parcel(visit: Visit, credential: Credential, text: Secret) -> Parcel:
    application: Application = credential.application
    return Parcel(
        marker=visit.marker(credential.key_id),
        client_id=application.client_id,
        tenant_id=application.tenant_id,
        expires_at=credential.expires_at,
        secret=text,
        attempt_id=credential.attempt_id,
        rotation_name=visit.rotation.name,
    )


@asynccontextmanager
async def _opened(visit: Visit, rule: DestinationRule) -> AsyncIterator[Destination]:
    await visit.hold.ensure(visit.patience(rule))
    destination = visit.world.destinations.open(visit.rotation, rule)
    try:
        yield destination
    finally:
        await destination.close()
