"""What becomes of an issued secret that cannot be recorded? It waits, sealed, until it can, or is revoked (law L12)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from rotator.domain.kept import Kept
from rotator.engine.lease import Draining
from rotator.engine.visit import Visit
from rotator.engine.world import World
from rotator.errors import LeaseLost, RotatorError, StoreError
from rotator.ports import Listed

_AGAIN_AFTER = 1.0
#: An answer of the books that takes longer than so many seconds may never come.
_PATIENCE = 10.0

_log = structlog.get_logger("rotator.spool")


async def record(visit: Visit, kept: Kept) -> None:
    """Record what was noted of an issue; while the books refuse it waits in memory and in a file of this machine.

    Raises LeaseLost, with the credential revoked, when another node has taken over; Draining when the daemon is to
    stop and the file is written.
    """
    in_file = False
    while True:
        try:
            in_file = await _committed(visit, kept, in_file=in_file)
        except LeaseLost:
            await _outdated(visit.world, kept)
            await revoke_outdated(visit.world, kept)
            raise
        except StoreError as problem:
            in_file = in_file or await _kept(visit, kept, str(problem))
            if in_file and visit.world.memory.draining.is_set():
                raise Draining from None
            await visit.world.clock.sleep(_AGAIN_AFTER)
        else:
            break
    if in_file:
        await visit.world.spool.drop(kept.key_id)
        _log.info("the issued secret is recorded", rotation=visit.rotation.name, key_id=kept.key_id)


async def take_up(world: World) -> None:
    """Record what earlier lives could not, where nobody has acted since; the rest is only to be revoked.

    To be called before anything is claimed. What the books cannot take yet stays where it is.
    """
    for kept in await world.spool.left():
        try:
            await _taken_up(world, kept)
        except StoreError as problem:
            _log.warning("an issued secret still waits to be recorded", key_id=kept.key_id, problem=str(problem))
        except Exception:  # noqa: BLE001 - told loudly; one file must not keep the daemon from starting
            _log.exception("an issued secret cannot be recorded", key_id=kept.key_id)


async def clean_up(world: World) -> None:
    """Take up what is left, and revoke what is not to be recorded any more."""
    await take_up(world)
    for kept in await world.spool.left():
        if kept.stale:
            await revoke_outdated(world, kept)


async def revoke_outdated(world: World, kept: Kept) -> None:
    """Revoke the credential by its key id, unless it may be in use; what fails is tried again by `clean_up`.

    Should the file be lost too, a survey finds the credential by its display name.
    """
    try:
        if await _may_be_revoked(world, kept):
            directory = await world.directories.open(kept.connection)
            await directory.remove_password(kept.credential.application.object_id, kept.key_id)
            _log.warning("a secret that could not be recorded in time is revoked", key_id=kept.key_id)
        await world.spool.drop(kept.key_id)
    except RotatorError as problem:
        _log.warning("a secret that could not be recorded is to be revoked", key_id=kept.key_id, problem=str(problem))


async def _committed(visit: Visit, kept: Kept, *, in_file: bool) -> bool:
    """Commit; while books that neither take nor refuse it keep us waiting it is kept in a file, if it is not yet."""
    committing = asyncio.ensure_future(visit.commit())
    patience = asyncio.ensure_future(visit.world.clock.sleep(_PATIENCE))
    try:
        await asyncio.wait({committing, patience}, return_when=asyncio.FIRST_COMPLETED)
        if not (committing.done() or in_file):
            in_file = await _kept(visit, kept, "the database keeps us waiting")
        await committing
    finally:
        patience.cancel()
        committing.cancel()
    return in_file


async def _kept(visit: Visit, kept: Kept, problem: str) -> bool:
    said = {"rotation": visit.rotation.name, "key_id": kept.key_id, "problem": problem}
    try:
        await visit.world.spool.keep(kept)
    except StoreError as refused:
        _log.warning("an issued secret waits in memory alone to be recorded", file=str(refused), **said)
        return False
    _log.warning("an issued secret waits in a sealed file to be recorded", **said)
    return True


async def _taken_up(world: World, kept: Kept) -> None:
    if kept.stale:
        return
    known = await world.store.recognise(kept.credential.application, [_listed(kept)])
    if kept.key_id in known.ledger:
        # The answer to the commit was lost, not the commit.
        await world.spool.drop(kept.key_id)
        return
    try:
        await world.store.look(kept.credential.rotation_id)
        await world.store.write(kept.lease, kept.changes, ttl=world.pace.lease, release=True)
    except (LeaseLost, KeyError):
        await _outdated(world, kept)
        return
    await world.spool.drop(kept.key_id)
    _log.info("a secret that an earlier life could not record is recorded", key_id=kept.key_id)


async def _outdated(world: World, kept: Kept) -> None:
    """Somebody else has acted since: the text is of no use to anybody."""
    try:
        await world.spool.keep(replace(kept, text=None, stale=True))
    except StoreError:
        await world.spool.drop(kept.key_id)


async def _may_be_revoked(world: World, kept: Kept) -> bool:
    """Not what the books know, and not what a destination bears: they may be an older copy (law L16)."""
    known = await world.store.recognise(kept.credential.application, [_listed(kept)])
    intent = known.intents.get(kept.intent.display_name)
    if kept.key_id in known.ledger or intent is None or intent.outcome:
        return False
    try:
        facts, _ = await world.store.look(kept.credential.rotation_id)
    except KeyError:
        return True
    for rule in facts.rotation.destinations:
        destination = world.destinations.open(facts.rotation, rule)
        try:
            placed = await destination.read()
        finally:
            await destination.close()
        if placed is not None and placed.marker is not None and placed.marker.key_id == kept.key_id:
            return False
    return True


def _listed(kept: Kept) -> Listed:
    return Listed(kept.key_id, kept.intent.display_name, None, None)
