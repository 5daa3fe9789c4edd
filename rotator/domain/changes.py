"""What may become true in the store? A change is a row as it shall stand; a list of them is one transaction.

The holder of the lease is the only writer of these rows, so whole rows are written, never differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.domain.model import (
    Attempt,
    Credential,
    Delivery,
    Entry,
    IssueIntent,
    Secret,
    Standing,
)


@dataclass(frozen=True, slots=True)
class SealText:
    """Keep the text of a credential, sealed."""

    key_id: str
    text: Secret


@dataclass(frozen=True, slots=True)
class EraseText:
    """Forget the text of a credential for good."""

    key_id: str


@dataclass(frozen=True, slots=True)
class SwitchMapped:
    """The embedded store's mapped secrets of this rotation now show this credential."""

    rotation_id: str
    key_id: str


@dataclass(frozen=True, slots=True)
class EndRequest:
    """A request has been dealt with: `result` is done, failed or refused."""

    request_id: str
    result: str
    message: str


@dataclass(frozen=True, slots=True)
class ClearHints:
    """The destinations named by fenced-out nodes have been reconciled."""

    rotation_id: str
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForgetDelivery:
    """A destination that the definition no longer names is no longer kept track of."""

    rotation_id: str
    destination: str


@dataclass(frozen=True, slots=True)
class ForgetRotation:
    """A retired rotation leaves the books: definition, standing, deliveries; ledger and journal stay."""

    rotation_id: str


@dataclass(frozen=True, slots=True)
class ResolveApplication:
    """The ids of the rotation's application, looked up in Entra."""

    rotation_id: str
    object_id: str
    client_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """This rotation failed by the connection's own fault: counts towards the circuit breaker."""

    connection: str
    rotation_id: str
    message: str
    #: The breaker opens at this many distinct rotations, and lets a probe pass at this time.
    threshold: int
    probe_at: datetime


@dataclass(frozen=True, slots=True)
class ProbeTaken:
    """A rotation tries a broken connection; the next may only after this time."""

    connection: str
    probe_at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionWorked:
    """The connection did its part: closes the breaker."""

    connection: str


@dataclass(frozen=True, slots=True)
class ConnectionQuiet:
    """Graph wants to be left alone by this connection, for that long from now in real time."""

    connection: str
    lasts: timedelta


#: Attempts, entries, credentials and the rest are upserted by their identity; entries are only ever appended.
Change = (
    Attempt
    | ClearHints
    | ConnectionFailed
    | ConnectionQuiet
    | ConnectionWorked
    | Credential
    | Delivery
    | EndRequest
    | Entry
    | EraseText
    | ForgetDelivery
    | ForgetRotation
    | IssueIntent
    | ProbeTaken
    | ResolveApplication
    | SealText
    | Standing
    | SwitchMapped
)
