"""Who looks after an installation? A person who comes by twice a day, and does what the messages ask for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random

from rotator.domain.model import Facts
from tests.simulation import books
from tests.simulation.installation import Installation

_ROUND = timedelta(hours=12).total_seconds()


async def look_after(installation: Installation, random: Random) -> None:
    """For ever."""
    while True:
        await asyncio.sleep(_ROUND)
        if installation.jump:
            # Whoever sees a clock that is wrong sets it right before anything else.
            continue
        for facts in books.all_facts(installation.store):
            if facts.switches.retired_at is None:
                await _look(installation, facts, random)


async def _look(installation: Installation, facts: Facts, random: Random) -> None:
    if facts.rotation.requires_approval:
        await installation.store.approve(facts.rotation.id)
    if facts.switches.paused and facts.rotation.id not in installation.resting:
        # Paused when the backup was made that stands here now.
        await installation.store.resume(facts.rotation.id)
    named = {rule.name for rule in facts.rotation.destinations}
    for row in facts.deliveries:
        if row.removed and row.destination not in named:
            installation.places.place(row.destination).left = True
            await installation.ask(facts.rotation.id, "forget", to=row.destination)
    if "adopt: true" in facts.standing.message and any(not rule.adopt for rule in facts.rotation.destinations):
        # After a restore, what stands in a place may bear the mark of a rotation that the older books call otherwise.
        rules = tuple(replace(rule, adopt=True) for rule in facts.rotation.destinations)
        await installation.edit(facts.rotation.name, "takes over what is there", destinations=rules)
    if not facts.standing.hold:
        if facts.current is not None and not facts.current.has_text:
            # Adopted, and so nowhere to be healed from: it is replaced by one of our own before long.
            await installation.ask(facts.rotation.id, "rotate")
        return
    borne = {installation.places.place(rule.name).bears for rule in facts.rotation.destinations}
    keys = sorted(key for key in borne if installation.universe.is_valid(key))
    if len(keys) == 1 and random.random() < 0.5:
        installation.adopted.add(keys[0])
        await installation.ask(facts.rotation.id, "adopt", key_id=keys[0])
    else:
        await installation.ask(facts.rotation.id, "rotate")
