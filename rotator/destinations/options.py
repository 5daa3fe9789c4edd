"""What do the options of all kinds of destinations have in common? A place, names, and the way to open it."""

from __future__ import annotations

import ipaddress
from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import Field

from rotator.options import FilePath, Options, Rule, problem, refuse, span
from rotator.references import Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination

#: What of a credential can be delivered, in the order in which it is written.
FIELDS = ("clientId", "clientSecret", "keyId", "tenantId", "expiresAt")


class KindOptions(Options):
    """The own options of one kind of destination; those that all share (`required`, `order`...) are the rule's."""

    @abstractmethod
    def place(self) -> str:
        """The stable name of the destination within its rotation: `embedded`, `file:/run/x.env`. Holds no secret."""

    @abstractmethod
    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        """The destination for these names (field -> name). Does nothing on disk or network yet."""

    def default_names(self, mapping: Mapping[str, str]) -> dict[str, str]:
        """The names used when the definition gives none, from the `secretsMapping`."""
        return dict(mapping)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        """What is wrong with these names (field -> name), one line each; empty: all may be used."""
        unknown = [f"names: {field} is not a field ({' | '.join(FIELDS)})" for field in names if field not in FIELDS]
        twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
        none = [] if names else [f"names: there is none ({' | '.join(FIELDS)})"]
        return [*none, *unknown, *(f"names: {name!r} is used twice (each field its own name)" for name in twice)]

    def claims(self, _folder: Folder, names: Collection[str]) -> set[str]:
        """What no second rotation may write: one text for each name, equal only if both would write the same thing."""
        return {f"{self.place()}:{name}" for name in names}


def _endpoint(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or " " in value or not _is_safe(value):
        refuse(value, "an address such as https://example.com; http only to this machine")
    return value.rstrip("/")


def _is_safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
        whole = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    bare = not (parts.username or parts.query or parts.fragment)
    return whole and bare and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or "")))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _named(value: object) -> Reference:
    """A secret by name alone, absolute where it is a file: definitions are kept in the database and read from there."""
    allowed = "{env: NAME}, {file: /PATH} or {credential: NAME}"
    if isinstance(value, Reference) and value.literal is None:
        return value
    if not isinstance(value, dict) or len(value) != 1:
        problem("a secret is not written here", allowed)
    kind, name = next(iter(value.items()))
    if kind not in {"env", "file", "credential"} or not isinstance(name, str) or not name or not name.isprintable():
        problem("a secret is named in exactly one way", allowed)
    if (kind == "file") != name.startswith("/") or (kind != "file" and set(name) & set("/=")):
        problem(f"the name after {kind}: is not one", allowed)
    return Reference(kind, name)


_NAMED_SCHEMA = {
    "type": "object",
    "oneOf": [
        {"required": [kind], "properties": {kind: {"type": "string", "minLength": 1}}, "additionalProperties": False}
        for kind in ("env", "file", "credential")
    ],
}
#: An address without a final slash; https, or http to this very machine.
Endpoint = Annotated[str, Rule(_endpoint, {"type": "string", "format": "uri", "pattern": "^https?://"})]
#: Names a secret, never holds one.
NamedSecret = Annotated[Reference, Rule(_named, _NAMED_SCHEMA)]


class Reach(Options):
    """How a service on the network is reached."""

    endpoint: Endpoint | None = Field(default=None, description="Where the service is; default: the public one.")
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust beside the usual ones, PEM.")
    timeout: Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=10))] = Field(
        default=timedelta(seconds=30), description="How long one request may take; default 30s."
    )


class NetworkOptions(Reach, KindOptions):
    """What all kinds that speak to a network share."""
