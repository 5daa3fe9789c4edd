"""How does anything of ours reach the network? The one place where HTTP clients are made.

Proxy and certificate authorities come from the configuration, else from the usual environment variables: HTTPS_PROXY,
HTTP_PROXY, ALL_PROXY, NO_PROXY (lower case too) and, read by OpenSSL itself, SSL_CERT_FILE and SSL_CERT_DIR.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import ipaddress
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from rotator import __version__
from rotator.egress import Egress, EgressRefused
from rotator.errors import ConfigError
from rotator.http_client import Client
from rotator.sockets import Sockets

#: Idle connections are kept longer than the 5 s of httpx, which would end just before the next sign-in of a proof.
KEEP_ALIVE: Final = timedelta(seconds=30)
#: More at once make httpx slower, not faster; several attempts still fit.
MOST_CONNECTIONS: Final = 32
_AT_FIRST_CONNECTION = ("anyio._backends._asyncio", "anyio.streams.tls", "httpcore._async.http2", "h2.connection")
_METADATA = ipaddress.ip_network("169.254.0.0/16")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The longest waits of one request: to connect, and for the rest of it."""

    connect: timedelta = timedelta(seconds=5)
    request: timedelta = timedelta(seconds=30)

    @property
    def whole(self) -> float:
        """Seconds after which a request is given up, connecting included."""
        return (self.connect + self.request).total_seconds()


class Network:
    """Makes HTTP clients that share proxy settings and one TLS context per set of trusted authorities.

    With `ca_file` only the authorities in that file are trusted, as with SSL_CERT_FILE. `transport_factory` replaces
    sockets altogether, for simulations. Raises ConfigError for a proxy or a file that cannot be used.
    """

    def __init__(
        self,
        *,
        proxy: str = "",
        no_proxy: Sequence[str] = (),
        ca_file: str = "",
        environment: Mapping[str, str] | None = None,
        transport_factory: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self._egress: Egress | None = None
        self._proxies = Proxies.configured(proxy, no_proxy, os.environ if environment is None else environment)
        #: Trusted in place of the usual authorities; empty: the usual ones.
        self.ca_file = ca_file
        self._transport_factory = transport_factory
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}

    def guarded(self, egress: Egress) -> Network:
        """The same network for requests that may reach only what `egress` lets them."""
        guarded = copy.copy(self)
        guarded._egress = egress  # noqa: SLF001 - a copy of ourselves
        return guarded

    def proxy_of(self, address: str) -> str | None:
        """The proxy that leads to that address, or None; for libraries that bring their own HTTP."""
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        return self._proxies.of(parts.scheme, parts.hostname or "", port)

    def client(
        self,
        timeouts: Timeouts,
        *,
        extra_ca_file: str = "",
        http2: bool = True,
        proxied: bool = True,
        context: ssl.SSLContext | None = None,
    ) -> httpx.AsyncClient:
        """A client of its own connection pool; whoever asks for it closes it. It reads nothing from the environment.

        `extra_ca_file` is trusted beside the usual authorities. `proxied=False`: for what only this machine can reach.
        `context`: TLS made for this client alone, such as with a certificate of its own; instead of all that.
        The first call for a file parses certificates (tens of milliseconds): make it in a thread where that matters.
        """
        timeout = httpx.Timeout(timeouts.request.total_seconds(), connect=timeouts.connect.total_seconds())
        return Client(
            transport=self._transport(extra_ca_file, http2=http2, proxied=proxied, context=context),
            timeout=timeout,
            trust_env=False,
            headers={"User-Agent": f"entra-rotator/{__version__}"},
        )

    def own_context(self, extra_ca_file: str = "") -> ssl.SSLContext:
        """A TLS context that trusts what this network trusts, to load a certificate of one's own into."""
        return _context_for(self.ca_file, extra_ca_file)

    def _transport(
        self, extra_ca_file: str, *, http2: bool, proxied: bool, context: ssl.SSLContext | None
    ) -> httpx.AsyncBaseTransport:
        if self._transport_factory is not None:
            return self._transport_factory()
        chosen = context or self._context(extra_ca_file, http2=http2)
        limits = httpx.Limits(
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE.total_seconds(),
        )

        def through(proxy: str | None) -> httpx.AsyncBaseTransport:
            way = httpx.AsyncHTTPTransport(verify=chosen, http2=http2, trust_env=False, limits=limits, proxy=proxy)
            # httpx hands none through to its pool. A proxy is ours, whatever its address.
            addresses = self._egress.addresses if self._egress and proxy is None else None
            way._pool._network_backend = Sockets(addresses)  # noqa: SLF001
            return way if self._egress is None or proxy is None else _Looked(way, self._egress)

        if not proxied or not self._proxies.by_scheme:
            return through(None)
        return _Routed(self._proxies, through)

    def _context(self, extra_ca_file: str, *, http2: bool) -> ssl.SSLContext:
        # httpcore sets the ALPN protocols on the context it is given, so HTTP/1.1-only clients have one of their own.
        key = (extra_ca_file, http2)
        if key not in self._contexts:
            self._contexts[key] = _context_for(self.ca_file, extra_ca_file)
        return self._contexts[key]


