"""How does a command use the books without the engine? Beside a running daemon, or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from rotator.cli.exits import WrongUse
from rotator.errors import NoBooks

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
    try:
        store = open_books(state, make=False)
    except NoBooks as none:
        raise WrongUse(none.what, hint=none.hint) from None
    try:
        yield store
    finally:
        store.close()
    if rings and state.path is not None:
        from rotator.engine.bell import bell_of, ring

        ring(bell_of(state.path))


async def read_facts(settings: Settings, name: str = "") -> tuple[list[Facts], datetime]:
    """Everything the books know of every rotation, or of those of one name, and the database's time."""
    async with open_existing(settings) as store:
        return list(await store.facts([name] if name else None)), await store.now()
