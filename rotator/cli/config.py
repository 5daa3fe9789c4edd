"""`rotator config`: what may a configuration say, what does one look like, and is this one right?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rotator.cli.settings import Settings

app = typer.Typer(help="The configuration itself.", no_args_is_help=True, rich_markup_mode=None)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema, for editors."""
    from rotator.config import schema as made

    print(json.dumps(made(), indent=2))


@app.command("example")
def example() -> None:
    """Print a configuration with every option and its meaning."""
    from rotator.config import example as text

    sys.stdout.write(text())


@app.command("check")
def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Read the configuration and say every mistake; nothing else is touched. `rotator check` asks the tenant too."""
    settings: Settings = context.obj
    found = settings.read()
    if as_json:
        counts = {"connections": len(found.connections), "rotations": len(found.rotations)}
        print(json.dumps({**counts, "warnings": list(found.warnings)}, indent=2))
        return
    for warning in found.warnings:
        print(f"{warning} [warning]")
    print(f"{settings.path()}: {len(found.connections)} connections, {len(found.rotations)} rotations, no mistake")
