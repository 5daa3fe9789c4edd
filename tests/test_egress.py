"""May a request that the API has caused reach that address, whatever its name answers?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from rotator.egress import Egress, EgressRefused, is_listed, is_public
from rotator.network import Network, Timeouts

TIMEOUTS = Timeouts(timedelta(seconds=5), timedelta(seconds=5))


class Names:
    """A resolver whose answers are told in advance, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1",
     "2002:a00:1::", "ff02::1", "not an address"],
)  # fmt: skip
def test_an_address_that_not_everybody_reaches_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["20.190.151.1", "2603:1030::1", "::ffff:20.190.151.1", "64:ff9b::14be:9701"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_hosts_are_listed_by_name_domain_address_or_network() -> None:
    hosts = ("vault.internal", "*.corp.example", "10.0.0.0/8", "fd00::1/128")
    for host in ("vault.internal", "Vault.Internal.", "a.corp.example", "a.b.corp.example", "10.9.8.7", "[fd00::1]"):
        assert is_listed(host, hosts), host
    for host in ("corp.example", "evilcorp.example", "vault.internal.evil.example", "11.0.0.1", "fd00::2", ""):
        assert not is_listed(host, hosts), host


async def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    egress = Egress((), resolve=Names(["20.1.1.1", "10.0.0.1"]))
    with pytest.raises(EgressRefused, match=r"vault\.example is 10\.0\.0\.1, which api\.allow\.hosts does not list"):
        await egress.addresses("vault.example", 443)


async def test_a_listed_name_or_network_may_be_private() -> None:
    for hosts in (["vault.example"], ["10.0.0.0/8"], ["*.example"]):
        assert await Egress(hosts, resolve=Names(["10.0.0.1"])).addresses("vault.example", 443) == ["10.0.0.1"]


async def serving(answer: bytes) -> tuple[asyncio.Server, int]:
    """A server that answers everything alike."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    return server, int(server.sockets[0].getsockname()[1])


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    server, port = await serving(ANSWER)
    names = Names(["127.0.0.1"], ["203.0.113.1"])
    network = Network(environment={}).guarded(Egress(["127.0.0.1"], resolve=names))
    async with server, network.client(TIMEOUTS, http2=False) as http:
        assert (await http.get(f"http://rebinding.example:{port}/")).status_code == 200
    assert names.asked == 1


async def test_a_refused_address_is_never_connected_to() -> None:
    server, port = await serving(ANSWER)
    network = Network(environment={}).guarded(Egress((), resolve=Names(["127.0.0.1"])))
    async with server, network.client(TIMEOUTS, http2=False) as http:
        with pytest.raises(httpx.ConnectError, match=r"api\.allow\.hosts"):
            await http.get(f"http://rebinding.example:{port}/")
    async with server, network.client(TIMEOUTS, http2=False) as http:
        with pytest.raises(httpx.ConnectError, match=r"api\.allow\.hosts"):
            await http.get(f"http://127.0.0.1:{port}/")


async def test_the_proxy_may_be_private_and_its_target_may_not() -> None:
    server, port = await serving(ANSWER)
    proxied = Network(environment={}, proxy=f"http://127.0.0.1:{port}")
    async with server:
        for names, refused in ((Names(["10.0.0.1"]), True), (Names(["20.1.1.1"]), False)):
            async with proxied.guarded(Egress((), resolve=names)).client(TIMEOUTS, http2=False) as http:
                if refused:
                    with pytest.raises(httpx.ConnectError, match=r"api\.allow\.hosts"):
                        await http.get("http://vault.example/")
                else:
                    assert (await http.get("http://vault.example/")).status_code == 200


async def test_what_the_configuration_names_is_not_guarded() -> None:
    server, port = await serving(ANSWER)
    network = Network(environment={})
    network.guarded(Egress(()))
    async with server, network.client(TIMEOUTS, http2=False) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 200
