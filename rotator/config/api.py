"""How is the HTTP API reached, and how often? On this machine only, unless something keeps strangers from listening."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from rotator.config.problems import Problems, Spot
from rotator.destinations import KINDS
from rotator.destinations.hooks import HOOK_KINDS
from rotator.entra.options import OAuthApplication
from rotator.options import FilePath, Flag, Options, Rule, refuse, whole
from rotator.references import FOLDER

DEFAULT_LISTEN = "127.0.0.1:8780"
_LISTEN = '127.0.0.1:8780, [::1]:8780, unix:/run/rotator/api.sock or "off"'
_KINDS = tuple(sorted({*KINDS, *HOOK_KINDS}))
_NETWORK = "an address or a network such as 10.0.0.0/8"


def _listen(value: object) -> str:
    if value == "off":
        return "off"
    if not isinstance(value, str) or not value.isprintable():
        refuse(value, _LISTEN)
    if value.startswith("unix:"):
        return value if len(value) > len("unix:") else refuse(value, _LISTEN)
    host, _, port = value.rpartition(":")
    well = port.isdecimal() and port.isascii() and len(port) <= 5 and int(port) < 65536
    return value if well and _is_host(host) else refuse(value, _LISTEN)


def _is_host(host: str) -> bool:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return (ipaddress.ip_address(bare).version == 6) == (bare != host)
    except ValueError:
        return host == "localhost"


def _network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False)) if isinstance(value, str) else refuse(value, _NETWORK)
    except ValueError:
        refuse(value, _NETWORK)


Network = Annotated[str, Rule(_network, {"type": "string"})]


class Tls(Options):
    """Encrypt, with a certificate of our own."""

    certificate: FilePath = Field(description="The certificate and those that vouch for it, PEM.")
    key: FilePath = Field(description="Its private key, PEM, without a passphrase.")

    @field_validator("certificate", "key", mode="after")
    @classmethod
    def _from_the_folder(cls, path: str, info: ValidationInfo) -> str:
        return str((Path((info.context or {}).get(FOLDER, ".")) / path).absolute())


class Rates(Options):
    """Requests a minute, for each address and for each identity; more are answered 429 with Retry-After."""

    logins: Annotated[int, whole(1, 1_000_000)] = Field(default=60, description="Sign-ins.")
    changes: Annotated[int, whole(1, 1_000_000)] = Field(default=600, description="Requests that change something.")
    reads: Annotated[int, whole(1, 10_000_000)] = Field(default=120_000, description="Requests that only read.")


def _host(value: object) -> str:
    allowed = "a name, *.DOMAIN, an address or a network"
    if not isinstance(value, str):
        refuse(value, allowed)
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        name = value.lower().removeprefix("*.")
    parts = name.split(".")
    well = all(part and part.isascii() and part.replace("-", "").replace("_", "").isalnum() for part in parts)
    return value.lower() if well and len(value) <= 255 else refuse(value, allowed)


def _folder(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or ".." in value.split("/") or not value.isprintable():
        refuse(value, "an absolute path without '..'")
    return value.rstrip("/") or "/"


def _kind(value: object) -> str:
    return value if isinstance(value, str) and value in _KINDS else refuse(value, " | ".join(_KINDS))


class Allow(Options):
    """What definitions made through the API may use beyond what harms nobody."""

    kinds: tuple[Annotated[str, Rule(_kind, {"enum": list(_KINDS)})], ...] = Field(
        default=(),
        description="Kinds of hooks, and of destinations that use this host's files, programs or identity.",
    )
    paths: tuple[Annotated[str, Rule(_folder, {"type": "string", "pattern": "^/"})], ...] = Field(
        default=(), description="Files at or below these may be named, to be written or read."
    )
    hosts: tuple[Annotated[str, Rule(_host, {"type": "string"})], ...] = Field(
        default=(),
        description="Names, *.DOMAIN, addresses and networks that may be reached though not public.",
    )


class Api(Options):
    """The HTTP API."""

    listen: Annotated[str, Rule(_listen, {"type": "string"})] = Field(
        default=DEFAULT_LISTEN,
        description='ADDRESS:PORT (port 0: any free one), unix:PATH or "off"; beyond loopback with tls or behindProxy.',
    )
    tls: Tls | None = Field(default=None, description="Encrypt, with a certificate of our own.")
    behind_proxy: Flag = Field(default=False, description="Something in front of us encrypts.")
    trusted_proxies: tuple[Network, ...] = Field(
        default=(), description="Addresses and networks whose X-Forwarded-For is believed."
    )
    rates: Rates = Rates()
    allow: Allow = Allow()
    oauth: OAuthApplication | None = Field(
        default=None, description="In whose name people make connections with the method oauth."
    )

    @property
    def is_off(self) -> bool:
        return self.listen == "off"

    @property
    def host(self) -> str:
        """Where to listen, an IPv6 address without brackets; empty for a Unix socket."""
        return "" if self.listen.startswith("unix:") else self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """0: any free one."""
        return 0 if not self.host else int(self.listen.rpartition(":")[2])

    @property
    def socket(self) -> str:
        """The path of the Unix socket, or nothing."""
        return self.listen.removeprefix("unix:") if self.listen.startswith("unix:") else ""

    @property
    def is_open(self) -> bool:
        """Whether others than this machine reach it."""
        return not (self.is_off or self.socket or self.host == "localhost") and not _is_loopback(self.host)


def check_api(api: Api, at: Spot, problems: Problems, *, check_files: bool) -> None:
    """What follows from several options together, and whether the files are there."""
    if api.is_open and not (api.tls or api.behind_proxy):
        what = f"{api.listen} is reached from elsewhere, in clear"
        problems.add(at / "listen", f"{what} (tls, or behindProxy: true where a proxy encrypts, or a loopback address)")
    if api.tls and check_files and not api.is_off:
        for key, path in (("certificate", api.tls.certificate), ("key", api.tls.key)):
            _check_file(at / "tls" / key, path, problems)


def _check_file(at: Spot, path: str, problems: Problems) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        problems.add(at, f"{path} cannot be read: {error.strerror} (a PEM file)")


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
