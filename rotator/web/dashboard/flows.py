"""Was what comes back from Entra begun by this browser, and does it come back for the first time?

What a browser is sent away with follows from random text that it keeps in a cookie: the state that must come back, the
nonce that the id token must bear, and the verifier without which its code is worth nothing (PKCE). So nothing is kept
here, any node may answer, and who has not begun has nothing to show.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from rotator.domain.secret import Secret

#: How long a person may take at Entra; its codes live as long.
LIFE = timedelta(minutes=10)
_LONGEST_RETURN = 1024
_MOST_SEEN = 10_000


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to Entra and back: `about` is what is to be done then, `holder` the session that it is of, if any."""

    seed: Secret
    about: str
    holder: str = ""

    @classmethod
    def begun(cls, about: str, holder: str = "") -> Flow:
        """A fresh one."""
        return cls(Secret(secrets.token_urlsafe(32)), about, holder)

    @classmethod
    def kept(cls, cookie: Secret | None, holder: str = "") -> Flow | None:
        """The one that the browser has begun, or None."""
        seed, _, about = (cookie.reveal() if cookie else "").partition(".")
        try:
            said = base64.urlsafe_b64decode(about + "=" * (-len(about) % 4)).decode()
        except (binascii.Error, ValueError):
            return None
        return cls(Secret(seed), said, holder) if len(seed) == 43 else None

    @property
    def cookie(self) -> Secret:
        """What the browser keeps."""
        return Secret(f"{self.seed.reveal()}.{_encoded(self.about.encode())}")

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> Secret:
        return Secret(self._derived("verifier"))

    @property
    def challenge(self) -> str:
        """SHA-256 of the verifier."""
        return _encoded(hashlib.sha256(self.verifier.reveal().encode()).digest())

    def is_of(self, state: str) -> bool:
        """Compare in a time that tells nothing."""
        return hmac.compare_digest(self.state.encode(), state.encode("utf-8", "replace"))

    def _derived(self, word: str) -> str:
        told = f"{word}\0{self.holder}\0{self.about}"
        return _encoded(hmac.digest(self.seed.reveal().encode(), told.encode(), "sha256"))


class Once:
    """Remembers what has come back. A code serves once at Entra too; this spares the asking, on this node."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def is_first(self, state: str) -> bool:
        """Tell whether it has not been seen before; it has been from now on."""
        if state in self._seen:
            return False
        self._seen[state] = None
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        return True


def safe_return(path: str) -> str:
    """A page of ours to go back to, with its query; the overview for whatever else it may be.

    Browsers take a backslash for a slash and leave out tabs and line ends, so neither gets through.
    """
    plain = path.isascii() and path.isprintable() and not {" ", "\\"} & set(path) and len(path) <= _LONGEST_RETURN
    if not plain or not path.startswith("/") or path.startswith("//"):
        return "/"
    return "/" if urlsplit(path).path.startswith(("/sign-", "/static/", "/oauth/")) else path


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
