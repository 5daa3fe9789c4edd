"""What do answers of Entra and Graph say beside their content: how long to wait, what time it is, what was refused?"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import structlog

from rotator.redaction import redact_text

if TYPE_CHECKING:
    import httpx

    from rotator.ports import Clock

#: The longest we wait because a service asks for it; beyond that the retry table knows better.
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
_LONGEST_MESSAGE = 300
_CLAIMS = re.compile(r'claims="([^"]+)"')
_log = structlog.get_logger(__name__)


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
        moment = _http_date(self._seen[0]) if self._seen else None
        return (moment, self._seen[1]) if moment and self._seen else None


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """What `Retry-After` asks for, in seconds or until a date, at most an hour; None when it says nothing usable."""
    text = headers.get("retry-after", "").strip()
    asked = timedelta(seconds=min(int(text), 10**9)) if re.fullmatch(r"[0-9]{1,12}", text) else _until(text, headers)
    if asked is None or asked <= timedelta(0):
        return None
    if asked > LONGEST_RETRY_AFTER:
        _log.warning("Retry-After is longer than we wait", asked=text, waited=str(LONGEST_RETRY_AFTER))
    return min(asked, LONGEST_RETRY_AFTER)


def _until(text: str, headers: Mapping[str, str]) -> timedelta | None:
    """A date is counted from the same answer's own `Date`: the two come from one clock."""
    until, now = _http_date(text), _http_date(headers.get("date", ""))
    return until - now if until and now else None


@lru_cache(maxsize=16)
def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parsed(content: bytes | str) -> dict[str, object]:
    """A JSON object, or an empty one for anything else."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def shortened(text: str) -> str:
    """Somebody else's text as part of one line of ours: first line, cut, without what looks like a secret."""
    line = " ".join((text.splitlines() or [""])[0].split())
    return redact_text(line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 3]}...")
