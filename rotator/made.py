"""How does what was made through the API join what is configured? Connections of both, under one name each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rotator.errors import ConfigError

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.domain.resources import MadeConnection
    from rotator.entra.options import AnyConnection
    from rotator.store.store import SqlStore


async def joined(store: SqlStore, configuration: Configuration) -> Mapping[str, AnyConnection]:
    """All connections by name. Raises ConfigError when the configuration names one that the API has made."""
    made = await store.resources.connections()
    if not made:
        return configuration.connections
    twice = [each.name for each in made if each.name in configuration.connections]
    if twice:
        why = "was made through the API too (another name, or delete that one)"
        raise ConfigError([f"connections: {name!r} {why}" for name in twice])
    return {**configuration.connections, **{each.name: _options(each, configuration) for each in made}}


def _options(made: MadeConnection, configuration: Configuration) -> AnyConnection:
    from rotator.config.from_api import connection_from

    try:
        return connection_from(made, configuration.clouds, configuration.api.oauth)
    except ConfigError as problem:
        where = f"connection {made.name}, made through the API"
        raise ConfigError([f"{where}: {line}" for line in problem.problems]) from None
