"""Where do rotations live in a test of the API? A whole daemon in this process, and a tenant over HTTPS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml

from rotator.app import Engine, open_engine
from rotator.config import load
from rotator.domain.access import Grant, Method, Note, Role, TokenRule
from rotator.engine.scheduler import Scheduler
from rotator.serving import api_of, node_of
from rotator.simulator.model import Application
from rotator.simulator.server import Running
from rotator.web.auth.minting import mint
from tests.consent import BACK
from tests.web.asking import plainly

ROTATIONS = "/api/v2/secret-rotations/azure-client-secret"
CONNECTIONS = "/api/v1/app-connections/azure-client-secrets"
RAW = "/api/v3/secrets/raw"
QUICK = {"successes": 1, "interval": "0s"}


@dataclass
class House:
    """A running daemon, and the way in."""

    engine: Engine
    running: Running
    http: httpx.AsyncClient
    address: str
    admin: str = ""

    async def token(self, *grants: Grant) -> str:
        """A token of a fresh identity."""
        access = self.engine.store.access(node_of(self.engine.configuration))
        note = Note("test", "test")
        made = await access.add_identity(str(uuid4()), f"machine-{uuid4()}", grants=grants, note=note)
        assert made is not None
        issued = mint(made.id, Method.TOKEN, TokenRule(), now=access.now())
        await access.keep_token(issued.token, note)
        return issued.text.reveal()

    async def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> httpx.Response:
        """As the admin unless another token is given."""
        headers = {"authorization": f"Bearer {self.admin if token is None else token}", **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, path: str, **query: Any) -> Any:
        """The body of a good answer."""
        answer = await self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = await self.ask("POST", path, json=body) if body is not None else await self.ask("POST", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def application(self, n: int = 0) -> Application:
        return self.running.simulation.population.applications[n]

    def connection_body(self, **changes: Any) -> dict[str, Any]:
        population = self.running.simulation.population
        credentials = {
            "tenantId": self.running.ready.tenantId,
            "clientId": population.admin.client_id,
            "clientSecret": population.admin_secret,
        }
        plain = {"name": "fabrikam", "method": "client-secret", "cloud": "simulated", "credentials": credentials}
        return {**plain, **changes}

    async def connection(self, **changes: Any) -> dict[str, Any]:
        made = await self.post(CONNECTIONS, self.connection_body(**changes))
        connection: dict[str, Any] = made["appConnection"]
        return connection

    def rotation_body(self, connection_id: str, **changes: Any) -> dict[str, Any]:
        app = self.application()
        plain = {
            "name": "billing-api",
            "projectId": "payments",
            "description": "For bills",
            "connectionId": connection_id,
            "environment": "prod",
            "secretPath": "/",
            "isAutoRotationEnabled": True,
            "rotationInterval": 30,
            "rotateAtUtc": {"hours": 2, "minutes": 30},
            "parameters": {"objectId": app.object_id, "clientId": app.client_id, "appName": "Billing"},
            "secretsMapping": {"clientId": "BILLING_ID", "clientSecret": "BILLING_SECRET"},
            "verify": QUICK,
        }
        return {**plain, **changes}

    async def rotation(self, **changes: Any) -> dict[str, Any]:
        """A rotation on a fresh connection, after its first attempt."""
        connection = await self.connection()
        made = await self.post(ROTATIONS, self.rotation_body(connection["id"], **changes))
        rotation: dict[str, Any] = made["secretRotation"]
        return rotation

    def living(self, n: int = 0) -> list[str]:
        """Key ids that sign in at that application, in truth."""
        found = self.application(n).object_id
        truth = next(each for each in self.running.simulation.entra.tenant.truth() if each["objectId"] == found)
        return [each["keyId"] for each in truth["credentials"] if each["signsIn"]]

    async def at_rest(self, n: int) -> None:
        """Return when that application has its first secret, and the daemon has nothing under way."""
        living: list[str] = []
        while not living:
            await asyncio.sleep(0.02)
            living = self.living(n)
        await self.engine.dispatcher.settle()


@asynccontextmanager
async def open_house(
    folder: Path, running: Running, *, document: Mapping[str, Any] | None = None
) -> AsyncIterator[House]:
    """`document` is added to the configuration."""
    ready = running.ready
    cloud = {"authority": ready.authority, "graph": ready.graph, "scope": ready.scope, "caFile": ready.caFile}
    whole = {
        "state": {"url": f"sqlite:///{folder / 'state.db'}"},
        "clouds": {"simulated": cloud},
        **(document or {}),
        "api": {
            "listen": "127.0.0.1:0",
            "rates": {"logins": 100_000, "changes": 100_000, "reads": 1_000_000},
            **(document or {}).get("api", {}),
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(whole))
    async with (
        open_engine(load(path, allow_literal_secrets=True)) as engine,
        api_of(engine) as address,
        plainly(address) as http,
        _at_work(engine),
    ):
        house = House(engine, running, http, address)
        house.admin = await house.token(Grant(Role.ADMIN))
        yield house


@asynccontextmanager
async def _at_work(engine: Engine) -> AsyncIterator[None]:
    scheduler = Scheduler(engine.world, engine.dispatcher, housekeeping=engine.store.tidy, beat=lambda: None)
    work = asyncio.create_task(scheduler.run())
    try:
        yield
    finally:
        await engine.dispatcher.drain()
        scheduler.nudge()
        with suppress(asyncio.CancelledError):
            await work


def configured(running: Running) -> dict[str, Any]:
    """A connection and a rotation of the configuration, on the second application."""
    population = running.simulation.population
    ids = {"tenantId": running.ready.tenantId, "clientId": population.admin.client_id}
    credentials = {**ids, "clientSecret": population.admin_secret}
    app = population.applications[1]
    return {
        "connections": [
            {"name": "contoso", "method": "client-secret", "cloud": "simulated", "credentials": credentials}
        ],
        "rotations": [
            {
                "name": "payroll",
                "connection": "contoso",
                "project": "payments",
                "secretPath": "/yaml",
                "rotationInterval": 30,
                "parameters": {"objectId": app.object_id},
                "secretsMapping": {"clientId": "PAYROLL_ID", "clientSecret": "PAYROLL_SECRET"},
                "verify": QUICK,
            }
        ],
    }


def for_people(running: Running) -> dict[str, Any]:
    """People may make connections in the name of the tenant's administrator, an application."""
    population = running.simulation.population
    app = {"clientId": population.admin.client_id, "clientSecret": population.admin_secret, "redirectUri": BACK}
    return {"api": {"oauth": app}}
