"""Which directory belongs to a connection's name? Opens each when first needed; a reload replaces what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from rotator.domain.model import Connection, Secret
from rotator.entra.clouds import Endpoints, endpoints
from rotator.entra.importing import uncollected
from rotator.entra.options import tenant_and_client
from rotator.entra.resource_tokens import ResourceTokens
from rotator.entra.sign_in_refusals import SignIn
from rotator.errors import ConfigError
from rotator.network import Timeouts

if TYPE_CHECKING:
    from rotator.entra.directory import EntraDirectory
    from rotator.entra.options import AnyConnection, Cloud, OAuthConnection
    from rotator.entra.refresh_tokens import RefreshTokens, Use
    from rotator.entra.signing_keys import TenantKeys
    from rotator.network import Network
    from rotator.ports import Clock, Meter

#: Gives the client secret that the named connection signs in with now.
SecretOf = Callable[[str], Awaitable[Secret]]


@dataclass(frozen=True, slots=True)
class _Opened:
    options: AnyConnection
    cloud: Endpoints
    directory: EntraDirectory


class EntraDirectories:
    """The port `Directories` over the configured connections. `clouds` are those of one's own, by name.

    `secret_of` gives the client secret of a connection, which may have been rotated since it was configured; without it
    the configured reference is read. `refresh` has refresh tokens used; without it nobody signs in by one. `new_id`
    makes the `client-request-id` of each Graph request.
    """

    def __init__(
        self,
        connections: Mapping[str, AnyConnection],
        clouds: Mapping[str, Cloud],
        *,
        network: Network,
        clock: Clock,
        secret_of: SecretOf | None = None,
        refresh: RefreshTokens | None = None,
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self.network = network
        self.clock = clock
        self.secret_of = secret_of
        self.refresh = refresh
        self._connections = dict(connections)
        self._clouds = dict(clouds)
        self._new_id = new_id
        self._opened: dict[str, _Opened] = {}
        self._turn = asyncio.Lock()
        #: Counts requests to Graph, of directories that are opened from now on.
        self.meter: Meter | None = None
        #: Signs in to Azure's other services.
        self.tokens = ResourceTokens(self)

    def connection(self, name: str) -> Connection:
        """The connection's facts. Raises ConfigError when it is not defined."""
        options = self.options(name)
        tenant_id, client_id = tenant_and_client(options)
        longest = options.timeouts.connect + options.timeouts.request
        return Connection(name, tenant_id, client_id, options.propagation, longest)

    def options(self, name: str) -> AnyConnection:
        """How the connection signs in. Raises ConfigError when it is not defined."""
        if name not in self._connections:
            known = " | ".join(sorted(self._connections)) or "none is defined"
            raise ConfigError([f"connection: {name!r} is not defined ({known})"])
        return self._connections[name]

    def cloud(self, options: AnyConnection) -> Endpoints:
        """The cloud these options name."""
        return endpoints(options.cloud, self._clouds)

    def cloud_of(self, tenant_id: str) -> Endpoints:
        """The cloud of the first connection to that tenant, else the public one."""
        to_it = (each for each in self._connections.values() if tenant_and_client(each)[0] == tenant_id)
        options = next(to_it, None)
        return endpoints(options.cloud if options else "public", self._clouds)

    def tenant_keys(self) -> TenantKeys:
        """What asks tenants for the keys that sign their tokens."""
        from rotator.entra.signing_keys import TenantKeys

        return TenantKeys(self.cloud_of, self.network)

    async def open(self, name: str) -> EntraDirectory:
        """The directory of a connection; nothing is sent yet. Raises ConfigError when the connection is not defined.

        The first call imports Graph's SDK and azure-identity (half a second), in a thread.
        """
        opened = self._opened.get(name)
        if opened is not None:
            return opened.directory
        async with self._turn:
            if name not in self._opened:
                self._opened[name] = await asyncio.to_thread(self._build, name)
            return self._opened[name].directory

    async def try_out(self, options: AnyConnection) -> None:
        """Sign in with options that are not in use yet. Raises SignInRefused, DirectoryUnavailable, ConfigError."""
        opened = await asyncio.to_thread(self._built, options)
        try:
            await opened.directory.sign_in()
        finally:
            await opened.directory.retire()

    async def redeem(
        self, options: OAuthConnection, code: Secret, redirect_uri: str, verifier: Secret | None = None
    ) -> Secret:
        """The refresh token for a code; nobody can redeem it again. Raises as a sign-in does."""
        from rotator.entra.grants import Grants

        cloud, timeouts = self.cloud(options), Timeouts(options.timeouts.connect, options.timeouts.request)
        http = await asyncio.to_thread(self.network.client, timeouts, extra_ca_file=cloud.ca_file, http2=False)
        secret = options.credentials.client_secret.resolve() if options.credentials.client_secret else None
        who = SignIn(options.name, *tenant_and_client(options))
        async with http:
            grants = Grants(http, cloud, who, client_secret=secret, seconds=timeouts.whole)
            return await grants.redeem(code, redirect_uri, verifier)

    async def warm_up(self) -> None:
        """Open every connection, so that the first rotation does not wait for imports."""
        for name in self._connections:
            await self.open(name)

    async def replace(self, connections: Mapping[str, AnyConnection], clouds: Mapping[str, Cloud]) -> None:
        """Take a new configuration: unchanged connections keep their directory, others close once they are idle."""
        async with self._turn:
            self._connections, self._clouds = dict(connections), dict(clouds)
            for name, opened in list(self._opened.items()):
                if self._is_changed(name, opened):
                    del self._opened[name]
                    await opened.directory.retire()

    async def close(self) -> None:
        """Close every directory when its last call has ended."""
        async with self._turn:
            opened, self._opened = self._opened, {}
            for each in opened.values():
                await each.directory.retire()
        await self.tokens.close()

    def _is_changed(self, name: str, opened: _Opened) -> bool:
        options = self._connections.get(name)
        return options != opened.options or endpoints(options.cloud, self._clouds) != opened.cloud

    def _build(self, name: str) -> _Opened:
        """Runs in a thread: the imports and the certificates take too long for the loop."""
        refresh = partial(self.refresh.use, name) if self.refresh else None
        return self._built(self.options(name), partial(self.secret_of, name) if self.secret_of else None, refresh)

    def _built(
        self,
        options: AnyConnection,
        secret_of: Callable[[], Awaitable[Secret]] | None = None,
        refresh: Use | None = None,
    ) -> _Opened:
        cloud = endpoints(options.cloud, self._clouds)
        with uncollected():
            from rotator.entra.opening import open_directory

            directory = open_directory(
                options,
                cloud,
                network=self.network,
                clock=self.clock,
                secret_of=secret_of,
                refresh=refresh,
                new_id=self._new_id,
                meter=self.meter,
            )
        return _Opened(options, cloud, directory)
