"""Does a connection sign in in a person's name, with each refresh token used once, by whoever's turn it is?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from rotator.clock import SystemClock
from rotator.domain.model import Secret
from rotator.entra.client_secrets import ClientSecrets
from rotator.entra.directories import EntraDirectories
from rotator.entra.expiry import Expiry, expiry_of
from rotator.entra.options import AnyConnection, OAuthConnection
from rotator.entra.refresh_tokens import RefreshTokens
from rotator.errors import DirectoryThrottled, DirectoryUnavailable, SignInRefused
from rotator.network import Network
from rotator.ports import Clock
from rotator.simulator.server import Running
from rotator.simulator.simulation import Simulation, SimulatorOptions, make_simulation
from rotator.simulator.transport import SimTransport
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.consent import BACK, SCOPE, code, refresh_token, uses
from tests.entra.connecting import Connected, cloud, options
from tests.fakes import ManualClock, SeededChance


@dataclass
class Node:
    """One process: its own directories, over a database that others may use too."""

    simulation: Simulation
    store: SqlStore
    clock: Clock
    network: Network
    authority: str = "https://localhost"
    ca_file: str | None = None
    connections: dict[str, AnyConnection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clouds = cloud(self.authority, self.ca_file)
        tokens = RefreshTokens(
            self.store.resources,
            lambda: self.connections,
            fingerprint=self.store.fingerprint,
            clock=self.clock,
            new_id=lambda: str(uuid4()),
        )
        self.directories = EntraDirectories(
            self.connections, clouds, network=self.network, clock=self.clock, refresh=tokens
        )

    async def configure(self, token: str) -> None:
        """The configuration says that refresh token from now on."""
        secret = self.simulation.population.admin_secret
        self.connections["contoso"] = options(self.simulation, "oauth", clientSecret=secret, refreshToken=token)
        await self.directories.replace(self.connections, cloud(self.authority, self.ca_file))

    async def sign_in(self) -> None:
        """As after an hour: no access token is left."""
        directory = await self.directories.open("contoso")
        await directory._login.renew()
        await directory.sign_in()

    def fault(self, **rule: Any) -> None:
        self.simulation.entra.faults.add(**rule)


@asynccontextmanager
async def in_process(simulation: Simulation, store: SqlStore, clock: Clock) -> AsyncIterator[Node]:
    network = Network(environment={}, transport_factory=lambda: SimTransport(simulation))
    node = Node(simulation, store, clock, network)
    yield node
    await node.directories.close()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    clock = ManualClock()
    simulation = make_simulation(SimulatorOptions(seed=7), real_now=clock.now)
    store = open_store("sqlite://", chance=SeededChance(), database_time=clock.now)
    async with in_process(simulation, store, clock) as made:
        await made.configure(refresh_token(simulation))
        yield made
    store.close()


async def test_a_person_s_connection_reads_and_changes_applications(node: Node) -> None:
    directory = await node.directories.open("contoso")
    there = Connected(node.directories, directory, node.simulation, node.clock)
    assert (await directory.registration(there.application)).application.name == "Billing API"
    assert await directory.confirm_right(there.object_id) is False
    await there.add()
    assert len(there.held()) == 1
    assert there.requests("token") == 1


async def test_each_refresh_token_is_used_once_and_its_successor_next(node: Node) -> None:
    for _ in range(5):
        await node.sign_in()
    assert uses(node.simulation) == [1, 1, 1, 1, 1, 0]


async def test_a_restart_goes_on_with_the_token_that_is_kept(node: Node) -> None:
    await node.sign_in()
    async with in_process(node.simulation, node.store, node.clock) as again:
        again.connections.update(node.connections)
        await again.directories.replace(again.connections, cloud())
        await again.sign_in()
    assert uses(node.simulation) == [1, 1, 0]


async def test_two_processes_and_many_tasks_use_no_refresh_token_twice(running: Running, tmp_path: Path) -> None:
    simulation, clock = running.simulation, SystemClock()
    simulation.entra.latency = 0.02
    token = refresh_token(simulation)
    stores = [
        open_store(f"sqlite:///{tmp_path / 'state.db'}", chance=SeededChance(), database_time=clock.now)
        for _ in range(2)
    ]
    ready = running.ready
    nodes = [Node(simulation, each, clock, Network(environment={}), ready.authority, ready.caFile) for each in stores]
    for each in nodes:
        await each.configure(token)
        await each.directories.open("contoso")
    await asyncio.gather(*(each.sign_in() for each in nodes for _ in range(5)))
    assert uses(simulation) == [*[1] * (len(uses(simulation)) - 1), 0]
    assert len(uses(simulation)) > 2
    for each in nodes:
        await each.directories.close()
        each.store.close()


@pytest.mark.parametrize(
    ("trouble", "number"),
    [
        (lambda people: people.sign_out(people.named()), "50173"),
        (lambda people: setattr(people.named(), "enabled", False), "50057"),
        (lambda people: people.refresh_tokens.clear(), "70000"),
    ],
)
async def test_a_refresh_token_that_is_refused_says_to_sign_in_again(
    node: Node, trouble: Callable[[Any], None], number: str
) -> None:
    trouble(node.simulation.entra.tenant.people)
    with pytest.raises(SignInRefused, match=f"AADSTS{number}.*Sign in again at /authorize"):
        await node.sign_in()


async def test_one_that_was_not_used_for_90_days_says_so(node: Node) -> None:
    node.clock.advance(91 * 86400)  # type: ignore[attr-defined]
    with pytest.raises(SignInRefused, match=r"AADSTS700082: the refresh token has not been used for 90 days"):
        await node.sign_in()


async def test_what_the_operator_configures_anew_wins_once_it_signs_in(node: Node) -> None:
    await node.sign_in()
    await node.configure("1.not-one-that-signs-in")
    with capture_logs() as lines:
        await node.sign_in()
    (line,) = [each for each in lines if each["log_level"] == "warning"]
    assert (line["connection"], "AADSTS70000" in line["message"]) == ("contoso", True)
    assert "1.not-one-that-signs-in" not in str(lines)
    assert uses(node.simulation) == [1, 1, 0]
    await node.configure(refresh_token(node.simulation))
    await node.sign_in()
    assert uses(node.simulation) == [1, 1, 0, 1, 0]
    await node.sign_in()
    assert uses(node.simulation) == [1, 1, 0, 1, 1, 0]


async def test_a_use_whose_answer_is_lost_is_tried_again_for_the_old_one_lives(node: Node) -> None:
    node.fault(match="^token", when="after", reset=True, times=1)
    with pytest.raises(DirectoryUnavailable, match="the connection broke"):
        await node.sign_in()
    await node.sign_in()
    assert uses(node.simulation) == [2, 0, 0]


@pytest.mark.parametrize(("status", "kind"), [(429, DirectoryThrottled), (503, DirectoryUnavailable)])
async def test_trouble_at_the_token_endpoint_keeps_the_token(node: Node, status: int, kind: type[Exception]) -> None:
    node.fault(match="^token", status=status, times=1)
    with pytest.raises(kind):
        await node.sign_in()
    await node.sign_in()
    assert uses(node.simulation) == [1, 0]


async def test_whoever_gives_up_waiting_loses_no_token(running: Running, tmp_path: Path) -> None:
    simulation, clock = running.simulation, SystemClock()
    url = f"sqlite:///{tmp_path / 'state.db'}"
    store = open_store(url, chance=SeededChance(), database_time=clock.now)
    ready = running.ready
    node = Node(simulation, store, clock, Network(environment={}), ready.authority, ready.caFile)
    await node.configure(refresh_token(simulation))
    directory = await node.directories.open("contoso")
    simulation.entra.latency = 0.2
    task = asyncio.create_task(directory.sign_in())
    while not uses(simulation)[0]:
        await clock.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await node.sign_in()
    assert uses(simulation) == [1, 1, 0]
    await node.directories.close()
    store.close()


async def test_no_error_holds_a_secret_a_code_or_a_token(node: Node) -> None:
    given = node.connections["contoso"]
    assert isinstance(given, OAuthConnection)
    assert given.credentials.client_secret is not None
    hidden = [given.credentials.client_secret.resolve().reveal(), given.credentials.refresh_token.resolve().reveal()]
    echo = {"error": "invalid_grant", "error_description": f"AADSTS1: {' '.join(hidden)}", "error_codes": [1]}
    for rule in ({"status": 400, "body": echo}, {"reset": True}, {"status": 200, "body": {}}):
        node.fault(match="^token", times=1, **rule)
        with pytest.raises((SignInRefused, DirectoryUnavailable)) as caught:
            await node.sign_in()
        behind = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert not any(text in f"{each} {each!r}" for text in hidden for each in behind)


async def test_a_code_becomes_a_refresh_token_once(node: Node) -> None:
    given = node.connections["contoso"]
    assert isinstance(given, OAuthConnection)
    text = Secret(code(node.simulation))
    found = await node.directories.redeem(given, text, BACK)
    assert node.simulation.entra.tenant.people.refresh_token(found.reveal()) is not None
    with pytest.raises(SignInRefused, match="AADSTS54005: the code has been used already"):
        await node.directories.redeem(given, text, BACK)
    with pytest.raises(SignInRefused, match="AADSTS500112: the code was made for another redirect URI"):
        await node.directories.redeem(given, Secret(code(node.simulation)), "https://elsewhere.example")


async def test_the_scope_of_a_code_without_offline_access_is_told_what_it_lacks(node: Node) -> None:
    given = node.connections["contoso"]
    assert isinstance(given, OAuthConnection)
    node.fault(match="^token", status=200, times=1, body={"access_token": "x", "expires_in": 1})
    with pytest.raises(SignInRefused, match=r"brought no refresh token.*offline_access"):
        await node.directories.redeem(given, Secret(code(node.simulation, SCOPE.split()[0])), BACK)


async def test_the_end_of_the_applications_own_secret_is_known_and_looking_keeps_the_token_alive(node: Node) -> None:
    secrets = ClientSecrets(node.store, node.connections)
    admin = node.simulation.population.admin
    found = await expiry_of("contoso", secrets, node.directories)
    assert found == Expiry("client secret", admin.passwords[0].expires_at)
    for _ in range(3):
        node.clock.advance(60 * 86400)  # type: ignore[attr-defined]
        await expiry_of("contoso", secrets, node.directories)
    assert uses(node.simulation) == [1, 1, 1, 1, 0]
    node.clock.advance(730 * 86400)  # type: ignore[attr-defined]
    expired = await expiry_of("contoso", secrets, node.directories)
    assert expired == Expiry("client secret", None)
