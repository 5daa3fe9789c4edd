"""How do traces get from the engine to a collector? Sent while the daemon runs, and once more at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from rotator.app import Engine, node_name

if TYPE_CHECKING:
    from rotator.observers.traces import Traces

#: Seconds that the daemon's end may wait for a collector.
_LAST_WORDS = 3.0


@asynccontextmanager
async def traced(engine: Engine, traces: Traces) -> AsyncIterator[None]:
    """Send what `traces` holds while this is open, where that is configured. Raises SecretMissing for a header."""
    options = engine.configuration.traces
    if not options.endpoint:
        yield
        return
    from rotator.network import Timeouts
    from rotator.observers.sending import Sender

    headers = {name: each.resolve().reveal() for name, each in options.headers.items()}
    client = await asyncio.to_thread(engine.directories.network.client, Timeouts(), http2=False)
    async with client as http:
        node = node_name(engine.configuration)
        clock = engine.world.clock
        sender = Sender(traces, http, clock, endpoint=options.endpoint, headers=headers, node=node)
        sending = asyncio.create_task(sender.run())
        try:
            yield
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            with suppress(TimeoutError):
                await asyncio.wait_for(sender.send(), _LAST_WORDS)
