"""How do azure-identity's token requests go through our own HTTP client, with its proxies, authorities and timeouts?

Its own transport (aiohttp) makes an SSL context for each request when a CA file is given, and reads proxies from the
environment only. This one also spares us aiohttp.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from azure.core.pipeline.transport import AsyncHttpResponse, AsyncHttpTransport
from azure.core.rest import HttpRequest

from rotator.answers import retry_after
from rotator.errors import DirectoryError, DirectoryThrottled, DirectoryUnavailable
from rotator.lent import Lent
from rotator.trouble import NO_ANSWER, described, remedy

#: What the metadata service answers while it starts or updates: 404 and 410, by its documentation.
_TRANSIENT_HERE = frozenset({404, 410})


class HttpxTransport(Lent, AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Sends token requests by a client that somebody else owns and closes.

    Raises DirectoryThrottled and DirectoryUnavailable for 429, 5xx and network trouble, past azure-core's retries, with
    neither cause nor context: httpx's errors hold the request and so the form with the secret. `operation` is what they
    say was attempted. `metadata_service`: this client asks the machine itself for a token.
    """

    def __init__(
        self, client: httpx.AsyncClient, seconds: float, *, operation: str, metadata_service: bool = False
    ) -> None:
        self._client = client
        self._operation = operation
        self._seconds = seconds
        self._transient = _TRANSIENT_HERE if metadata_service else frozenset[int]()

    async def send(self, request: HttpRequest, **_: Any) -> AsyncHttpResponse:
        """One request, never repeated; azure-core's own timeouts and TLS settings do not apply."""
        answer = await self._answer(request)
        if isinstance(answer, DirectoryError):
            raise answer
        status = answer.status_code
        if status == 429:
            raise DirectoryThrottled(self._operation, retry_after=retry_after(answer.headers))
        if status >= 500 or status in self._transient:
            raise DirectoryUnavailable(self._operation, f"{_host(request)} answered {status}", status=status)
        return _Answered(request, answer)

    async def _answer(self, request: HttpRequest) -> httpx.Response | DirectoryError:
        content = request.content
        body: dict[str, Any] = {"data" if isinstance(content, dict) else "content": content} if content else {}
        try:
            async with asyncio.timeout(self._seconds):
                return await self._client.request(request.method, request.url, headers=request.headers, **body)
        except NO_ANSWER as exc:
            return DirectoryUnavailable(self._operation, described(exc, _host(request)), hint=remedy(exc))


def _host(request: HttpRequest) -> str:
    return httpx.URL(request.url).host


class _Answered(AsyncHttpResponse):
    """An answer, wholly read, in the form azure-core's policies expect."""

    def __init__(self, request: HttpRequest, answer: httpx.Response) -> None:
        super().__init__(request, answer)  # type: ignore[arg-type]
        self.status_code = answer.status_code
        self.headers = answer.headers
        self.reason = answer.reason_phrase
        self.content_type = answer.headers.get("content-type")
        self._content = answer.content

    def body(self) -> bytes:
        return self._content
