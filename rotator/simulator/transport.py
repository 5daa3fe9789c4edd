"""How do httpx clients reach the simulator without sockets, so that a simulated year replays?"""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import httpx

from rotator.simulator.simulation import Simulation
from rotator.simulator.wire import Hang, Reset, SimRequest

_NEVER = 3600.0


class SimTransport(httpx.AsyncBaseTransport):
    """Hands each request to a simulation in the same process, whatever host it names.

    `on_hang(seconds)` is called before a hanging request ends in `httpx.ReadTimeout`, with the read timeout of that
    request: the place to advance a manual clock. `on_latency(seconds)` is awaited when an answer is held back; without
    it no time passes. Several transports may share one simulation, which is how several nodes see one tenant.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        on_hang: Callable[[float], None] | None = None,
        on_latency: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._simulation = simulation
        self._on_hang = on_hang
        self._on_latency = on_latency

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request and its answer. Raises `httpx.ReadTimeout` for a hang, `httpx.ReadError` for a reset."""
        answer = self._simulation.control.handle(await _read(request))
        if isinstance(answer, Hang):
            self._hang(request)
            msg = "the simulator never answers this request"
            raise httpx.ReadTimeout(msg, request=request)
        if isinstance(answer, Reset):
            msg = "the simulator reset the connection"
            raise httpx.ReadError(msg, request=request)
        if answer.delay and self._on_latency is not None:
            await self._on_latency(answer.delay)
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)

    def _hang(self, request: httpx.Request) -> None:
        if self._on_hang is not None:
            timeout = request.extensions.get("timeout", {}).get("read")
            self._on_hang(_NEVER if timeout is None else timeout)


async def _read(request: httpx.Request) -> SimRequest:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return SimRequest(
        method=request.method,
        path=unquote(path) if "%" in path else path,
        query=query,
        headers={name.lower().decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw},
        body=await request.aread(),
    )
