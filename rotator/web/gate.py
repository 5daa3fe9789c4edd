"""What happens to every request before and after its route? An id, a limit, a bounded body, and never a traceback."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rotator.domain.access import Note
from rotator.errors import RotatorError
from rotator.web.addresses import client_of
from rotator.web.envelope import broken, refusal
from rotator.web.parts import Parts
from rotator.web.refusals import BadRequest, TooLarge, TooSlow

#: The largest body that is read.
LARGEST = 256 * 1024
_UNKEPT = (b"cache-control", b"no-store")
_ADDED = ((b"x-content-type-options", b"nosniff"),)
_BODILESS = ("GET", "HEAD", "OPTIONS")
_NO_BODY: Message = {"type": "http.request", "body": b"", "more_body": False}

_log = structlog.get_logger("rotator.api")


class Gate:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = _Answer(send, f"req-{secrets.token_hex(8)}", self._refused_login(scope))
        headers = _headers(scope)
        peer = scope.get("client") or ("", 0)
        address = client_of(peer[0], headers.get(b"x-forwarded-for", ""), self._parts.trusted_proxies())
        scope["rotator.request_id"], scope["rotator.address"] = answer.request_id, address
        try:
            self._parts.limits.take(_kind(scope), address)
            received = await _body(headers, receive, self._parts.patience) if _has_body(headers) else _NO_BODY
            await self._app(scope, _Replay(received, receive), answer)
        except RotatorError as problem:
            scope["rotator.facts"] = {"why": str(problem)}
            await answer.instead(refusal(answer.request_id, problem), scope, receive)
        except Exception:  # noqa: BLE001 - a bug of ours must end in an answer, not in a broken connection
            _log.exception("a request ended in a bug", request_id=answer.request_id, path=scope["path"])
            await answer.instead(broken(answer.request_id), scope, receive)
        _tell(scope, answer, address)

    def _refused_login(self, scope: Scope) -> Callable[[int], Awaitable[None]] | None:
        """What writes the audit row of a login that is refused, before anybody hears of it.

        Too many requests are no row each: they are the log's, or the disk would be who is attacked.
        """
        if _kind(scope) != "logins":
            return None

        async def record(status: int) -> None:
            if status < 400 or status == 429:
                return
            facts = {"path": scope["path"][:256], "status": status, **scope.get("rotator.facts", {})}
            note = Note("login.refused", "", "", scope["rotator.address"], scope["rotator.request_id"], facts)
            await self._parts.audit.record(note)

        return record


class _Answer:
    """Sends the answer on, with what every answer bears."""

    def __init__(self, send: Send, request_id: str, before: Callable[[int], Awaitable[None]] | None) -> None:
        """`before` is told of the status before the answer goes out."""
        self._send = send
        self._before = before
        self.request_id = request_id
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._before is not None:
                await self._before(message["status"])
            self.status = message["status"]
            more = [*_ADDED, (b"x-request-id", self.request_id.encode())]
            if not any(name == b"cache-control" for name, _ in message["headers"]):
                more.append(_UNKEPT)
            message["headers"] = [*message["headers"], *more]
        await self._send(message)

    async def instead(self, response: Any, scope: Scope, receive: Receive) -> None:
        """Another answer, if none has begun."""
        if not self.status:
            await response(scope, receive, self)


class _Replay:
    """Gives the body that has been read, then whatever comes after it."""

    def __init__(self, received: Message, receive: Receive) -> None:
        self._received: Message | None = received
        self._receive = receive

    async def __call__(self) -> Message:
        received, self._received = self._received, None
        return received if received is not None else await self._receive()


async def _body(headers: dict[bytes, str], receive: Receive, patience: float) -> Message:
    """The whole body in one message. Raises TooLarge, TooSlow."""
    told = headers.get(b"content-length", "0")
    if not told.isdigit():
        raise BadRequest("The Content-Length is no number")
    if int(told) > LARGEST:
        raise _too_large()
    try:
        async with asyncio.timeout(patience):
            return await _read(receive)
    except TimeoutError:
        raise TooSlow("The body did not arrive in time") from None


async def _read(receive: Receive) -> Message:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise _too_large()
        more = message.get("more_body", False)
    return {"type": "http.request", "body": bytes(body), "more_body": False}


def _too_large() -> TooLarge:
    return TooLarge(f"The body is larger than {LARGEST // 1024} KiB")


def _headers(scope: MutableMapping[str, Any]) -> dict[bytes, str]:
    """The few that the gate looks at; of a repeated X-Forwarded-For the parts in their order."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for" and name in found:
            found[name] = f"{found[name]},{value.decode('latin-1')}"
        elif name in {b"x-forwarded-for", b"content-length", b"transfer-encoding"}:
            found[name] = value.decode("latin-1")
    return found


def _has_body(headers: dict[bytes, str]) -> bool:
    return b"content-length" in headers or b"transfer-encoding" in headers


def _kind(scope: Scope) -> str:
    """What limits it counts for."""
    if scope["method"] in _BODILESS:
        return "reads"
    return "logins" if scope["path"].endswith("/login") else "changes"


def _tell(scope: Scope, answer: _Answer, address: str) -> None:
    """A line for what was changed or refused; reads that went well only for who debugs."""
    say = _log.debug if answer.status < 400 and scope["method"] in _BODILESS else _log.info
    say(
        "request",
        method=scope["method"],
        path=scope["path"][:256],
        status=answer.status,
        address=address,
        request_id=answer.request_id,
    )
