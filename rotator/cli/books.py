"""How does a command use the books without the engine? Beside a running daemon, or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from rotator.cli.exits import WrongUse

if TYPE_CHECKING:
    from rotator.cli.settings import Settings
    from rotator.domain.model import Facts
    from rotator.store.store import SqlStore


@asynccontextmanager
async def open_existing(settings: Settings, *, rings: bool = False) -> AsyncIterator[SqlStore]:
    """The database of the configuration; `rings`: wake the daemon afterwards, if there is one.

    Raises WrongUse when there is none yet: reading makes none.
    """
    from rotator.app import open_books

    state = settings.read_state()
    path = state.path
    if path is not None and not path.exists():
        raise WrongUse(
            f"there is no state database {path} yet", hint="'rotator run' makes it; 'rotator plan' works without."
        )
    store = open_books(state)
    try:
        yield store
    finally:
        store.close()
    if rings and path is not None:
        from rotator.engine.bell import bell_of, ring

        ring(bell_of(path))


async def read_facts(settings: Settings) -> tuple[list[Facts], datetime]:
    """Everything the books know of every rotation, by name, and the database's time."""
    async with open_existing(settings) as store:
        return list(await store.facts()), await store.now()
