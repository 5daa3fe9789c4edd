"""What does an HTTP client of ours do between a request and the network? Nothing that nobody asked it for."""

from __future__ import annotations

import logging

import httpx
from httpx import USE_CLIENT_DEFAULT

#: httpx's own, which says a line for each request at `info`.
_log = logging.getLogger("httpx")


class Client(httpx.AsyncClient):
    """Sends each request once, as it stands: no redirect is followed, no cookie is kept, no sign-in is answered.

    By the cookies of Entra's last answer a proof would be led to the server that knows the secret already. What httpx
    has for all that, and for the time an answer took, takes longer than making the request does.
    """

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: object = USE_CLIENT_DEFAULT,
        follow_redirects: object = USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """As `httpx.AsyncClient.send`; what an address says before its `@` is sent as basic authentication."""
        assert auth is USE_CLIENT_DEFAULT, "not by this client"
        assert follow_redirects is USE_CLIENT_DEFAULT, "not by this client"
        if self.is_closed:
            raise RuntimeError("the client has been closed")
        request.extensions.setdefault("timeout", self.timeout.as_dict())
        if request.url.userinfo:
            next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))
        for hook in self.event_hooks["request"]:
            await hook(request)
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.RequestError as exc:
            exc.request = request
            raise
        response.request = request
        try:
            for hook in self.event_hooks["response"]:
                await hook(response)
            if not stream:
                await response.aread()
        except BaseException:
            await response.aclose()
            raise
        if _log.isEnabledFor(logging.INFO):
            _log.info('HTTP Request: %s %s "%s"', request.method, request.url, response.status_code)
        return response
