"""How does a test talk to the simulator as the administrator, whatever carries the requests?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from rotator.simulator.simulation import Simulation

BASE = "https://localhost"
SCOPE = "https://graph.microsoft.com/.default"


@dataclass
class Caller:
    """A client of the simulator with the administrator's token, over whatever transport."""

    http: httpx.AsyncClient
    simulation: Simulation
    base: str = BASE
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def application(self) -> str:
        """The object id of the first application."""
        return self.simulation.population.applications[0].object_id

    @property
    def client_id(self) -> str:
        """The client id of the first application."""
        return self.simulation.population.applications[0].client_id

    async def token(self, client_id: str, secret: str, **form: str) -> httpx.Response:
        body = {"client_id": client_id, "client_secret": secret, "grant_type": "client_credentials", "scope": SCOPE}
        tenant = form.pop("tenant", self.simulation.entra.tenant.tenant_id)
        return await self.http.post(f"{self.base}/{tenant}/oauth2/v2.0/token", data=body | form)

    async def sign_in(self) -> None:
        population = self.simulation.population
        answer = await self.token(population.admin.client_id, population.admin_secret)
        self.headers = {"authorization": f"Bearer {answer.json()['access_token']}"}

    async def graph(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        if not self.headers:
            await self.sign_in()
        url = f"{self.base}/v1.0/{path}"
        return await self.http.request(method, url, json=body, headers=self.headers | headers)

    async def add_password(self, **entry: object) -> dict[str, Any]:
        answer = await self.graph("POST", f"applications/{self.application}/addPassword", {"passwordCredential": entry})
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def remove_password(self, key_id: str) -> httpx.Response:
        return await self.graph("POST", f"applications/{self.application}/removePassword", {"keyId": key_id})

    async def listed(self) -> list[str]:
        answer = await self.graph("GET", f"applications/{self.application}?$select=id,passwordCredentials")
        return [entry["keyId"] for entry in answer.json()["passwordCredentials"]]

    async def signs_in(self, secret: str) -> bool:
        return (await self.token(self.client_id, secret)).status_code == 200

    async def control(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.http.request(method, f"{self.base}/_sim/{path}", json=body)
