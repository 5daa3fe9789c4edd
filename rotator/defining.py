"""How do the configured rotations come into the books? Where several nodes read files of their own, the newest win."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from rotator.domain import definition
from rotator.domain.nodes import Age, Reading
from rotator.errors import ConfigError, DefinitionsMoved
from rotator.made import clashes

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.domain.definition import Defined
    from rotator.domain.edits import Edit
    from rotator.store.store import SqlStore

#: Nodes that start together bring their definitions in one after the other.
_TRIES = 20

#: What `define` says of files that the other nodes have left behind.
LEFT_BEHIND = "nothing, for the books hold newer definitions than the files of this node"

_log = logging.getLogger("rotator.app")


async def define(store: SqlStore, configuration: Configuration) -> str:
    """Bring the configured rotations into the books; says what changed. Raises ConfigError, having changed nothing.

    Definitions that other nodes have left behind are not brought in again: only a file that has changed is news.
    """
    if configuration.unchanged:
        return "nothing"
    reading = _reading(configuration)
    if reading is not None:
        match await store.nodes.age(reading):
            case Age.IN_FORCE:
                # However many there are, none needs to be read again.
                await store.define([], reading=reading)
                return "nothing"
            case Age.OUTDATED:
                _warn(reading)
                return LEFT_BEHIND
    for _ in range(_TRIES):
        with suppress(DefinitionsMoved):
            planned = await _defined(store, configuration, reading)
            counts = Counter(type(edit).__name__.lower() for edit in planned)
            return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "nothing"
    raise DefinitionsMoved


async def is_left_behind(store: SqlStore, configuration: Configuration) -> bool:
    """Do other nodes still read newer definitions than this one?"""
    reading = _reading(configuration)
    return reading is not None and await store.nodes.age(reading) is Age.OUTDATED


async def _defined(store: SqlStore, configuration: Configuration, reading: Reading | None) -> list[Edit]:
    """Plan upon the books as they stand, and write it down if they still do. Raises DefinitionsMoved, ConfigError."""
    from rotator.domain.edits import edits

    edition, known = await store.edition(), await _known(store, configuration)
    planned, problems = await asyncio.to_thread(edits, known, configuration.rotations, await store.now(), _new_id)
    problems += await clashes(store, configuration.rotations)
    if problems:
        raise ConfigError(problems)
    await store.define(planned, files=configuration.sources, edition=edition, reading=reading)
    return planned


async def _known(store: SqlStore, configuration: Configuration) -> list[Defined]:
    """What may have to do with the files: those of the API, of which there may be very many, by their names only."""
    named = await store.definitions_named([each.name for each in configuration.rotations])
    theirs = {each.rotation.id: each for each in named}
    return list(({each.rotation.id: each for each in await store.definitions_of_files()} | theirs).values())


def _warn(reading: Reading) -> None:
    _log.warning(
        "the definitions in the files of this node (%s) are older than those in the books, which stay: "
        "bring its files into agreement with those of the other nodes",
        reading.digest[:8],
    )


def digest_of(configuration: Configuration) -> str:
    """Of the definitions that the configuration holds; nobody compares that of a file's only node."""
    return "" if configuration.state.path else definition.digest_of(configuration.rotations)


def _reading(configuration: Configuration) -> Reading | None:
    """What this node has read; by the name that it keeps when it starts again."""
    if configuration.state.path:
        return None
    return Reading(configuration.daemon.node or socket.gethostname(), digest_of(configuration))


def _new_id() -> str:
    return str(uuid4())
