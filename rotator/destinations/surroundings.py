"""What may a destination need of the world around it? One value, handed to every kind alike."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from rotator.destinations.formats.disk import Disk
from rotator.egress import Egress

if TYPE_CHECKING:
    from rotator.domain.model import Delivery
    from rotator.network import Network
    from rotator.ports import Clock, MappedSecrets

_T = TypeVar("_T")


class AzureTokens(Protocol):
    """Access tokens for Azure's services beside Graph, as a connection or as an `auth` block of one's own signs in.

    Raises SignInRefused, DirectoryUnavailable, DirectoryThrottled or ConfigError.
    """

    def cloud(self, connection: str) -> str:
        """The name of the cloud the connection is in: public, usgov, usgov-dod, china, or one of one's own."""

    async def token(self, scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> str:
        """An access token for that scope that is valid for some minutes more.

        `auth`: `method` and the credentials it needs, instead of the connection's; its cloud and, where `auth` names
        none, its tenant are the connection's.
        """

    async def renew(self, scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> None:
        """The service refused the token: the next one is fetched anew."""


class NoAzureTokens:
    """Where nothing may sign in to Azure, as in most tests."""

    def cloud(self, _connection: str) -> str:
        """The public one."""
        return "public"

    async def token(self, _scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> str:  # noqa: ARG002
        """Refuse: a bug, since whoever opens Azure kinds gives tokens."""
        raise AssertionError(f"nothing signs in for {connection}")

    async def renew(self, _scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> None:
        """Nothing is held."""


class Kept:
    """What outlives one opening of a destination, such as a sign-in; one for the life of the process."""

    def __init__(self) -> None:
        self._held: dict[Hashable, object] = {}

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The value under that key, made when first asked for. The key holds the kind, so that kinds do not collide."""
        if key not in self._held:
            self._held[key] = make()
        return cast("_T", self._held[key])

    def drop(self, key: Hashable) -> None:
        """It is of no use any more: the next who asks has it made anew."""
        self._held.pop(key, None)


@cache
def _network() -> Network:
    from rotator.network import Network

    return Network()


async def _unknown(_rotation_id: str, _destination: str) -> Delivery | None:
    return None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What destinations are opened with; each kind takes what it needs."""

    #: The embedded store.
    mapped: MappedSecrets
    #: Whose marks are ours; kept in the database.
    installation: str
    clock: Clock
    disk: Disk = field(default_factory=Disk)
    #: Do file work on the event loop instead of in a thread; for simulations that must replay.
    inline: bool = False
    #: Gives what makes HTTP clients, with the proxy and the authorities of the configuration; see `wire.open_wire`.
    network: Callable[[], Network] = _network
    azure: AzureTokens = field(default_factory=NoAzureTokens)
    #: The environment variables of the process.
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    kept: Kept = field(default_factory=Kept)
    #: What the books say of a destination (rotation id, name), for kinds that cannot be asked themselves.
    delivery: Callable[[str, str], Awaitable[Delivery | None]] = _unknown

    def guarded(self, hosts: Collection[str]) -> Surroundings:
        """The same for definitions made through the API: requests reach public addresses and these hosts alone."""
        network, egress = self.network, Egress(hosts)
        return replace(self, network=lambda: network().guarded(egress), kept=Kept())
