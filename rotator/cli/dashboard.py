"""`rotator dashboard`: how does a person get in? By a link made on this host, by whoever may open the database."""

from __future__ import annotations

import asyncio
import socket
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from rotator.cli.books import open_existing
from rotator.cli.exits import WrongUse
from rotator.cli.noted import audit_of, note

if TYPE_CHECKING:
    from rotator.cli.settings import Settings
    from rotator.config.api import Api
    from rotator.domain.access import Identity
    from rotator.domain.secret import Secret
    from rotator.store.access import AccessStore

app = typer.Typer(help="Pages for people.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Which identity; default: dashboard, an admin of everything.")
]


@app.command("link")
def link(
    context: typer.Context,
    *,
    name: Name = "",
    address: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where browsers reach the daemon; default: dashboard.address, else api.listen."
        ),
    ] = "",
) -> None:
    """Print a link that signs a browser in once, within ten minutes, for eight hours."""
    if find_spec("jinja2") is None:
        raise WrongUse("the dashboard is not installed", hint="Install entra-rotator[dashboard].")
    base = address.rstrip("/") if address else _address(context.obj)
    if urlsplit(base).scheme not in {"http", "https"} or not urlsplit(base).netloc:
        raise WrongUse(f"{address!r} is no address of a page", hint="Such as https://rotator.example.com.")
    print(opened_by(base, asyncio.run(_link(context.obj, name))))


@app.command("sign-out")
def sign_out(context: typer.Context, *, name: Name = "") -> None:
    """End all sessions and links of an identity now."""
    known = asyncio.run(_sign_out(context.obj, name))
    print(f"{known}: signed out")


def _address(settings: Settings) -> str:
    """Where a browser on this host, or on the network that is listened to, reaches the daemon."""
    configuration = settings.read()
    api = configuration.api
    if api.is_off:
        raise WrongUse("api.listen is off, and the dashboard with it", hint="Set api.listen, and restart the daemon.")
    if configuration.dashboard.address:
        return configuration.dashboard.address
    if api.socket or not api.port or api.behind_proxy:
        raise WrongUse(
            f"browsers do not reach {api.listen} as such", hint="Name it in dashboard.address, or with --address URL."
        )
    return f"{'https' if api.tls else 'http'}://{_host(api)}:{api.port}"


def _host(api: Api) -> str:
    host = socket.getfqdn() if api.host in {"0.0.0.0", "::"} else api.host  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def opened_by(base: str, link: str) -> str:
    """The address that a browser opens."""
    return f"{base}/sign-in?link={link}"


async def _link(settings: Settings, name: str) -> str:
    from rotator.engine.hardening import harden

    harden()
    async with open_existing(settings) as store:
        return (await fresh_link(audit_of(store), name)).reveal()


async def fresh_link(access: AccessStore, name: str = "") -> Secret:
    """What a link says that signs in one browser as the identity of that name; by default the usual one."""
    from rotator.domain.access import Method
    from rotator.web.dashboard import sessions

    identity = await _identity(access, name)
    issued = sessions.made(Method.LINK, identity, access.now())
    row = note("dashboard.link", identity=identity.name, accessTokenId=issued.token.id)
    await access.keep_token(issued.token, row)
    return issued.text


async def _sign_out(settings: Settings, name: str) -> str:
    from rotator.web.dashboard.sessions import IDENTITY, METHODS

    async with open_existing(settings) as store:
        access = audit_of(store)
        identity = await _known(access, name or IDENTITY)
        for method in METHODS:
            row = note("dashboard.sign-out", identity=identity.name, method=method.value)
            await access.revoke_tokens(identity.id, method, row)
        return identity.name


async def _identity(access: AccessStore, name: str) -> Identity:
    """The one of that name; without a name the usual one, made when there is none."""
    from uuid import uuid4

    from rotator.domain.access import Grant, Role
    from rotator.web.dashboard.sessions import IDENTITY

    if name or await access.identity(IDENTITY):
        return await _known(access, name or IDENTITY)
    row = note("identity.create", identity=IDENTITY, grants=[Role.ADMIN.value])
    made = await access.add_identity(str(uuid4()), IDENTITY, grants=[Grant(Role.ADMIN)], note=row)
    return made or await _known(access, IDENTITY)


async def _known(access: AccessStore, name: str) -> Identity:
    found = await access.identity(name)
    if found is None:
        raise WrongUse(f"there is no identity {name!r}", hint="'rotator identity list' shows them.")
    return found
