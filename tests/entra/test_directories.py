"""Which directory does a name open, and what happens to the others when the configuration changes?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rotator.entra.clouds import CLOUDS, endpoints
from rotator.entra.directories import EntraDirectories
from rotator.entra.options import Cloud
from rotator.errors import ConfigError, SignInRefused
from rotator.network import Network
from rotator.ports import Directories
from rotator.simulator.server import Running
from rotator.simulator.simulation import SimulatorOptions, make_simulation
from tests.entra.connecting import Connected, cloud, connected_to, in_process, options
from tests.fakes import ManualClock


async def test_a_connection_tells_the_engine_its_facts(near: Connected) -> None:
    port: Directories = near.directories
    facts = port.connection("contoso")
    assert facts.tenant_id == near.application.tenant_id
    assert facts.client_id == near.simulation.population.admin.client_id
    assert (facts.propagation, facts.request_timeout) == (timedelta(minutes=2), timedelta(seconds=2))


async def test_the_same_directory_is_returned_while_nothing_changes(near: Connected) -> None:
    again = await asyncio.gather(*(near.directories.open("contoso") for _ in range(3)))
    assert {id(each) for each in again} == {id(near.directory)}
    await near.directories.replace({"contoso": options(near.simulation)}, cloud())
    assert await near.directories.open("contoso") is near.directory


async def test_an_unknown_connection_is_named_with_those_that_exist(near: Connected) -> None:
    with pytest.raises(ConfigError, match=r"'fabrikam' is not defined \(contoso\)"):
        near.directories.connection("fabrikam")
    with pytest.raises(ConfigError, match="fabrikam"):
        await near.directories.open("fabrikam")


async def test_a_connection_that_left_the_configuration_is_gone(near: Connected) -> None:
    await near.directories.replace({}, cloud())
    with pytest.raises(ConfigError, match="none is defined"):
        await near.directories.open("contoso")


async def test_a_changed_connection_is_opened_anew_and_the_old_one_ends_its_calls(running: Running) -> None:
    async with connected_to(running) as there:
        await there.directory.sign_in()
        there.simulation.entra.latency = 0.2
        adding = asyncio.create_task(there.add())
        await asyncio.sleep(0.05)
        changed = options(there.simulation).model_copy(update={"description": "changed"})
        clouds = cloud(running.ready.authority, running.ready.caFile)
        await there.directories.replace({"contoso": changed}, clouds)
        assert await there.directories.open("contoso") is not there.directory
        assert (await adding).key_id
        with pytest.raises(RuntimeError, match="closed"):
            await there.directory.prove(there.client_id, (await adding).text)


async def test_nothing_is_left_open(running: Running) -> None:
    async with connected_to(running) as there:
        await there.directory.registration(there.application)
        await there.add()
    await asyncio.sleep(0.05)
    sockets = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    assert sockets == []


@pytest.mark.parametrize(
    ("name", "authority", "graph"),
    [
        ("public", "login.microsoftonline.com", "graph.microsoft.com"),
        ("usgov", "login.microsoftonline.us", "graph.microsoft.us"),
        ("usgov-dod", "login.microsoftonline.us", "dod-graph.microsoft.us"),
        ("china", "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_the_national_clouds_have_their_own_addresses(name: str, authority: str, graph: str) -> None:
    found = endpoints(name, {})
    assert found.token_url("tenant") == f"https://{authority}/tenant/oauth2/v2.0/token"
    assert (found.graph, found.scope) == (f"https://{graph}/v1.0", f"https://{graph}/.default")
    assert found.graph_host == graph
    assert len(CLOUDS) == 4


def test_a_cloud_of_ones_own_has_a_scope_by_default_and_a_bare_host() -> None:
    own = {
        "lab": Cloud.model_validate({"authority": "https://login.lab:8443/", "graph": "https://graph.lab:8443/v1.0"})
    }
    found = endpoints("lab", own)
    assert found.scope == "https://graph.lab:8443/.default"
    assert found.graph_host == "graph.lab"
    assert found.token_url("t") == "https://login.lab:8443/t/oauth2/v2.0/token"


def test_an_unknown_cloud_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"'mars' is not defined \(public \| usgov \| usgov-dod \| china\)"):
        endpoints("mars", {})


async def test_a_token_goes_to_the_clouds_graph_only(near: Connected) -> None:
    """The SDK's own default sends it wherever a next link or a redirect points."""
    from kiota_abstractions.method import Method
    from kiota_abstractions.request_information import RequestInformation

    adapter = near.directory._graph._adapter
    for url, expected in (("https://localhost/v1.0/applications", True), ("https://evil.example/v1.0", False)):
        info = RequestInformation(Method.GET)
        info.url = url
        await adapter._authentication_provider.authenticate_request(info)
        assert info.headers.contains("Authorization") is expected


def test_opening_needs_a_ca_file_that_exists() -> None:
    clock = ManualClock()
    given = {"contoso": options(make_simulation(real_now=clock.now))}
    clouds = cloud(ca_file="/nowhere/ca.pem")
    directories = EntraDirectories(given, clouds, network=Network(environment={}), clock=clock)
    with pytest.raises(ConfigError, match=r"/nowhere/ca\.pem cannot be read"):
        asyncio.run(directories.open("contoso"))


async def test_options_are_tried_out_without_being_taken_into_use() -> None:
    async with in_process() as connected:
        good = options(connected.simulation)
        await connected.directories.try_out(good)
        wrong = options(connected.simulation, clientSecret="wrong")
        with pytest.raises(SignInRefused):
            await connected.directories.try_out(wrong)
        assert await connected.directories.open("contoso") is connected.directory


async def test_all_pages_of_applications_are_listed() -> None:
    async with in_process(simulated=SimulatorOptions(seed=7, applications=2100)) as connected:
        pages = [page async for page in connected.directory.applications()]
        truth = connected.simulation.entra.tenant.applications
        assert len(pages) == 3
        assert {each.object_id for page in pages for each in page} == set(truth)
        assert all(each.client_id and each.name for page in pages for each in page)
