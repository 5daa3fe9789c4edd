"""How does a person of the simulated tenant sign in to the dashboard? With a browser that follows where it is sent."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from rotator.simulator.people import User
from rotator.simulator.server import Running
from tests.web.asking import plainly
from tests.web.house import House, open_house

GROUP = "44444444-4444-4444-8444-444444444444"
RULES = [
    {"appRole": "Rotator.Admin", "role": "admin"},
    {"group": GROUP, "role": "operator", "project": "payments"},
]
ANNA = "anna@simulated.onmicrosoft.com"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def registered(running: Running, here: str, /, **changes: Any) -> dict[str, Any]:
    """The block `dashboard`, for the administrator's application, which is registered as the documentation says."""
    population = running.simulation.population
    app = population.admin
    app.redirect_uris, app.delegated = [f"{here}/sign-in/entra/return"], ["User.Read"]
    app.group_claims = True
    block = {
        "address": here,
        "tenantId": running.ready.tenantId,
        "clientId": app.client_id,
        "clientSecret": population.admin_secret,
        "cloud": "simulated",
        "roles": RULES,
    }
    return {name: value for name, value in {**block, **changes}.items() if value is not None}


@asynccontextmanager
async def open_entrance(
    folder: Path, running: Running, *, document: Mapping[str, Any] | None = None, port: int = 0, **changes: Any
) -> AsyncIterator[House]:
    """A daemon to which people sign in; `changes` are of its block `dashboard`."""
    address = f"http://127.0.0.1:{port or free_port()}"
    block = registered(running, address, **changes)
    whole = {**(document or {}), "dashboard": block}
    whole["api"] = {**whole.get("api", {}), "listen": address.removeprefix("http://")}
    async with open_house(folder, running, document=whole) as house:
        yield house


def person(house: House, name: str = ANNA, *, roles: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> User:
    """Somebody in the tenant."""
    simulation = house.running.simulation
    user = simulation.entra.tenant.people.named(name)
    user.app_roles = {simulation.population.admin.client_id: list(roles)}
    user.groups = list(groups)
    return user


class Browser:
    """A browser with cookies of its own, that goes to Entra and comes back."""

    def __init__(self, house: House, http: httpx.AsyncClient, entra: httpx.AsyncClient) -> None:
        self.house = house
        self.http = http
        self._entra = entra

    async def begin(self, to: str = "") -> str:
        """Where it is sent by the button."""
        answer = await self.http.get("/sign-in/entra", params={"to": to} if to else {})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def consent(self, url: str, name: str = ANNA) -> str:
        """Where Entra sends it back to, as that person."""
        answer = await self._entra.get(url, params={**_query(url), "login_hint": name})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def come_back(self, url: str) -> httpx.Response:
        """As a browser does that follows another site's redirect."""
        return await self.http.get(url, headers={"sec-fetch-site": "cross-site"})

    async def sign_in(self, name: str = ANNA, to: str = "") -> httpx.Response:
        """All of it."""
        return await self.come_back(await self.consent(await self.begin(to), name))


@asynccontextmanager
async def browser(house: House) -> AsyncIterator[Browser]:
    trust = ssl.create_default_context(cafile=house.running.ready.caFile)
    async with (
        plainly(house.address) as http,
        httpx.AsyncClient(verify=trust, trust_env=False, timeout=60) as entra,
    ):
        yield Browser(house, http, entra)


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
