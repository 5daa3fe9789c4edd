"""How do spans reach their collector? In batches, beside everything else; a collector that is down costs only them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import httpx
import structlog

from rotator.observers.traces import Traces, request_of

if TYPE_CHECKING:
    from rotator.ports import Clock

#: Seconds between two batches, and after a failure.
EVERY: Final = 5.0
_AFTER_FAILURE: Final = 60.0
_BATCH: Final = 512

_log = structlog.get_logger("rotator.traces")


class Sender:
    """Sends what the traces hold, for as long as it runs. `headers` may be secret; they are in no message."""

    def __init__(
        self,
        traces: Traces,
        http: httpx.AsyncClient,
        clock: Clock,
        *,
        endpoint: str,
        headers: Mapping[str, str],
        node: str,
    ) -> None:
        self._traces = traces
        self._http = http
        self._clock = clock
        self._endpoint = endpoint
        self._headers = headers
        self._node = node
        self._is_down = False

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            await self._clock.sleep(_AFTER_FAILURE if self._is_down else EVERY)
            await self.send()

    async def send(self) -> None:
        """Whatever waits; what the collector cannot take now is kept for the next time, what it refuses is dropped."""
        while spans := self._traces.take(_BATCH):
            problem, again = await self._post(request_of(spans, node=self._node))
            if again:
                self._traces.give_back(spans)
            self._tell(problem)
            if problem:
                return

    async def _post(self, body: Mapping[str, object]) -> tuple[str, bool]:
        """What went wrong, and whether it may go better later."""
        try:
            answer = await self._http.post(self._endpoint, json=body, headers=dict(self._headers))
        except httpx.HTTPError as problem:
            return type(problem).__name__, True
        if answer.is_success:
            return "", False
        return f"HTTP {answer.status_code}", answer.status_code in {408, 429} or answer.status_code >= 500

    def _tell(self, problem: str) -> None:
        if problem and not self._is_down:
            _log.warning("traces cannot be sent", endpoint=self._endpoint, problem=problem)
        elif self._is_down and not problem:
            _log.info("traces are sent again", endpoint=self._endpoint)
        self._is_down = bool(problem)
