"""What do answers of Entra and Graph say beside their content: how long to wait, what time it is, what was refused?"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rotator.answers import http_date, parsed, shortened

if TYPE_CHECKING:
    import httpx

    from rotator.ports import Clock

_CLAIMS = re.compile(r'claims="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of Graph. Its repr shows no content, which may hold a secret."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)

    @property
    def error(self) -> GraphError:
        """Graph's error body; empty where there is none, as in a gateway's page."""
        body = parsed(self.content).get("error")
        if not isinstance(body, dict):
            return GraphError()
        details = body.get("details")
        codes = [str(each.get("code", "")) for each in details if isinstance(each, dict)] if details else []
        return GraphError(str(body.get("code") or ""), shortened(str(body.get("message") or "")), tuple(codes))

    @property
    def request_id(self) -> str:
        """What Microsoft's support asks for."""
        return self.headers.get("request-id", "")

    @property
    def claims(self) -> str:
        """The claims a new token must bear, as JSON, when continuous access evaluation refused this one; else empty."""
        found = _CLAIMS.search(self.headers.get("www-authenticate", ""))
        if not found:
            return ""
        try:
            return base64.b64decode(found[1] + "=" * (-len(found[1]) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""


@dataclass(frozen=True, slots=True)
class GraphError:
    """`error` of a Graph body: its code, its text cut short, the codes of its details."""

    code: str = ""
    message: str = ""
    details: tuple[str, ...] = ()


class LastAnswer:
    """Remembers the `Date` of Entra's last answer and when it came (law L13)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[str, float] | None = None

    async def note(self, response: httpx.Response) -> None:
        """An httpx response hook. Pages of proxies, whose clocks may be anywhere, bear none of Entra's request ids."""
        headers = response.headers
        date = headers.get("date")
        if date and ("request-id" in headers or "x-ms-request-id" in headers):
            self._seen = (date, self._clock.monotonic())

    def time(self) -> tuple[datetime, float] | None:
        """Entra's time and the monotonic time of its arrival; None before the first answer."""
        moment = http_date(self._seen[0]) if self._seen else None
        return (moment, self._seen[1]) if moment and self._seen else None


def time_of(value: object) -> datetime | None:
    """A time as Graph writes it, which is with seven digits of a second; None for what is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
