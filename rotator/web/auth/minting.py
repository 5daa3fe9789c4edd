"""What is an access token or a client secret made of? 256 random bits, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from uuid import uuid4

from rotator.domain.access import AccessToken, ClientSecret, Issued, Method, TokenRule
from rotator.domain.secret import Secret

_TOKEN = "rotator_at_"  # noqa: S105 - the beginning that redaction knows it by
_SECRET = "rotator_cs_"  # noqa: S105 - as above
_BYTES = 32
_SHOWN = len(_SECRET) + 4
_LONGEST = 256


def mint(identity_id: str, method: Method, rule: TokenRule, *, now: datetime) -> Issued:
    """A fresh token under that rule; whoever minted it keeps its record and hands out its text once."""
    text = Secret(_TOKEN + secrets.token_urlsafe(_BYTES))
    ends = expiry(rule, created_at=now, now=now)
    token = AccessToken(digest_of(text), str(uuid4()), identity_id, method, now, ends, rule.uses, 0)
    return Issued(text, token, rule)


def mint_secret(
    identity_id: str, *, now: datetime, description: str = "", ttl: timedelta = timedelta(0), uses_limit: int = 0
) -> tuple[Secret, ClientSecret]:
    """A fresh client secret of universal auth and its record; a `ttl` of nothing is for ever."""
    text = Secret(_SECRET + secrets.token_urlsafe(_BYTES))
    ends = now + ttl if ttl else None
    prefix = text.reveal()[:_SHOWN]
    return text, ClientSecret(str(uuid4()), identity_id, digest_of(text), prefix, description, now, ends, uses_limit, 0)


def expiry(rule: TokenRule, *, created_at: datetime, now: datetime) -> datetime | None:
    """When a token that is made or renewed now ends; None: never."""
    ends = [now + rule.ttl] if rule.ttl else []
    ends += [created_at + rule.max_ttl] if rule.max_ttl else []
    return min(ends, default=None)


def digest_of(text: Secret) -> str:
    """What is kept of it. The text has 256 bits of its own, so that a slow hash would add nothing."""
    return hashlib.sha256(text.reveal().encode("utf-8", "replace")[:_LONGEST]).hexdigest()


def is_same(digest: str, other: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(digest.encode(), other.encode())
