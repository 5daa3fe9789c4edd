"""What would the same calls cost without an engine? The floors beside which our rotations are measured.

A rotation of ours makes two reads, one addPassword, four sign-ins and one removePassword: three sign-ins verify the new
secret, one more and the second read come with the removal of the old one. The floors make the same, and nothing else.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.benchmarks.tenant import Tenant

CONCURRENCY = 8
_SIGN_INS = 3
_FIELDS = ("id", "appId", "displayName", "createdDateTime", "signInAudience", "passwordCredentials")
#: Replaces the secret of one application, given by its position.
Cycle = Callable[[int], Awaitable[None]]


async def side_by_side(cycle: Cycle, count: int) -> None:
    """Carry a cycle out for each application, eight at once."""
    waiting = iter(range(count))

    async def work() -> None:
        for each in waiting:
            await cycle(each)

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


class Bare:
    """Floor (b): httpx and nothing else."""

    def __init__(self, where: Tenant, http: httpx.AsyncClient, token: str) -> None:
        self._where = where
        self._http = http
        self._bearer = {"Authorization": f"Bearer {token}"}
        self._held: dict[int, str] = {}

    async def cycle(self, position: int) -> None:
        """Read, add, prove; prove once more, remove the one before, read."""
        one = self._where.applications[position]
        url = f"{self._where.graph}/applications/{one['objectId']}"
        await self._read(url)
        wanted = {"passwordCredential": {"displayName": "floor", "endDateTime": _ends_at().isoformat()}}
        made = await self._post(f"{url}/addPassword", wanted)
        for _ in range(_SIGN_INS + 1):
            await sign_in(self._http, self._where, one["clientId"], made["secretText"])
        if position in self._held:
            await self._post(f"{url}/removePassword", {"keyId": self._held[position]})
        await self._read(url)
        self._held[position] = made["keyId"]

    async def _read(self, url: str) -> None:
        (await self._http.get(f"{url}?$select={','.join(_FIELDS)}", headers=self._bearer)).raise_for_status().json()

    async def _post(self, url: str, body: Mapping[str, object]) -> Any:
        answer = (await self._http.post(url, headers=self._bearer, json=body)).raise_for_status()
        return answer.json() if answer.content else None


class Sdk:
    """Floor (a): Graph by msgraph-sdk with a token of azure-identity, sign-ins by `proof`."""

    def __init__(self, where: Tenant, graph: Any, proof: Callable[[str, str], Awaitable[None]]) -> None:
        self._where = where
        self._graph = graph
        self._proof = proof
        self._held: dict[int, Any] = {}

    async def cycle(self, position: int) -> None:
        """As `Bare.cycle`."""
        from msgraph.generated.applications.item.add_password.add_password_post_request_body import (
            AddPasswordPostRequestBody,
        )
        from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import (
            RemovePasswordPostRequestBody,
        )
        from msgraph.generated.models.password_credential import PasswordCredential

        one = self._where.applications[position]
        application = self._graph.applications.by_application_id(one["objectId"])
        await self._read(application)
        wanted = PasswordCredential(display_name="floor", end_date_time=_ends_at())
        made = await application.add_password.post(AddPasswordPostRequestBody(password_credential=wanted))
        for _ in range(_SIGN_INS + 1):
            await self._proof(one["clientId"], made.secret_text)
        if position in self._held:
            await application.remove_password.post(RemovePasswordPostRequestBody(key_id=self._held[position]))
        await self._read(application)
        self._held[position] = made.key_id

    async def _read(self, application: Any) -> None:
        """By a model of the few fields, as ours: the SDK's own `Application` costs ten times as much."""
        from kiota_abstractions.base_request_configuration import RequestConfiguration
        from msgraph.generated.applications.item.application_item_request_builder import ApplicationItemRequestBuilder
        from msgraph.generated.models.o_data_errors.o_data_error import ODataError

        from rotator.entra.graph_models import ApplicationAnswer

        query = ApplicationItemRequestBuilder.ApplicationItemRequestBuilderGetQueryParameters(select=list(_FIELDS))
        info = application.to_get_request_information(RequestConfiguration(query_parameters=query))
        await self._graph.request_adapter.send_async(info, ApplicationAnswer, {"XXX": ODataError})


@asynccontextmanager
async def bare(where: Tenant) -> AsyncIterator[Bare]:
    async with client(where) as http:
        token = await sign_in(http, where, where.client_id, where.client_secret)
        yield Bare(where, http, token)


@asynccontextmanager
async def sdk(where: Tenant, *, by_identity: bool = False) -> AsyncIterator[Sdk]:
    """`by_identity`: sign in by azure-identity too; else by httpx, as our adapter does, which is quicker."""
    from azure.identity.aio import ClientSecretCredential

    async with client(where) as http, client(where) as tokens:

        async def by_httpx(client_id: str, secret: str) -> None:
            await sign_in(tokens, where, client_id, secret)

        async def by_azure(client_id: str, secret: str) -> None:
            async with _credential(where, client_id, secret) as proved:
                await proved.get_token(where.scope)

        credential: ClientSecretCredential
        async with _credential(where, where.client_id, where.client_secret) as credential:
            yield Sdk(where, _graph(where, http, credential), by_azure if by_identity else by_httpx)


async def sign_in(http: httpx.AsyncClient, where: Tenant, client_id: str, secret: str) -> str:
    """A token for that application."""
    form = {
        "client_id": client_id,
        "client_secret": secret,
        "scope": where.scope,
        "grant_type": "client_credentials",
    }
    answer = (await http.post(where.token_url, data=form)).raise_for_status()
    return str(answer.json()["access_token"])


def client(where: Tenant) -> httpx.AsyncClient:
    """As ours are: HTTP/1.1 is what the simulator speaks."""
    context = ssl.create_default_context(cafile=where.ca_file)
    return httpx.AsyncClient(verify=context, trust_env=False, timeout=httpx.Timeout(30, connect=5))


def _credential(where: Tenant, client_id: str, secret: str) -> Any:
    from azure.identity.aio import ClientSecretCredential

    return ClientSecretCredential(
        where.tenant_id,
        client_id,
        secret,
        authority=where.authority,
        disable_instance_discovery=True,
        connection_verify=where.ca_file,
        retry_total=0,
    )


def _graph(where: Tenant, http: httpx.AsyncClient, credential: Any) -> Any:
    """As Microsoft's documentation builds it, with retries off."""
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from kiota_http.middleware.options import RetryHandlerOption
    from msgraph.graph_request_adapter import GraphRequestAdapter, options
    from msgraph.graph_service_client import GraphServiceClient
    from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]

    chosen = {**options, RetryHandlerOption.get_key(): RetryHandlerOption(max_retries=0, should_retry=False)}
    GraphClientFactory.create_with_default_middleware(client=http, options=chosen)
    host = httpx.URL(where.graph).host
    provider = AzureIdentityAuthenticationProvider(credential, scopes=[where.scope], allowed_hosts=[host])
    adapter = GraphRequestAdapter(provider, http)
    adapter.base_url = where.graph
    return GraphServiceClient(request_adapter=adapter)


def _ends_at() -> datetime:
    return datetime.now(UTC) + timedelta(days=400)
