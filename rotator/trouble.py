"""Why did no answer come? Network trouble in one line that names the host and, where we know one, the remedy."""

from __future__ import annotations

import httpx

from rotator.answers import shortened

#: What httpx, anyio and the operating system raise when no answer comes; asyncio's own timeout among them.
NO_ANSWER: tuple[type[Exception], ...] = (httpx.HTTPError, httpx.StreamError, OSError)

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.PoolTimeout, "no free connection in time"),
    (httpx.TimeoutException, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (httpx.ProxyError, "the proxy refused"),
    (httpx.ConnectError, "no connection"),
    (httpx.RemoteProtocolError, "the connection was closed before the answer"),
)
_TELLING = (httpx.ConnectError, httpx.ProxyError)


def described(exc: Exception, host: str) -> str:
    """One line; httpx's own texts name no host and are often empty, and only those about connecting tell anything."""
    kind = next((words for error, words in _WORDS if isinstance(exc, error)), "the connection broke")
    reason = shortened(str(exc)) if isinstance(exc, _TELLING) else ""
    return f"{kind} ({host}: {reason})" if reason else f"{kind} ({host})"


def remedy(exc: Exception) -> str:
    """What to do about it; empty when waiting is all there is."""
    text = str(exc)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "Set network.caFile (or the caFile beside that address) to the authority of the server's certificate."
    if isinstance(exc, httpx.ProxyError):
        return "Check network.proxy or HTTPS_PROXY; hosts in noProxy are reached directly."
    if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout):
        return "Check name resolution, the firewall and network.proxy."
    return ""


def word(exc: Exception) -> str:
    """One word for it."""
    if isinstance(exc, httpx.TimeoutException | TimeoutError):
        return "timeout"
    return "unreachable" if isinstance(exc, httpx.ConnectError | httpx.ProxyError) else "reset"
