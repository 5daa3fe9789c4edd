"""From which address does a request come, and is that one trusted?"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from rotator.domain.access import EVERYWHERE

#: Who comes over a Unix socket is on this machine.
LOCAL = "127.0.0.1"
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_of(peer: str, forwarded: str, trusted_proxies: tuple[str, ...]) -> str:
    """The address of the client: the peer, or, told by proxies of ours alone, the nearest that is none of them.

    `forwarded` is X-Forwarded-For, in which each proxy adds its own peer at the end; what stands before the first that
    is no proxy of ours could have been written by anybody.
    """
    here = plain(peer) or LOCAL
    if not forwarded or not trusted_proxies:
        return here
    for step in reversed(forwarded.split(",")):
        if not is_among(here, trusted_proxies):
            return here
        told = plain(_without_port(step.strip()))
        if not told:
            return here
        here = told
    return here


@lru_cache(maxsize=4096)
def is_among(address: str, networks: tuple[str, ...]) -> bool:
    """Tell whether an address lies in one of the networks."""
    if networks == EVERYWHERE:
        return True
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(here.version == each.version and here in each for each in _parsed(networks))


@lru_cache(maxsize=4096)
def plain(address: str) -> str:
    """The address in its one form, IPv4 in IPv6 as IPv4; empty when it is none."""
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = here.ipv4_mapped if isinstance(here, ipaddress.IPv6Address) else None
    return str(mapped or here)


def as_network(text: str) -> str | None:
    """An address or a network as a network; None when it is neither."""
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        return None


def is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


@lru_cache(maxsize=1024)
def _parsed(networks: Sequence[str]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(each, strict=False) for each in networks)


def _without_port(step: str) -> str:
    """Some proxies write `address:port` or `[address]:port`."""
    if step.startswith("["):
        return step[1:].partition("]")[0]
    return step.partition(":")[0] if step.count(":") == 1 else step
