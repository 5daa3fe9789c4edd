"""How does what was made through the API join what is configured? One name each, and one writer to each place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rotator.errors import ConfigError

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.domain.model import Rotation
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


async def clashes(store: SqlStore, configured: Sequence[Rotation]) -> list[str]:
    """A line for each place that a configured rotation would write and one of the API writes already."""
    from rotator.config.from_api import places_of

    names = {each.name for each in configured}
    writers = {place: each for each in configured for place in places_of(each)}
    found: dict[str, str] = {}

    def look(other: Rotation) -> None:
        if other.api_made and other.name not in names:
            found.update(dict.fromkeys(places_of(other) & writers.keys(), other.name))

    for folder in {each.folder for each in configured}:
        await store.pass_by(folder, look)
    if any(rule.name != "embedded" for each in configured for rule in each.destinations):
        await store.pass_by(None, look)
    return [
        f"{writers[place].defined_at}: {writers[place].name}: {place} is written by {other!r} too, made through the API"
        " (each place has one writer: another name in secretsMapping, or delete that one)"
        for place, other in sorted(found.items())
    ]


def _options(made: MadeConnection, configuration: Configuration) -> AnyConnection:
    from rotator.config.from_api import connection_from

    try:
        return connection_from(made, configuration.clouds, configuration.api.oauth)
    except ConfigError as problem:
        where = f"connection {made.name}, made through the API"
        raise ConfigError([f"{where}: {line}" for line in problem.problems]) from None
