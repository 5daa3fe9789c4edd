"""`rotator secret get`: what does a mapped secret of the embedded store say now?"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.books import open_existing
from rotator.cli.exits import WrongUse
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.cli.settings import Settings
    from rotator.domain.model import Folder, Secret

app = typer.Typer(help="Mapped secrets of the embedded store.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _secret() -> None:
    """Keep `get` a command of its own though it is the only one."""


@app.command("get")
def get(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="PROJECT/ENV/PATH/NAME", help="Such as default/prod/BILLING_SECRET.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as the API shows a secret.")] = False,
) -> None:
    """Print the secret, and nothing else, on standard output."""
    from rotator.engine.hardening import harden

    harden()
    folder, name = parsed(place)
    text = asyncio.run(_read(context.obj, folder, name))
    if text is None:
        raise RotatorError(f"there is no secret {place}, or nothing has been promoted there yet")
    if as_json:
        shown = {
            "secretKey": name,
            "secretValue": text.reveal(),
            "secretPath": folder.path,
            "environment": folder.environment,
            "workspace": folder.project,
        }
        print(json.dumps({"secret": shown}, indent=2))
        return
    print(text.reveal())


def parsed(place: str) -> tuple[Folder, str]:
    """`payments/prod/team/billing/NAME`: project, environment, path and name. Raises WrongUse."""
    from rotator.domain.model import Folder

    parts = place.strip("/").split("/")
    least = 3
    if len(parts) < least or not all(parts):
        raise WrongUse(
            f"{place!r} names no secret", hint="PROJECT/ENVIRONMENT/NAME, with a path between if it has one."
        )
    return Folder(parts[0], parts[1], "/" + "/".join(parts[2:-1])), parts[-1]


async def _read(settings: Settings, folder: Folder, name: str) -> Secret | None:
    async with open_existing(settings) as store:
        return await store.mapped_text(folder, name)
