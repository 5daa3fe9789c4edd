"""How does what was made through the API join what is configured? Connections of both, under one name each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rotator.errors import ConfigError

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.entra.options import AnyConnection
    from rotator.store.store import SqlStore


async def joined(store: SqlStore, configuration: Configuration) -> Mapping[str, AnyConnection]:
    """All connections by name. Raises ConfigError when the configuration names one that the API has made."""
    made = await store.resources.connections()
    if not made:
        return configuration.connections
    from rotator.config.from_api import connection_from

    twice = [each.name for each in made if each.name in configuration.connections]
    if twice:
        why = "was made through the API too (another name, or delete that one)"
        raise ConfigError([f"connections: {name!r} {why}" for name in twice])
    clouds = configuration.clouds
    return {**configuration.connections, **{each.name: connection_from(each, clouds) for each in made}}