def preload() -> None:
    """Import what httpx would import while it first connects, which blocks the loop for 60 ms; call it in a thread."""
    for module in _AT_FIRST_CONNECTION:
        with contextlib.suppress(ImportError):  # names of others' insides: a lost one costs time, nothing else
            importlib.import_module(module)


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy leads where: `by_scheme` per scheme of the target, `exempt` the hosts reached directly."""

    by_scheme: Mapping[str, str]
    exempt: tuple[str, ...] = ()

    @classmethod
    def configured(cls, proxy: str, no_proxy: Sequence[str], environment: Mapping[str, str]) -> Proxies:
        """The configured proxy for everything, else those of the environment. Raises ConfigError."""
        by_scheme = dict.fromkeys(("http", "https"), proxy) if proxy else _of_environment(environment)
        exempt = tuple(no_proxy) or tuple(_variable(environment, "no_proxy").split(","))
        return cls(
            {scheme: _checked(address) for scheme, address in by_scheme.items() if address},
            tuple(entry.strip().lower() for entry in exempt if entry.strip()),
        )

    def of(self, scheme: str, host: str, port: int | None = None) -> str | None:
        """The proxy for that target, or None: directly. Cloud metadata addresses are link-local and never proxied."""
        if _is_metadata(host) or any(_matches(entry, host, port) for entry in self.exempt):
            return None
        return self.by_scheme.get(scheme)


def _of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    everything = _variable(environment, "all_proxy")
    return {
        "https": _variable(environment, "https_proxy") or everything,
        # HTTP_PROXY in capitals is what a CGI server makes of a client's "Proxy:" header, so there it is not believed.
        "http": _variable(environment, "http_proxy", upper="REQUEST_METHOD" not in environment) or everything,
    }


def _variable(environment: Mapping[str, str], name: str, *, upper: bool = True) -> str:
    return (environment.get(name) or (environment.get(name.upper(), "") if upper else "")).strip()


def _checked(address: str) -> str:
    full = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(full)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        # The address may hold a password, so it is not shown.
        raise ConfigError(["network.proxy (or HTTPS_PROXY): the address cannot be used (http://host:port is allowed)"])
    return full


def _matches(entry: str, host: str, port: int | None) -> bool:
    """NO_PROXY as curl and Go read it: `*`, a domain with all below it, an address, a network; with a port or not."""
    if entry == "*":
        return True
    host = host.lower().strip("[]").rstrip(".")
    name, _, wanted = entry.rpartition(":")
    if name and wanted.isdigit() and (":" not in name or name.endswith("]")):
        if port != int(wanted):
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return host == entry or host.endswith(f".{entry}")


def _is_metadata(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")) in _METADATA
    except ValueError:
        return False


class _Routed(httpx.AsyncBaseTransport):
    """Sends each request through the proxy that its target calls for, or directly.

    Not httpx's own mounts, which know no networks such as 10.0.0.0/8 and which the Graph SDK rebuilds.
    """

    def __init__(self, proxies: Proxies, through: Callable[[str | None], httpx.AsyncBaseTransport]) -> None:
        self._proxies = proxies
        self._ways = {address: through(address) for address in {*proxies.by_scheme.values(), None}}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        return await self._ways[self._proxies.of(url.scheme, url.host, port)].handle_async_request(request)

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()


class _Looked(httpx.AsyncBaseTransport):
    """Looks at the target before a proxy connects to it; a name that only the proxy knows is the proxy's to judge."""

    def __init__(self, way: httpx.AsyncBaseTransport, egress: Egress) -> None:
        self._way = way
        self._egress = egress

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            await self._egress.addresses(request.url.host, request.url.port or 443)
        except EgressRefused as exc:
            raise httpx.ConnectError(str(exc), request=request) from None
        except OSError:
            pass  # it is the proxy that must know it
        return await self._way.handle_async_request(request)

    async def aclose(self) -> None:
        await self._way.aclose()


def _context_for(ca_file: str, extra_ca_file: str) -> ssl.SSLContext:
    context = _loaded(ca_file) if ca_file else _usual()
    if extra_ca_file:
        _load(context, extra_ca_file)
    return context


def _usual() -> ssl.SSLContext:
    """What this machine trusts; where it has no certificates (a minimal container), those that come with httpx."""
    context = ssl.create_default_context()
    capath = ssl.get_default_verify_paths().capath
    if not context.cert_store_stats()["x509_ca"] and not (capath and any(Path(capath).glob("*.0"))):
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    return context


def _loaded(ca_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load(context, ca_file)
    return context


def _load(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as exc:  # ssl.SSLError is one: the file is there but holds no certificates
        reason = "holds no PEM certificates" if isinstance(exc, ssl.SSLError) else f"cannot be read: {exc.strerror}"
        raise ConfigError([f"caFile: {ca_file} {reason}"]) from None
