"""What are the things we speak of? Frozen values, no behaviour beyond what the values themselves decide.

All instants are aware UTC datetimes of the database's clock (law L13); all spans are timedeltas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.domain.rule import (
    Application,
    Connection,
    DestinationRule,
    Folder,
    FreezeWindow,
    HookRule,
    Rotation,
    VerifyRule,
)
from rotator.domain.schedule import Schedule
from rotator.domain.secret import Secret
from rotator.domain.states import CredentialState, Initial, Mode, OnDrift, Outcome, RotationStatus

#: The vocabulary of the domain, in one place to import from.
__all__ = [
    "Alarm",
    "Application",
    "Attempt",
    "Connection",
    "ConnectionHealth",
    "Credential",
    "CredentialState",
    "Delivery",
    "DestinationRule",
    "Entry",
    "Facts",
    "Folder",
    "FreezeWindow",
    "HookRule",
    "Initial",
    "IssueIntent",
    "Lease",
    "Limits",
    "Mode",
    "OnDrift",
    "Outcome",
    "Request",
    "Rotation",
    "RotationStatus",
    "Schedule",
    "Secret",
    "Standing",
    "Switches",
    "VerifyRule",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credential:
    """One password credential in the ledger: issued by us, or adopted by its explicit key id."""

    key_id: str
    rotation_id: str
    application: Application
    display_name: str
    starts_at: datetime
    expires_at: datetime
    state: CredentialState
    hint: str = ""
    attempt_id: str = ""
    adopted: bool = False
    #: The sealed text is still kept (an adopted credential never had one).
    has_text: bool = False
    #: The slot of the API's two alternating ones, 0 or 1.
    slot: int = 0
    issued_at: datetime | None = None
    promoted_at: datetime | None = None
    retired_at: datetime | None = None
    #: When a retiring credential may go; None: at the next promotion.
    revoke_at: datetime | None = None
    #: Written before removePassword is called; from then on it is never verified, delivered or promoted.
    revoke_intent_at: datetime | None = None
    revoked_at: datetime | None = None
    #: How often its revocation has failed, and when it is tried next.
    revoke_failures: int = 0
    revoke_retry_at: datetime | None = None
    #: Why it is not revoked yet though it is due; empty when nothing holds it.
    revoke_message: str = ""

    @property
    def alive(self) -> bool:
        """Not known to be gone."""
        return self.state is not CredentialState.REVOKED


@dataclass(frozen=True, slots=True)
class IssueIntent:
    """We were about to ask for one credential under this name; `outcome` is empty until Graph's answer is recorded."""

    rotation_id: str
    attempt_id: str
    n: int
    display_name: str
    opened_at: datetime
    #: "" unknown | issued | refused
    outcome: str = ""
    #: When the application was first listed for it, and when the second look closed it (rotation.md: Reclaim).
    first_look_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def open(self) -> bool:
        """May still hide a credential that nobody has looked for twice."""
        return not self.outcome and self.closed_at is None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One carrying-out of a rotation. Application and mapping are those of its start."""

    id: str
    rotation_id: str
    mode: Mode
    reason: str
    #: Asked for by a person or a program, or the first after creation: counts as manual for the next time.
    manual: bool
    started_at: datetime
    application: Application
    mapping: Mapping[str, str] = field(default_factory=dict)
    #: The slot it ran for when the reason was INTERVAL_ELAPSED.
    due_slot: datetime | None = None
    #: When an open attempt goes on; None: at once.
    resume_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    message: str = ""
    #: Destinations that `--accept-outage` lets a compromised rotation go on without.
    accept_outage: tuple[str, ...] = ()
    #: The request that asked for it, if any.
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: what we were about to do (`intent`), what came of it (`outcome`), or news (`note`)."""

    rotation_id: str
    attempt_id: str
    step: str
    phase: str
    at: datetime
    facts: Mapping[str, object] = field(default_factory=dict)
    #: Given by the store; grows within the database.
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What we know of one destination of one rotation."""

    rotation_id: str
    destination: str
    kind: str
    #: The key id it bore when last read or written; empty: nothing of ours.
    key_id: str = ""
    version: str = ""
    token: int = 0
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    #: Empty when all is well; else one line for people.
    message: str = ""
    drifted: bool = False
    #: The definition no longer names it; holds the revoke until `rotator forget NAME --to DEST`.
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asked for something: rotate, compromised, revoke, deliver, adopt, forget."""

    id: str
    rotation_id: str
    kind: str
    at: datetime
    by: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    #: Once dealt with: done | failed | refused, and one line.
    ended_at: datetime | None = None
    result: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should know, by stable code."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Switches:
    """What people set on a rotation, outside any lease; the engine only reads it."""

    created_at: datetime
    #: The last edit, resume or re-enable; a due time that it moved into the past waits for the next slot.
    changed_at: datetime | None = None
    paused: bool = False
    #: The definition is gone: no more rotations, nothing revoked.
    retired_at: datetime | None = None
    approved_at: datetime | None = None
    #: Destinations that a fenced-out node may have touched; the holder reconciles them at once (law L8).
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the engine last wrote about a rotation; only the holder of the lease writes it."""

    rotation_id: str
    #: `new` is recorded, never inferred (law L9).
    state: str = "new"
    status: RotationStatus | None = None
    message: str = ""
    last_attempted_at: datetime | None = None
    last_rotated_at: datetime | None = None
    last_attempt_id: str = ""
    last_manual: bool = False
    #: The `t` of rotation.md section 4: issue time of the promoted credential, raised to its slot.
    anchor_at: datetime | None = None
    #: The slot fixed when the rotation first became due by its interval.
    due_slot: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    active_index: int = 0
    #: STATE_OLDER_THAN_ENTRA or empty (law L16).
    hold: str = ""
    #: When that hold was found; only a request made since leaves it, not one from a restored database.
    held_at: datetime | None = None
    #: When the current credential was first missing from a listing, and whether that is now certain.
    missing_since: datetime | None = None
    current_lost: bool = False
    reconciled_at: datetime | None = None
    alarms: tuple[Alarm, ...] = ()
    #: Promoted while a required destination was missing it.
    promoted_partly: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """The circuit breaker and the storm count of one connection."""

    connection: str
    #: Distinct rotations that failed by the connection's own fault since the last success.
    failing: tuple[str, ...] = ()
    #: Open since then; None: closed.
    opened_at: datetime | None = None
    #: One probe may pass at this time.
    probe_at: datetime | None = None
    message: str = ""
    #: Attempts begun in the past hour, and when the oldest of them leaves the hour.
    attempts_last_hour: int = 0
    oldest_attempt_at: datetime | None = None
    #: Graph wants to be left alone until then.
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Blast radius per connection (law L14)."""

    rotations_per_hour: int = 600
    failures_before_pause: int = 10
    probe_after: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive right to write to one application, until `until` by the database's real time (never scaled)."""

    tenant_id: str
    object_id: str
    holder: str
    token: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the store knows about one rotation that a decision may need; taken in one transaction."""

    rotation: Rotation
    switches: Switches
    standing: Standing
    health: ConnectionHealth
    #: Ledger rows that are not revoked, oldest first.
    credentials: tuple[Credential, ...] = ()
    attempt: Attempt | None = None
    #: The journal of the open attempt, oldest first.
    journal: tuple[Entry, ...] = ()
    #: Issue intents of this rotation that are open, of any attempt.
    intents: tuple[IssueIntent, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    #: Requests not yet ended, oldest first.
    requests: tuple[Request, ...] = ()

    @property
    def current(self) -> Credential | None:
        """The credential that destinations are to bear."""
        return self._in(CredentialState.CURRENT)

    @property
    def pending(self) -> Credential | None:
        """The one recorded credential that is being proved or delivered."""
        return self._in(CredentialState.PENDING)

    @property
    def retiring(self) -> tuple[Credential, ...]:
        """Those whose end has been decided."""
        return tuple(c for c in self.credentials if c.state is CredentialState.RETIRING)

    def delivery(self, destination: str) -> Delivery | None:
        """What we know of that destination."""
        return next((d for d in self.deliveries if d.destination == destination), None)

    def _in(self, state: CredentialState) -> Credential | None:
        return next((c for c in self.credentials if c.state is state), None)
