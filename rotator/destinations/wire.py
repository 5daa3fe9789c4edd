"""How does a destination speak HTTP, and what does each failure mean for a delivery? In one place for all kinds.

Every failure leaves here as DestinationUnavailable (again later) or DestinationRefused (a person must act). No error of
httpx gets out, nor stands behind one as its cause: it holds the request, and so the text.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from rotator.answers import parsed, retry_after, shortened
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from rotator.network import Timeouts
from rotator.options import show_span
from rotator.redaction import HIDDEN
from rotator.references import SecretMissing
from rotator.trouble import NO_ANSWER, described, remedy

if TYPE_CHECKING:
    from rotator.destinations.options import Reach
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Secret
    from rotator.references import Reference

_CONNECT = Timeouts().connect
#: Answers that the same request may not get again: throttled, overtaken by another writer, or not ready.
_PASSING = frozenset({408, 409, 412, 423, 425, 429})
_HINTS = {
    401: "Check the sign-in of this destination",
    403: "Grant the right to write there",
    404: "Check the address and the names; what the secret stands in must exist",
    405: "Check the address: this service does not speak as expected",
    413: "It is too large for this place; take other things out of it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a status that was wanted. Its repr shows no content, which may hold a text."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object it holds; empty for anything else."""
        return dict(parsed(self.content))


class Wire:
    """Requests on behalf of one destination. `place` is its name in errors; `hints` say per status what to do.

    Nothing is repeated here: a delivery is tried again as a whole, by what is there then.
    """

    def __init__(
        self, client: httpx.AsyncClient, place: str, *, seconds: float, hints: Mapping[int, str] | None = None
    ) -> None:
        self._client = client
        self._place = place
        self._seconds = seconds
        self._hints = {**_HINTS, **(hints or {})}

    async def send(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        wanted: Collection[int] = (),
        hide: Collection[Secret] = (),
        any_form: bool = False,
        **request: Any,
    ) -> Answer:
        """One request; `request` is what httpx takes (`json`, `params`, `headers`, `content`, `data`).

        Answers with 2xx or a `wanted` status are returned; all others raise. `hide`: texts in the request, which no
        error may quote back. `any_form`: success need not be JSON; else the page of a proxy on the way, which says 200
        to everything, would pass for an empty place.
        """
        answer = await self.exchange(operation, method, url, **request)
        return self.accepted(operation, url, answer, wanted=wanted, hide=hide, any_form=any_form)

    def accepted(
        self,
        operation: str,
        url: str,
        answer: Answer,
        *,
        wanted: Collection[int] = (),
        hide: Collection[Secret] = (),
        any_form: bool = False,
    ) -> Answer:
        """The answer, if it has 2xx or a `wanted` status, as `send` says; raises for all others."""
        if 200 <= answer.status < 300 and not (any_form or _is_json(answer.content)):
            what = f"what {_host(url)} answered is not of this service"
            raise DestinationUnavailable(self._place, operation, what, hint="A proxy on the way may have answered")
        if 200 <= answer.status < 300 or answer.status in wanted:
            return answer
        raise self.failure(operation, url, answer, hide=hide)

    async def exchange(self, operation: str, method: str, url: str, **request: Any) -> Answer:
        """One request, and whatever is answered. Raises when nothing is."""
        answered = await self._answered(operation, method, url, request)
        if isinstance(answered, DestinationError):
            raise answered
        return Answer(answered.status_code, answered.headers, answered.content)

    def failure(
        self, operation: str, url: str, answer: Answer, *, hide: Collection[Secret] = (), hint: str = ""
    ) -> DestinationError:
        """What an answer that was not wanted means; `hint` says better than the status what to do."""
        status = answer.status
        detail = f"{_host(url)} answered {status}{said(answer.content, hide)}"
        hint = hint or self._hints.get(status, "")
        if status >= 500 or status in _PASSING:
            wait = retry_after(answer.headers)
            return DestinationUnavailable(self._place, operation, detail, hint=hint, retry_after=wait)
        if 300 <= status < 400:
            hint = "It leads elsewhere; correct the address"
        return DestinationRefused(self._place, operation, detail, hint=hint)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _answered(
        self, operation: str, method: str, url: str, request: dict[str, Any]
    ) -> httpx.Response | DestinationError:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._client.request(method, url, **request)
        except NO_ANSWER as exc:
            return DestinationUnavailable(self._place, operation, described(exc, _host(url)), hint=remedy(exc))
        except (httpx.InvalidURL, UnicodeError, ValueError) as exc:
            # What cannot be put on the wire at all, such as a line end in a header.
            return DestinationRefused(self._place, operation, f"the request cannot be sent ({type(exc).__name__})")


def open_wire(
    options: Reach, place: str, surroundings: Surroundings, *, hints: Mapping[int, str] | None = None
) -> Wire:
    """The wire of a destination with these options; whoever opens it closes it. Raises ConfigError for a bad caFile."""
    timeouts = Timeouts(min(_CONNECT, options.timeout), options.timeout)
    client = surroundings.network().client(timeouts, extra_ca_file=options.ca_file or "", http2=False)
    return Wire(client, place, seconds=options.timeout.total_seconds(), hints=hints)


@asynccontextmanager
async def in_time(longest: timedelta, place: str, operation: str) -> AsyncIterator[None]:
    """Several requests, and the wait for one's turn, within the time that the engine has set aside for one call.

    A holder that is overtaken by then must not go on writing.
    """
    try:
        async with asyncio.timeout(longest.total_seconds()):
            yield
    except TimeoutError:
        pass
    else:
        return
    raise DestinationUnavailable(place, operation, f"it did not end within {show_span(longest)}")


def resolved(reference: Reference, place: str, operation: str) -> Secret:
    """The secret that a reference names, as it stands now. Raises DestinationRefused when it is not there."""
    try:
        return reference.resolve()
    except SecretMissing as exc:
        problem = DestinationRefused(place, operation, exc.what, hint=exc.hint)
    raise problem


def said(content: bytes, hide: Collection[Secret] = ()) -> str:
    """What an error body tells, as the end of a line of ours (`: CODE: message`); nothing if it tells nothing."""
    words = ": ".join(_words(parsed(content)))
    for secret in hide:
        words = words.replace(secret.reveal(), HIDDEN)
    return f": {shortened(words)}" if words else ""


def _words(body: Mapping[str, Any]) -> list[str]:
    """Code and message, in the forms of Azure, Google, Kubernetes, GitHub, Vault and Infisical."""
    error, errors = body.get("error"), body.get("errors")
    if isinstance(error, Mapping):
        return _texts(
            error.get("code") if isinstance(error.get("code"), str) else error.get("status"), error.get("message")
        )
    if isinstance(errors, list) and errors and not body.get("message"):
        return _texts(*errors[:3])
    return _texts(error or body.get("reason") or body.get("typeKey"), body.get("message"))


def _texts(*values: object) -> list[str]:
    return [value for value in values if isinstance(value, str) and value]


def _is_json(content: bytes) -> bool:
    try:
        return not content.strip() or isinstance(json.loads(content), dict | list)
    except (ValueError, RecursionError):
        return False


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host
    except (httpx.InvalidURL, ValueError):
        return "the address"
