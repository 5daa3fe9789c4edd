"""`rotator identity`: who may call the API? Made on this host, by whoever may open the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from rotator.cli.books import open_existing
from rotator.cli.exits import WrongUse
from rotator.cli.noted import audit_of, note

if TYPE_CHECKING:
    from rotator.cli.settings import Settings
    from rotator.domain.access import Identity, Method, Note, SignIn
    from rotator.store.access import AccessStore

app = typer.Typer(help="Machines that may call the API.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Which identity.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
_ROLES = ("admin", "operator", "reader")
_LONGEST_NAME = 64


@app.command("create")
def create(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[str, typer.Option(metavar="ROLE", help=" | ".join(_ROLES))],
    project: Annotated[str, typer.Option(help="Only in that project; default: everywhere.")] = "",
    environment: Annotated[str, typer.Option(help="Only in that environment of the project.")] = "",
    path: Annotated[str, typer.Option(help="Only in that path and below.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an identity. It can do nothing until it has a token or a way to sign in."""
    if role not in _ROLES:
        raise WrongUse(f"there is no role {role!r}", hint=f"There is: {', '.join(_ROLES)}.")
    if (environment and not project) or (path and not environment):
        raise WrongUse("a path needs --environment, and an environment --project")
    if path and not path.startswith("/"):
        raise WrongUse(f"the path {path!r} does not begin with '/'")
    if not 0 < len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        raise WrongUse(f"a name has 1 to {_LONGEST_NAME} characters")
    identity_id = asyncio.run(_create(context.obj, name.strip(), (role, project, environment, path)))
    shown = {"id": identity_id, "name": name.strip(), "role": role}
    print(json.dumps({"identity": shown}) if as_json else f"{name}: {identity_id}")


