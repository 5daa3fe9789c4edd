"""How does a test ask over plain HTTP? With a client that does not first read all authorities of the internet."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

#: It trusts nobody: nothing that is asked this way is encrypted.
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plainly(address: str, **more: Any) -> httpx.AsyncClient:
    """A client of what listens on this machine; whoever asks for it closes it."""
    return httpx.AsyncClient(**{"base_url": address, "verify": NOBODY, "trust_env": False, "timeout": 60, **more})
