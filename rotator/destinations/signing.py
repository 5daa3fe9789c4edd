"""How does a receiver know that a message is ours, and not an old one? By the headers of Standard Webhooks.

The receiver computes HMAC-SHA256 over `id.timestamp.body`, compares, and refuses timestamps more than five minutes away
(https://www.standardwebhooks.com): libraries for most languages do it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import TYPE_CHECKING

from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.domain.model import Secret

_PREFIX = "whsec_"
#: The standard asks for 24 bytes at least; a shorter key could be guessed from one message.
_LEAST = 24


class Unusable(RotatorError):
    """The key cannot be used to sign."""


def signed(body: bytes, key: Secret, *, message_id: str, at: datetime) -> dict[str, str]:
    """The headers. Raises Unusable for a key that is too short or not what it says it is."""
    moment = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), moment.encode(), body))
    signature = base64.b64encode(hmac.new(_bytes(key), content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": moment, "webhook-signature": f"v1,{signature}"}


def _bytes(key: Secret) -> bytes:
    text = key.reveal()
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else None
    except (binascii.Error, ValueError):
        raise Unusable("the key begins with whsec_, but no base64 follows") from None
    found = text.encode() if found is None else found
    if len(found) < _LEAST:
        raise Unusable(f"the key has fewer than {_LEAST} bytes", hint="openssl rand -base64 32 makes one")
    return found
