"""Of what parts is one connection's directory made?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from rotator.entra.answers import LastAnswer
from rotator.entra.asking import Asker
from rotator.entra.directory import EntraDirectory
from rotator.entra.graph_client import GraphClient
from rotator.entra.limits import Limits
from rotator.entra.login import Login, SecretOf
from rotator.entra.proof import Prover
from rotator.network import Network, Timeouts, preload

if TYPE_CHECKING:
    from rotator.entra.clouds import Endpoints
    from rotator.entra.options import AnyConnection
    from rotator.entra.refresh_tokens import Use
    from rotator.ports import Clock, Meter


def open_directory(
    options: AnyConnection,
    cloud: Endpoints,
    *,
    network: Network,
    clock: Clock,
    new_id: Callable[[], str],
    secret_of: SecretOf | None = None,
    refresh: Use | None = None,
    meter: Meter | None = None,
) -> EntraDirectory:
    """A directory that nothing has been sent through yet. Raises ConfigError for a CA file that cannot be used."""
    timeouts = Timeouts(options.timeouts.connect, options.timeouts.request)
    preload()
    last_answer = LastAnswer(clock)
    # HTTP/1.1 for tokens: a proof is one small request on a pooled connection, and HTTP/2 costs twice the CPU here.
    tokens = network.client(timeouts, extra_ca_file=cloud.ca_file, http2=False)
    sdk = network.client(timeouts, extra_ca_file=cloud.ca_file)
    local = network.client(timeouts, http2=False, proxied=False)
    for client in (tokens, sdk):
        client.event_hooks = {"request": [], "response": [last_answer.note]}
    carriers = {"http": tokens, "local": local}
    login = Login(options, cloud, **carriers, timeouts=timeouts, clock=clock, secret_of=secret_of, refresh=refresh)
    login.prepare()
    graph = GraphClient(sdk, cloud, token=login.token, new_id=new_id)
    graph.prepare()
    asker = Asker(login, cloud.graph_host, timeouts.whole, clock=clock, meter=meter)
    return EntraDirectory(
        graph,
        login,
        asker=asker,
        limits=Limits(graph, asker, clock),
        prover=Prover(tokens, cloud, options.credentials.tenant_id, seconds=timeouts.whole),
        clock=clock,
        last_answer=last_answer,
        close=partial(_close, login.close, graph.close, tokens.aclose, local.aclose),
    )


async def _close(*parts: Callable[[], Awaitable[None]]) -> None:
    for close in parts:
        await close()
