"""How does a test knock at the API? The real app on a real socket, with a simulated tenant behind Azure Auth."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from rotator.domain.access import Grant, Method, Note, Role, SigningKeys, TokenRule
from rotator.entra.clouds import Endpoints
from rotator.entra.signing_keys import TenantKeys
from rotator.network import Network
from rotator.simulator.server import Running
from rotator.store.access import AccessStore
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from rotator.web.audit import Audit
from rotator.web.auth.keyring import Keyring
from rotator.web.auth.minting import mint
from rotator.web.building import build
from rotator.web.limits import Limits, Rates
from rotator.web.parts import Parts
from rotator.web.server import Place, serving
from tests.fakes import ManualClock, SeededChance
from tests.web.asking import plainly

RESOURCE = "https://management.azure.com"
NODE = "node-1"
PLENTY = Rates(100_000, 100_000, 1_000_000)
NOTE = Note("test", "test")
#: Seconds; a busy machine takes its time to draw the traceback of a bug.
_PATIENCE = 60.0


class ApiClock(ManualClock):
    """Time as the test tells it; whoever waits only lets others have their turn."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Counted:
    """The tenant's keys, and how often they were asked for."""

    def __init__(self, tenants: TenantKeys) -> None:
        self._tenants = tenants
        self.asked = 0

    async def keys(self, tenant_id: str) -> SigningKeys:
        self.asked += 1
        return await self._tenants.keys(tenant_id)


@dataclass
class Door:
    """A running API and what is behind it."""

    http: httpx.AsyncClient
    store: SqlStore
    access: AccessStore
    clock: ApiClock
    address: str
    tenants: Counted
    #: Why the API says that it is not ready.
    trouble: list[str] = field(default_factory=list)
    #: What breaks when it is asked whether it is ready.
    bugs: list[Exception] = field(default_factory=list)
    admin: str = ""

    async def token(self, name: str, *grants: Grant, rule: TokenRule | None = None) -> str:
        """A token of a fresh identity."""
        made = await self.access.add_identity(f"id-{name}", name, grants=grants, note=NOTE)
        assert made is not None
        issued = mint(made.id, Method.TOKEN, rule or TokenRule(), now=self.access.now())
        await self.access.keep_token(issued.token, NOTE)
        return issued.text.reveal()

    async def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> httpx.Response:
        """As the admin unless another token is given; an empty one is none at all."""
        bearer = self.admin if token is None else token
        headers = {**({"authorization": f"Bearer {bearer}"} if bearer else {}), **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def identity(self, name: str = "machine", role: str = "reader") -> str:
        made = await self.ask("POST", "/api/v1/identities", json={"name": name, "role": role})
        assert made.status_code == 200, made.text
        return str(made.json()["identity"]["id"])

    async def azure(self, identity_id: str, **settings: object) -> httpx.Response:
        return await self.ask("POST", f"/api/v1/auth/azure-auth/identities/{identity_id}", json=settings)

    async def login(self, identity_id: str, jwt: object) -> httpx.Response:
        body = {"identityId": identity_id, "jwt": jwt}
        return await self.ask("POST", "/api/v1/auth/azure-auth/login", token="", json=body)

    async def whoami(self, token: str, **headers: str) -> httpx.Response:
        return await self.ask("GET", "/api/v1/auth/token/whoami", token=token, headers=headers)

    async def audited(self) -> list[dict[str, Any]]:
        """The newest first."""
        return [dict(each) for each in await self.access.audited(self.access.now(), 1000)]


@asynccontextmanager
async def open_door(
    folder: Path,
    running: Running | None = None,
    *,
    rates: Rates = PLENTY,
    place: Place | None = None,
    proxies: tuple[str, ...] = (),
    patience: float = 20.0,
    ca_file: str = "",
    numbers: Callable[[], Iterable[str]] | None = None,
    numbers_are_open: bool = False,
) -> AsyncIterator[Door]:
    clock = ApiClock()
    store = open_store(f"sqlite:///{folder / 'state.db'}", chance=SeededChance(), database_time=clock.now)
    access = store.access(NODE)
    trouble: list[str] = []
    bugs: list[Exception] = []

    async def ready() -> str:
        for bug in bugs:
            raise bug
        return trouble[0] if trouble else ""

    tenants = Counted(TenantKeys(lambda _: cloud_of(running), Network(environment={})))
    parts = Parts(
        access=access,
        audit=Audit(access, clock),
        limits=Limits(rates, clock.monotonic),
        keyring=Keyring(tenants, clock.monotonic),
        clock=clock,
        ready=ready,
        trusted_proxies=lambda: proxies,
        patience=patience,
        numbers=numbers,
        numbers_are_open=numbers_are_open,
    )
    try:
        async with (
            serving(build(parts), place or Place("127.0.0.1", 0), patience=patience) as address,
            _client(address, place, ca_file) as http,
        ):
            door = Door(http, store, access, clock, address, tenants, trouble, bugs)
            door.admin = await door.token("root", Grant(Role.ADMIN))
            yield door
    finally:
        store.close()


def _client(address: str, place: Place | None, ca_file: str) -> httpx.AsyncClient:
    if place is not None and place.path:
        way = httpx.AsyncHTTPTransport(uds=place.path)
        return httpx.AsyncClient(base_url="http://rotator", transport=way, trust_env=False, timeout=_PATIENCE)
    if not ca_file:
        return plainly(address, timeout=_PATIENCE)
    trust = ssl.create_default_context(cafile=ca_file)
    return httpx.AsyncClient(base_url=address, verify=trust, trust_env=False, timeout=_PATIENCE)


def cloud_of(running: Running | None) -> Endpoints:
    if running is None:
        return Endpoints("nowhere", "https://127.0.0.1:1", "https://127.0.0.1:1/v1.0", "")
    ready = running.ready
    return Endpoints("simulated", ready.authority, ready.graph, ready.scope, ready.caFile)


async def token_of_tenant(running: Running, resource: str = RESOURCE) -> str:
    """A token of the tenant's administrator, an application, over HTTPS."""
    ready = running.ready
    form = {
        "grant_type": "client_credentials",
        "client_id": ready.adminClientId,
        "client_secret": ready.adminClientSecret,
        "scope": f"{resource}/.default",
    }
    trust = ssl.create_default_context(cafile=ready.caFile)
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        answer = await http.post(f"{ready.authority}/{ready.tenantId}/oauth2/v2.0/token", data=form)
    return str(answer.json()["access_token"])


def principal_of(running: Running) -> str:
    """The object id of that application's service principal."""
    principal = running.simulation.entra.tenant.find_principal(running.ready.adminClientId)
    assert principal is not None
    return principal.object_id


def signed(running: Running, claims: Mapping[str, object]) -> str:
    """Claims signed with the tenant's own key."""
    return running.simulation.entra.tokens.signer.sign(dict(claims))
