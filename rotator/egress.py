"""Whom may a request reach that a definition made through the API has caused? No private address but those allowed.

The name is resolved here and the connection goes to the address that was looked at: a name that answers differently
the next time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Addresses that stand for an IPv4 address behind a translator (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Resolve = Callable[[str, int], Awaitable[list[str]]]


class EgressRefused(OSError):
    """That address is not for requests that the API has caused."""


async def resolved(host: str, port: int) -> list[str]:
    """All addresses of a name, in the order of the system. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Egress:
    """What may be reached: every public address, and the `hosts` that the operator has listed.

    A host is a name, `*.DOMAIN` for all below it, an address or a network.
    """

    def __init__(self, hosts: Collection[str], *, resolve: Resolve = resolved) -> None:
        self._hosts = hosts
        self._resolve = resolve

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of that host, all of which may be reached. Raises EgressRefused; OSError for no such name."""
        found = await self._resolve(host, port)
        if is_listed(host, self._hosts):
            return found
        refused = [each for each in found if not is_public(each) and not is_listed(each, self._hosts)]
        if refused:
            raise EgressRefused(f"{host} is {refused[0]}, which api.allow.hosts does not list")
        return found


def is_listed(host: str, hosts: Collection[str]) -> bool:
    """Tell whether a name or an address is one of these hosts."""
    name = host.lower().strip("[]").rstrip(".")
    try:
        address: _Address | None = _plain(ipaddress.ip_address(name))
    except ValueError:
        address = None
    return any(_covers(each.lower(), name, address) for each in hosts)


def is_public(address: str) -> bool:
    """Tell whether everybody could reach it; what it stands for counts, not how it is written."""
    try:
        here = _plain(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return here.is_global and not here.is_multicast


def is_address(host: str) -> bool:
    """Tell whether it is an address and no name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _covers(listed: str, name: str, address: _Address | None) -> bool:
    if address is None:
        return name == listed or (listed.startswith("*.") and name.endswith(listed[1:]))
    try:
        network = ipaddress.ip_network(listed, strict=False)
    except ValueError:
        return False
    return network.version == address.version and address in network


def _plain(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    within = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or within or address
