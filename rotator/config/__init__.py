"""What is configured? The YAML as frozen values, or every mistake at once, one line each."""

from __future__ import annotations

from typing import Any

from rotator.config.loading import Configuration, load

__all__ = ["Configuration", "example", "load", "schema"]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, the main one or an included one."""
    from rotator.config.documents import schema as made

    return made()


def example() -> str:
    """The example file: every option with its meaning, unit and default."""
    from rotator.config.documents import example as shipped

    return shipped()
