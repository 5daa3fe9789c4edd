"""What does any HTTP answer say beside its content: how long to wait, and what can be quoted of it in one line?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

import structlog

from rotator.redaction import redact_text

#: The longest we wait because a service asks for it; beyond that the retry table knows better.
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
_LONGEST_MESSAGE = 300
_log = structlog.get_logger(__name__)


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
    until, now = http_date(text), http_date(headers.get("date", ""))
    return until - now if until and now else None


@lru_cache(maxsize=16)
def http_date(text: str) -> datetime | None:
    """The moment a header such as `Date` names, aware UTC; None when it is not one."""
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
