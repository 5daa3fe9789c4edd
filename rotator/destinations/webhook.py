"""How is a credential delivered to whoever answers an address? As a signed message, with or without the secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from rotator.destinations.handed import HandedDestination, Message
from rotator.destinations.options import KindOptions
from rotator.destinations.posting import Post, Posting
from rotator.destinations.sidecar import Seat
from rotator.options import Flag

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation
    from rotator.ports import Destination


class Options(Posting, KindOptions):
    """Where to, signed by what, and what is in it."""

    include_secret: Flag = Field(
        default=False, description="The message holds the secret; else only that there is a new one, and its key id."
    )
    read_back: Flag = Field(
        default=False, description="The receiver understands read and remove, and tells what it holds."
    )

    def place(self) -> str:
        return f"webhook:{self.url}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)
        carrier = _Receiver(self, surroundings)
        return HandedDestination(carrier, seat, names, reads=self.read_back, surroundings=surroundings)


class _Receiver:
    """The carrier: one POST for each message."""

    def __init__(self, options: Options, surroundings: Surroundings) -> None:
        self._options = options
        self._surroundings = surroundings
        self._post = Post(options, options.place(), surroundings)

    async def check(self) -> None:
        """It answers, and does not turn us away."""
        await self._post.reachable("check")

    async def bring(self, message: Message) -> bytes:
        """The content of the answer."""
        whole = message.operation == "write" and self._options.include_secret
        body = {
            "type": f"credential.{message.operation}",
            "timestamp": self._surroundings.clock.now().isoformat(),
            "data": message.plain(whole=whole),
        }
        message_id = message.id or message.operation
        return await self._post.post(message.operation, body, message_id=message_id, hide=message.secrets.values())

    async def close(self) -> None:
        """Let go of the connection."""
        await self._post.close()
