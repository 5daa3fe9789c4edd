"""What is configured? The YAML as frozen values, or every mistake at once, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.config.loading import Configuration, load
    from rotator.config.settings import State

__all__ = ["Configuration", "example", "load", "load_state", "schema"]


def __getattr__(name: str) -> Any:
    """The loading of everything is imported when first asked for: half of the commands need the `state` block only."""
    if name not in {"Configuration", "load"}:
        raise AttributeError(name)
    from rotator.config import loading

    return getattr(loading, name)


def load_state(path: str | Path, *, allow_literal_secrets: bool = False) -> State:
    """Where the books are, and nothing else; as `whereabouts.load_state`."""
    from rotator.config import whereabouts

    return whereabouts.load_state(path, allow_literal_secrets=allow_literal_secrets)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, the main one or an included one."""
    from rotator.config.documents import schema as made

    return made()


def example() -> str:
    """The example file: every option with its meaning, unit and default."""
    from rotator.config.documents import example as shipped

    return shipped()
