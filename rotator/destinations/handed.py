"""How is a credential delivered to somebody who keeps it for us: a program, or whoever answers a webhook?

A message says what is to be done, `write`, and with `readBack` also `read` and `remove`; the answer to those says what
is there: `{"mark": ..., "version": ...}`, the mark as it was handed over, or nothing. Without `readBack` the message is
all there is, and what was delivered is known from the books.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rotator.destinations.marks import Mark, refuse_foreign, refuse_stale, texts
from rotator.errors import DestinationUnavailable
from rotator.ports import Marker, Placed

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.sidecar import Seat
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Delivery, Secret
    from rotator.ports import Parcel, Store


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed over. `secrets` by name; everything else may be shown."""

    operation: str
    facts: Mapping[str, object]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    #: The same for every try of one delivery.
    id: str = ""

    def plain(self, *, whole: bool = True) -> dict[str, object]:
        """All of it as JSON values, the secrets in the open if it is to be `whole`."""
        told: dict[str, object] = {"operation": self.operation, **self.facts}
        return told | ({"secrets": {name: text.reveal() for name, text in self.secrets.items()}} if whole else {})


class Carrier(Protocol):
    """Brings messages there. Raises DestinationUnavailable or DestinationRefused, quoting no secret."""

    async def check(self) -> None:
        """Could a message be brought? Hands nothing over."""

    async def bring(self, message: Message) -> bytes:
        """The answer."""

    async def close(self) -> None:
        """Let go of connections."""


class HandedDestination:
    """One rotation's names in somebody else's keeping."""

    def __init__(
        self, carrier: Carrier, seat: Seat, names: Mapping[str, str], *, reads: bool, surroundings: Surroundings
    ) -> None:
        self._carrier = carrier
        self._seat = seat
        self._names = dict(names)
        self._reads = reads
        self._surroundings = surroundings
        #: What was handed over since it was opened; the books follow when the engine commits.
        self._handed: Placed | None = None

    async def check(self) -> None:
        """Hands nothing over."""
        await self._carrier.check()

    async def read(self) -> Placed | None:
        """From whoever keeps it, or from the books."""
        if not self._reads:
            return self._handed or await self._booked()
        return self._told(await self._carrier.bring(Message("read", self._about())), "read")

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """Whether what is there has changed since it was read is judged by whoever keeps it."""
        now = await self.read()
        same = now is not None and now.marker is not None and self._seat.owns(Mark(now.marker, ()))
        refuse_stale(now.marker if now and same else None, parcel.marker, destination=self._seat.place)
        if not self._reads:
            return await self._hand_over(parcel)
        message = self._delivery(parcel, over=over.version if over else None)
        placed = self._told(await self._carrier.bring(message), "write")
        if placed is None:
            raise self._unheard("write")
        return placed

    async def remove(self, *, over: Placed) -> None:
        """Without `readBack` there is nobody to tell: what lies there is dead once it is revoked."""
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._seat.place)
        if self._reads:
            await self._carrier.bring(Message("remove", {**self._about(), "over": over.version}))
        self._handed = None

    async def close(self) -> None:
        """Let go of connections."""
        await self._carrier.close()

    async def _hand_over(self, parcel: Parcel) -> Placed:
        """Also what the books call handed over: whoever asks for that has a reason."""
        await self._carrier.bring(self._delivery(parcel, over=None))
        self._handed = self._placed(parcel.marker)
        return self._handed

    async def _booked(self) -> Placed | None:
        known = await self._surroundings.delivery(self._seat.rotation_id, self._seat.place)
        if known is None or not known.key_id:
            return None
        marker = Marker(self._seat.installation, self._seat.rotation_id, known.key_id, known.token)
        return self._placed(marker)

    def _placed(self, marker: Marker) -> Placed:
        """Another version where the names are others than those it was handed over under."""
        return Placed(marker, self._seat.version({}, Mark(marker, ())))

    def _about(self) -> dict[str, object]:
        seat = self._seat
        return {"installation": seat.installation, "rotationId": seat.rotation_id, "names": list(seat.names)}

    def _delivery(self, parcel: Parcel, *, over: str | None) -> Message:
        secrets = texts(parcel, self._names)
        mark = Mark(parcel.marker, self._seat.names)
        facts: dict[str, Any] = {
            **self._about(),
            "rotation": parcel.rotation_name,
            "attempt": parcel.attempt_id,
            "clientId": parcel.client_id,
            "tenantId": parcel.tenant_id,
            "keyId": parcel.marker.key_id,
            "expiresAt": parcel.expires_at.isoformat(),
            "mark": mark.to_json(),
        }
        if self._reads:
            facts["over"] = over
        return Message("write", facts, secrets, id=f"{self._placed(parcel.marker).version}-{parcel.marker.token}")

    def _told(self, answer: bytes, operation: str) -> Placed | None:
        """What the answer says is there; an empty one: nothing."""
        if not answer.strip():
            return None
        try:
            told = json.loads(answer)
            mark, version = Mark.from_json(told["mark"]), told["version"]
        except (ValueError, KeyError, TypeError):
            raise self._unheard(operation) from None
        if not isinstance(version, str) or not version:
            raise self._unheard(operation)
        return Placed(mark.marker if mark else None, version)

    def _unheard(self, operation: str) -> DestinationUnavailable:
        detail = "the answer does not say what is there"
        hint = 'With readBack it is {"mark": ..., "version": "..."}, or empty where nothing is'
        return DestinationUnavailable(self._seat.place, operation, detail, hint=hint)


def from_books(store: Store) -> Callable[[str, str], Awaitable[Delivery | None]]:
    """What the store knows of a destination of a rotation, for `Surroundings.delivery`."""

    async def delivery(rotation_id: str, destination: str) -> Delivery | None:
        try:
            facts, _ = await store.look(rotation_id)
        except KeyError:
            return None
        return facts.delivery(destination)

    return delivery


def hidden(text: str, secrets: Collection[Secret]) -> str:
    """Somebody else's words without those texts."""
    from rotator.redaction import HIDDEN

    for secret in secrets:
        text = text.replace(secret.reveal(), HIDDEN)
    return text
