"""How does what was made through the API join what is configured? One name each, and one writer to each place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rotator.errors import ConfigError

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.domain.definition import Defined
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


def clashes(known: Sequence[Defined], configured: Sequence[Rotation]) -> list[str]:
    """A line for each place that a configured rotation would write and one of the API writes already."""
    names = {each.name for each in configured}
    theirs = [each.rotation for each in known if _is_apis(each) and each.rotation.name not in names]
    if not theirs:
        return []
    from rotator.config.from_api import places_of

    writers = {place: each.name for each in theirs for place in places_of(each)}
    return [
        f"{each.defined_at}: {each.name}: {place} is written by {writers[place]!r} too, made through the API"
        " (each place has one writer: another name in secretsMapping, or delete that one)"
        for each in configured
        for place in sorted(places_of(each) & writers.keys())
    ]


def _is_apis(defined: Defined) -> bool:
    return defined.rotation.api_made and defined.switches.retired_at is None


def _options(made: MadeConnection, configuration: Configuration) -> AnyConnection:
    from rotator.config.from_api import connection_from

    try:
        return connection_from(made, configuration.clouds, configuration.api.oauth)
    except ConfigError as problem:
        where = f"connection {made.name}, made through the API"
        raise ConfigError([f"{where}: {line}" for line in problem.problems]) from None
