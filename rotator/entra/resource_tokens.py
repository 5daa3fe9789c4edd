"""How does something of ours sign in to Azure's services beside Graph? As a connection does, for another scope."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from rotator.entra.options import METHODS, AnyConnection
from rotator.errors import ConfigError
from rotator.network import Timeouts

if TYPE_CHECKING:
    import httpx

    from rotator.entra.clouds import Endpoints
    from rotator.entra.directories import EntraDirectories
    from rotator.entra.login import Login
    from rotator.entra.refresh_tokens import Use

#: Whose refresh token a destination would bring could not be kept anywhere.
_NOT_HERE = frozenset({"oauth"})


@dataclass(frozen=True, slots=True)
class _Held:
    options: AnyConnection
    cloud: Endpoints
    login: Login
    clients: tuple[httpx.AsyncClient, ...]

    async def close(self) -> None:
        await self.login.close()
        for client in self.clients:
            await client.aclose()


class ResourceTokens:
    """Access tokens by connection, or by an `auth` block that replaces how it signs in; each sign-in is made once.

    Raises SignInRefused, DirectoryUnavailable, DirectoryThrottled, and ConfigError for what cannot be used.
    """

    def __init__(self, directories: EntraDirectories) -> None:
        self._directories = directories
        self._held: dict[tuple[object, ...], _Held] = {}
        self._turn = asyncio.Lock()

    def cloud(self, connection: str) -> str:
        """The name of the connection's cloud. Raises ConfigError when the connection is not defined."""
        return self._directories.options(connection).cloud

    async def token(self, scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> str:
        """An access token for the scope that is valid for some minutes more."""
        return await (await self._login(scope, connection, auth)).token()

    async def renew(self, scope: str, *, connection: str, auth: Mapping[str, object] | None = None) -> None:
        """The next token is fetched anew."""
        await (await self._login(scope, connection, auth)).renew()

    async def close(self) -> None:
        """Let go of every sign-in."""
        held, self._held = self._held, {}
        for each in held.values():
            await each.close()

    async def _login(self, scope: str, connection: str, auth: Mapping[str, object] | None) -> Login:
        options = self._directories.options(connection)
        if auth is not None:
            options = _as_connection(options, auth)
        key = (scope, connection, *sorted((name, str(value)) for name, value in (auth or {}).items()))
        cloud = replace(self._directories.cloud(options), scope=scope)
        async with self._turn:
            held = self._held.get(key)
            if held is None or (held.options, held.cloud) != (options, cloud):
                held = self._held[key] = await self._replaced(held, options, cloud, own=auth is not None)
        return held.login

    async def _replaced(self, old: _Held | None, options: AnyConnection, cloud: Endpoints, *, own: bool) -> _Held:
        if old is not None:
            await old.close()
        secret_of = None if own else self._directories.secret_of
        bound = partial(secret_of, options.name) if secret_of else None
        tokens = None if own else self._directories.refresh
        refresh = partial(tokens.use, options.name) if tokens else None
        return await asyncio.to_thread(self._opened, options, cloud, bound, refresh)

    def _opened(
        self,
        options: AnyConnection,
        cloud: Endpoints,
        secret_of: Callable[[], Awaitable[object]] | None,
        refresh: Use | None,
    ) -> _Held:
        """Runs in a thread: imports and certificates take too long for the loop."""
        from rotator.entra.login import Login

        network, timeouts = self._directories.network, Timeouts(options.timeouts.connect, options.timeouts.request)
        http = network.client(timeouts, extra_ca_file=cloud.ca_file, http2=False)
        local = network.client(timeouts, http2=False, proxied=False)
        login = Login(
            options,
            cloud,
            http=http,
            local=local,
            timeouts=timeouts,
            clock=self._directories.clock,
            secret_of=secret_of,  # type: ignore[arg-type]  # a partial of the directories' own
            refresh=refresh,
        )
        login.prepare()
        return _Held(options, cloud, login, (http, local))


def _as_connection(options: AnyConnection, auth: Mapping[str, object]) -> AnyConnection:
    """The connection, signing in as the block says."""
    from pydantic import ValidationError

    given = {key: value for key, value in auth.items() if key != "method" and value is not None}
    method = str(auth.get("method"))
    values = {
        "name": options.name,
        "method": method,
        "cloud": options.cloud,
        "timeouts": options.timeouts,
        "credentials": {"tenantId": options.credentials.tenant_id, **given},
    }
    allowed = [each for each in METHODS if each not in _NOT_HERE]
    if method not in allowed:
        raise ConfigError([f"auth: method: {method!r} is not allowed ({' | '.join(allowed)})"])
    try:
        return METHODS[method].model_validate(values)
    except ValidationError as exc:
        found = exc.errors(include_input=False, include_url=False, include_context=False)
    raise ConfigError([f"auth: {'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in found])