@app.command("list")
def every(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all identities."""
    found = asyncio.run(_every(context.obj))
    if as_json:
        print(json.dumps({"identities": [_shown(each) for each in found]}, indent=2))
        return
    for each in found:
        print(f"{each.name}  {each.id}  {', '.join(_grants(each))}")


@app.command("delete")
def delete(context: typer.Context, name: Name) -> None:
    """Take an identity away, with its tokens and its ways to sign in."""
    asyncio.run(_delete(context.obj, name))
    print(f"{name}: deleted")


@app.command("token")
def token(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Make an access token for 30 days, and print it, and nothing else. It is shown once."""
    text = asyncio.run(_token(context.obj, name))
    print(json.dumps({"accessToken": text, "tokenType": "Bearer"}) if as_json else text)


@app.command("universal-auth")
def universal_auth(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Make a client id and a client secret to sign in with. The secret is shown once."""
    client_id, secret = asyncio.run(_universal(context.obj, name))
    shown = {"clientId": client_id, "clientSecret": secret}
    print(json.dumps(shown) if as_json else f"client id      {client_id}\nclient secret  {secret}")


@app.command("azure-auth")
def azure_auth(
    context: typer.Context,
    name: Name,
    *,
    tenant: Annotated[str, typer.Option(help="The id of the tenant.")],
    resource: Annotated[str, typer.Option(help="The audience of its tokens, such as https://management.azure.com.")],
    allow: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Object id or client id of who may sign in (repeatable).")
    ] = None,
) -> None:
    """Let machines of a tenant sign in as the identity with their own tokens."""
    if not allow:
        raise WrongUse("nobody could sign in", hint="Name at least one principal with --allow ID.")
    asyncio.run(_azure(context.obj, name, (tenant, resource, allow)))
    print(f"{name}: {len(allow)} principal{'s' if len(allow) > 1 else ''} of {tenant} may sign in")


@dataclass(frozen=True, slots=True)
class _Books:
    """The books of the API, and who writes in them."""

    access: AccessStore

    def note(self, kind: str, **facts: object) -> Note:
        return note(kind, **facts)

    async def identity(self, name: str) -> Identity:
        found = await self.access.identity(name)
        if found is None:
            raise WrongUse(f"there is no identity {name!r}", hint="'rotator identity list' shows them.")
        return found


@asynccontextmanager
async def _books(settings: Settings) -> AsyncIterator[_Books]:
    from rotator.engine.hardening import harden

    harden()
    async with open_existing(settings) as store:
        yield _Books(audit_of(store))


async def _create(settings: Settings, name: str, grant: tuple[str, str, str, str]) -> str:
    from rotator.domain.access import Grant, Role

    role, *place = grant
    async with _books(settings) as books:
        note = books.note("identity.create", identity=name, grants=[" ".join(filter(None, grant))])
        made = await books.access.add_identity(str(uuid4()), name, grants=[Grant(Role(role), *place)], note=note)
    if made is None:
        raise WrongUse(f"there is an identity {name!r} already")
    return made.id


async def _every(settings: Settings) -> Sequence[Identity]:
    async with _books(settings) as books:
        return await books.access.all_identities()


async def _delete(settings: Settings, name: str) -> None:
    async with _books(settings) as books:
        identity = await books.identity(name)
        await books.access.remove_identity(identity.id, books.note("identity.delete", identity=identity.name))


async def _token(settings: Settings, name: str) -> str:
    from rotator.domain.access import Method, TokenRule
    from rotator.web.auth.minting import mint

    async with _books(settings) as books:
        identity = await books.identity(name)
        issued = mint(identity.id, Method.TOKEN, TokenRule(max_ttl=timedelta(0)), now=books.access.now())
        note = books.note("token.create", identity=identity.name, accessTokenId=issued.token.id)
        await books.access.keep_token(issued.token, note)
        return issued.text.reveal()


async def _universal(settings: Settings, name: str) -> tuple[str, str]:
    from rotator.domain.access import EVERYWHERE, Method
    from rotator.web.auth.minting import mint_secret

    async with _books(settings) as books:
        identity = await books.identity(name)
        known = await books.access.sign_in(Method.UNIVERSAL, identity=identity.id)
        if known is None:
            facts = {"clientSecretTrustedIps": list(EVERYWHERE)}
            known = _sign_in(books, identity, Method.UNIVERSAL, handle=str(uuid4()), **facts)
            await books.access.attach(known, books.note("universal-auth.attach", identity=identity.name))
        text, secret = mint_secret(identity.id, now=books.access.now(), description="made on the host")
        note = books.note("client-secret.create", identity=identity.name, clientSecretId=secret.id)
        await books.access.keep_secret(secret, note)
        return known.handle, text.reveal()


async def _azure(settings: Settings, name: str, wanted: tuple[str, str, Sequence[str]]) -> None:
    from rotator.domain.access import Method

    tenant, resource, allow = wanted
    facts = {
        "tenantId": _tenant(tenant),
        "resource": resource,
        "allowedServicePrincipalIds": ",".join(dict.fromkeys(each.strip().lower() for each in allow)),
        "allowAnyPrincipal": False,
    }
    async with _books(settings) as books:
        identity = await books.identity(name)
        made = _sign_in(books, identity, Method.AZURE, handle=identity.id, **facts)
        if not await books.access.attach(made, books.note("azure-auth.attach", identity=identity.name, **facts)):
            raise WrongUse(f"{name} has Azure Auth already", hint="Change it over the API, with PATCH.")


def _tenant(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise WrongUse(f"{text!r} is not the id of a tenant", hint="It is a UUID.") from None


def _sign_in(books: _Books, identity: Identity, method: Method, *, handle: str, **facts: object) -> SignIn:
    from rotator.domain.access import SignIn, TokenRule

    now = books.access.now()
    return SignIn(str(uuid4()), identity.id, method, TokenRule(), now, now, handle=handle, facts=facts)


def _shown(identity: Identity) -> dict[str, object]:
    return {"id": identity.id, "name": identity.name, "grants": _grants(identity)}


def _grants(identity: Identity) -> list[str]:
    return [
        " ".join(filter(None, (each.role.value, each.project, each.environment, each.path))) for each in identity.grants
    ]
