"""How is a signed message posted to an address of the user's? For the destination and the hook of that name."""

from __future__ import annotations

import json
import ssl
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rotator.destinations.options import Endpoint, NamedSecret
from rotator.destinations.signing import Unusable, signed
from rotator.destinations.wire import Wire, resolved
from rotator.errors import DestinationRefused
from rotator.network import Timeouts
from rotator.options import FilePath, Options, span

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Secret

_CONNECT = Timeouts().connect


class Posting(Options):
    """Where to, and by what the receiver knows us."""

    url: Endpoint = Field(description="Where it is posted; https, or http to this very machine.")
    secret: NamedSecret = Field(description="The key that signs it (HMAC-SHA256), 24 bytes or more.")
    client_certificate: FilePath | None = Field(default=None, description="Our certificate for TLS, PEM.")
    client_key: FilePath | None = Field(default=None, description="Its private key; default: in the same file.")
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust beside the usual ones, PEM.")
    timeout: Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=10))] = Field(
        default=timedelta(seconds=30), description="How long one request may take; default 30s."
    )


class Post:
    """Posts to one address; the connection is made with the first message and kept until `close`."""

    def __init__(self, options: Posting, place: str, surroundings: Surroundings) -> None:
        self._options = options
        self._place = place
        self._surroundings = surroundings
        self._wire: Wire | None = None

    async def reachable(self, operation: str) -> None:
        """Somebody answers there, and does not turn us away. Posts nothing: a receiver may act upon whatever comes."""
        headers = self._headers(operation, b"", message_id="check")
        # What knows no OPTIONS says so with 404, 405 or 501, which is an answer all the same.
        await self._opened(operation).send(
            operation, "OPTIONS", self._options.url, wanted=(400, 404, 405, 501), any_form=True, headers=headers
        )

    async def post(
        self, operation: str, message: Mapping[str, object], *, message_id: str, hide: Collection[Secret] = ()
    ) -> bytes:
        """The answer's content. Raises DestinationUnavailable, DestinationRefused."""
        body = json.dumps(message).encode()
        headers = self._headers(operation, body, message_id=message_id) | {"Content-Type": "application/json"}
        wire = self._opened(operation)
        answer = await wire.send(
            operation, "POST", self._options.url, hide=hide, any_form=True, headers=headers, content=body
        )
        return answer.content

    async def close(self) -> None:
        """Let go of the connection."""
        if self._wire is not None:
            await self._wire.close()

    def _headers(self, operation: str, body: bytes, *, message_id: str) -> dict[str, str]:
        key = resolved(self._options.secret, self._place, operation)
        try:
            return signed(body, key, message_id=message_id, at=self._surroundings.clock.now())
        except Unusable as exc:
            raise DestinationRefused(self._place, operation, exc.what, hint=exc.hint) from None

    def _opened(self, operation: str) -> Wire:
        if self._wire is None:
            options, network = self._options, self._surroundings.network()
            timeouts = Timeouts(min(_CONNECT, options.timeout), options.timeout)
            client = network.client(
                timeouts, extra_ca_file=options.ca_file or "", http2=False, context=self._context(operation)
            )
            self._wire = Wire(client, self._place, seconds=options.timeout.total_seconds())
        return self._wire

    def _context(self, operation: str) -> ssl.SSLContext | None:
        options = self._options
        if not options.client_certificate:
            return None
        context = self._surroundings.network().own_context(options.ca_file or "")
        try:
            context.load_cert_chain(options.client_certificate, options.client_key, password=_no_passphrase)
        except (OSError, ValueError) as exc:
            why = "is no certificate with its key" if isinstance(exc, ssl.SSLError | ValueError) else "cannot be read"
            detail = f"{options.client_certificate} {why}"
            hint = "PEM, with the private key in it or in clientKey, without a passphrase"
            raise DestinationRefused(self._place, operation, detail, hint=hint) from None
        return context


def _no_passphrase() -> str:
    """OpenSSL would ask the terminal."""
    return ""
