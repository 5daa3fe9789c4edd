"""Who sits before the page? A link or a sign-in becomes a session, which a cookie brings back; all kept by digest.

Their digests bear a prefix, so that neither is an access token of the API, and no access token is one of them.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta

from rotator.domain.access import Identity, Issued, Method, TokenRule
from rotator.domain.secret import Secret
from rotator.web.auth.minting import digest_of, mint

#: How long a link waits to be opened.
LINK_LIFE = timedelta(minutes=10)
#: How long the session of a link lasts, used or not.
SESSION_LIFE = timedelta(hours=8)
#: The identity that links are made for unless another is named; an admin of everything.
IDENTITY = "dashboard"
#: All that opens the dashboard.
METHODS = (Method.LINK, Method.SESSION, Method.ENTRA)


def made(method: Method, identity: Identity, now: datetime, life: timedelta | None = None) -> Issued:
    """A fresh link or session; the only moment at which its text exists here. `life` is that of a sign-in's session."""
    usual = LINK_LIFE if method is Method.LINK else SESSION_LIFE
    rule = TokenRule(life or usual, life or usual, uses=1 if method is Method.LINK else 0)
    issued = mint(identity.id, method, rule, now=now)
    return replace(issued, token=replace(issued.token, digest=digest(method, issued.text)))


def digest(method: Method, text: Secret) -> str:
    """What a link or a session, however it began, is known by."""
    kind = Method.LINK if method is Method.LINK else Method.SESSION
    return f"{kind.value}:{digest_of(text)}"


def form_token(session: Secret) -> str:
    """What a form of that session bears, so that no page of others can send it; tells nothing of the session."""
    return hmac.digest(session.reveal().encode(), b"rotator dashboard form", "sha256").hex()


def is_form_token(session: Secret, given: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(hashlib.sha256(form_token(session).encode()).digest(), _hash(given))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
