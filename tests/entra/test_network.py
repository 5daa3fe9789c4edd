"""Do proxies, exemptions and certificate authorities hold for tokens and Graph alike, over real sockets?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from rotator.domain.model import Secret
from rotator.errors import ConfigError, DirectoryUnavailable
from rotator.network import Network, Proxies, Timeouts
from rotator.simulator.server import Running
from tests.entra.connect_proxy import connect_proxy
from tests.entra.connecting import Connected, cloud, connected_to

QUICK = Timeouts(connect=timedelta(seconds=1), request=timedelta(seconds=1))


async def everything(there: Connected) -> None:
    """A sign-in, Graph requests and a proof."""
    await there.directory.registration(there.application)
    issued = await there.add()
    assert (await there.directory.prove(there.client_id, issued.text)).accepted


@pytest.mark.parametrize("by", ["configuration", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_tokens_graph_and_proofs_go_through_the_proxy(running: Running, by: str) -> None:
    async with connect_proxy() as proxy:
        configured = by == "configuration"
        network = Network(
            proxy=proxy.address if configured else "", environment={} if configured else {by: proxy.address}
        )
        async with connected_to(running, network=network) as there:
            await everything(there)
        target = running.ready.authority.removeprefix("https://")
        assert set(proxy.targets) == {target}
        assert len(proxy.targets) == 2  # one pool for tokens and proofs, one for Graph


@pytest.mark.parametrize("exempt", ["localhost", "*", "example.com, LOCALHOST", ".localhost"])
async def test_exempt_hosts_are_reached_directly(running: Running, exempt: str) -> None:
    async with connect_proxy() as proxy:
        network = Network(environment={"HTTPS_PROXY": proxy.address, "NO_PROXY": exempt})
        async with connected_to(running, network=network) as there:
            await everything(there)
        assert proxy.targets == []


async def test_a_configured_exemption_holds_for_a_configured_proxy(running: Running) -> None:
    async with connect_proxy() as proxy:
        async with connected_to(running, network=Network(proxy=proxy.address, no_proxy=["localhost"])) as there:
            await everything(there)
        assert proxy.targets == []


async def test_the_metadata_service_is_never_asked_through_the_proxy(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running.ready.imds)
    async with connect_proxy() as proxy:
        async with connected_to(running, "managed-identity", network=Network(proxy=proxy.address)) as there:
            await there.directory.sign_in()
        assert proxy.targets == []


async def test_a_password_of_the_proxy_is_sent_and_a_refusal_says_where_to_look(running: Running) -> None:
    async with connect_proxy() as proxy:
        proxy.refuses = True
        address = proxy.address.replace("://", "://us:pass-phrase@")
        async with connected_to(running, network=Network(proxy=address)) as there:
            with pytest.raises(DirectoryUnavailable, match=r"the proxy refused.*407.*network\.proxy") as caught:
                await there.directory.sign_in()
        assert "pass-phrase" not in str(caught.value)
        assert proxy.authorizations == ["Proxy-Authorization: Basic dXM6cGFzcy1waHJhc2U="]


@pytest.mark.parametrize(
    ("host", "port", "exempt"),
    [
        ("graph.microsoft.com", 443, False),
        ("vault.example.com", 443, True),
        ("example.com", 443, True),
        ("notexample.com", 443, False),
        ("10.1.2.3", 443, True),
        ("11.1.2.3", 443, False),
        ("192.168.1.5", 443, True),
        ("192.168.1.6", 443, False),
        ("one.local", 8443, True),
        ("one.local", 443, False),
        ("::1", 443, True),
        ("fd00::1", 443, True),
        ("169.254.169.254", 80, True),
    ],
)
def test_exemptions_are_domains_addresses_and_networks(host: str, port: int, *, exempt: bool) -> None:
    text = "example.com, 10.0.0.0/8,192.168.1.5,one.local:8443,[::1],fd00::/8"
    proxies = Proxies.configured("", (), {"HTTPS_PROXY": "proxy:3128", "HTTP_PROXY": "proxy:3128", "no_proxy": text})
    way = proxies.of("https" if port != 80 else "http", host, port)
    assert way == (None if exempt else "http://proxy:3128")


def test_a_servers_own_request_header_is_no_proxy_setting() -> None:
    environment = {"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}
    assert Proxies.configured("", (), environment).by_scheme == {}


@pytest.mark.parametrize("address", ["ftp://proxy:1", "http://", "http://proxy:99999", "socks5://user:word@proxy:1080"])
def test_a_proxy_that_cannot_be_used_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(ConfigError, match=r"network\.proxy.*http://host:port is allowed") as caught:
        Network(proxy=address)
    assert "word" not in str(caught.value)


async def test_a_server_of_an_unknown_authority_is_refused_with_what_to_set(running: Running) -> None:
    async with connected_to(running) as there:
        await there.directories.replace(there.directories._connections, cloud(running.ready.authority))
        directory = await there.directories.open("contoso")
        with pytest.raises(DirectoryUnavailable, match=r"CERTIFICATE_VERIFY_FAILED.*network\.caFile"):
            await directory.sign_in()
        proof = await directory.prove(there.client_id, Secret("anything"))
        assert (proof.accepted, proof.code) == (False, "unreachable")


async def test_the_configured_authorities_hold_for_everything(running: Running) -> None:
    network = Network(ca_file=running.ready.caFile, environment={})
    async with connected_to(running, network=network) as there:
        await there.directories.replace(there.directories._connections, cloud(running.ready.authority))
        directory = await there.directories.open("contoso")
        assert directory is not there.directory
        await everything(Connected(there.directories, directory, there.simulation, there.clock))


@pytest.mark.parametrize("content", [None, "no certificate", ""])
def test_a_file_without_authorities_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, "utf-8")
    for ca_file in (str(file), ""):
        with pytest.raises(ConfigError, match=rf"caFile: {file} (cannot be read|holds no PEM certificates)"):
            Network(environment={}, ca_file=ca_file).client(QUICK, extra_ca_file=str(file))


def test_clients_of_one_authority_share_one_context(running_ca: Path) -> None:
    network = Network(environment={})
    contexts = [_context(network.client(QUICK, extra_ca_file=str(running_ca))) for _ in range(3)]
    assert contexts[0] is contexts[1] is contexts[2]
    assert _context(network.client(QUICK)) is not contexts[0]
    assert _context(network.client(QUICK, extra_ca_file=str(running_ca), http2=False)) is not contexts[0]


@pytest.fixture
async def running_ca(running: Running) -> Path:
    return Path(running.ready.caFile)


def _context(client: httpx.AsyncClient) -> Any:
    pool: Any = client._transport
    return pool._pool._ssl_context


async def test_a_client_has_explicit_timeouts_and_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with Network(environment={}).client(QUICK) as client:
        assert client.timeout == httpx.Timeout(1, connect=1)
        assert not client.trust_env
        assert client._mounts == {}


async def test_no_cookie_of_an_answer_leads_the_next_request_anywhere() -> None:
    """Entra's are to bring a client back to the server that has just answered it: a proof wants any of them."""
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, headers={"Set-Cookie": "x-ms-gateway-slice=estsfd; path=/; secure; httponly"})

    network = Network(environment={}, transport_factory=lambda: httpx.MockTransport(answer))
    async with network.client(QUICK) as client:
        await client.post("https://login.example/token")
        await client.post("https://login.example/token")
    assert ["cookie" in headers for headers in seen] == [False, False]
