"""What does the engine ask of the world? Whole contracts, on one page.

Adapters implement these protocols and translate their own errors into those of `errors.py`.
Implementations may be called from one event loop only; they never block it for more than a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from rotator.domain.changes import Change
from rotator.domain.events import Event
from rotator.domain.kept import Kept
from rotator.domain.mapped import MappedName, MayStage
from rotator.domain.model import (
    Application,
    Connection,
    Credential,
    DestinationRule,
    Entry,
    Facts,
    Folder,
    IssueIntent,
    Lease,
    Request,
    Rotation,
    Secret,
)
from rotator.domain.nodes import Node
from rotator.domain.pacing import Line, Toll


class Clock(Protocol):
    """Waits and the host's own idea of the time. Dates are judged by the store's time, never by this `now`."""

    def now(self) -> datetime:
        """The host's wall clock, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow; measures waits and leases."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; cancellable."""


class Chance(Protocol):
    """The only source of randomness of the engine; seeded in simulations."""

    def noise(self) -> float:
        """A number in [-1, 1]."""

    def letters(self, count: int) -> str:
        """That many characters of [a-z2-7]."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A password credential as Entra lists it."""

    key_id: str
    display_name: str
    starts_at: datetime | None
    expires_at: datetime | None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """An application as Entra shows it; may lag behind writes by the connection's propagation time."""

    application: Application
    credentials: tuple[Listed, ...]
    #: At most this many password credentials fit (2 where personal accounts may sign in), or None.
    room_for: int | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """Graph's answer to addPassword."""

    key_id: str
    text: Secret
    display_name: str
    starts_at: datetime
    expires_at: datetime
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """What one sign-in with a new secret showed; `accepted` includes refusals that can only come after it."""

    accepted: bool
    #: AADSTS code without the prefix, or a word for what happened on the way.
    code: str = ""
    detail: str = ""
    #: The secret itself was refused (7000215, 7000222), as opposed to no answer, throttling and the like.
    secret_refused: bool = False


class Directory(Protocol):
    """One connection's view of Entra. No method retries a write; reads and removals may be repeated by the caller.

    Raise SignInRefused, PermissionDenied, ApplicationNotFound, DirectoryThrottled or DirectoryUnavailable.
    """

    async def registration(self, application: Application) -> Registration:
        """The application by object id, or by client id where that is all there is."""

    async def add_password(self, object_id: str, *, display_name: str, expires_at: datetime) -> Issued:
        """Create a credential. PolicyRefused, TooManyCredentials, RequestRefused and the like: nothing was made.
        OutcomeUnknown for everything else, cancellation excepted, which the caller must treat the same (law L4).
        """

    async def remove_password(self, object_id: str, key_id: str) -> None:
        """Remove a credential; one that is already gone is success. DirectoryUnavailable when the outcome is open."""

    async def prove(self, client_id: str, secret: Secret) -> Proof:
        """One fresh sign-in as that application, past every token cache. Raises for no answer of Entra."""

    async def longest_lifetime(self, object_id: str) -> timedelta | None:
        """The longest that app management policies allow, if known. PolicyRefused when they forbid new secrets."""

    def entra_time(self) -> tuple[datetime, float] | None:
        """The `Date` of Entra's last answer and the monotonic time at which it came; None before the first."""

    def quiet_until(self) -> float | None:
        """Graph wants no requests of this connection before that monotonic time; None: it never asked for that."""


class Directories(Protocol):
    """Opens the directory of a connection; the same object is returned while the connection is unchanged."""

    def connection(self, name: str) -> Connection:
        """The connection's facts. Raises ConfigError when it is not defined."""

    async def open(self, name: str) -> Directory:
        """Raises ConfigError when the connection is not defined."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What we write beside a delivered credential, so that we know it again."""

    installation: str
    rotation_id: str
    key_id: str
    #: The fencing token under which it was written.
    token: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """What is at a destination now. `marker` is None when something is there that does not bear our mark."""

    marker: Marker | None
    #: Changes whenever the content changes, by whomever; used for compare-and-set and to notice drift.
    version: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is delivered: one credential, whole."""

    marker: Marker
    client_id: str
    tenant_id: str
    expires_at: datetime
    secret: Secret
    attempt_id: str = ""
    rotation_name: str = ""


class Destination(Protocol):
    """A place a credential is delivered to. All raise DestinationUnavailable (again later) or DestinationRefused."""

    async def check(self) -> None:
        """May we write there? Writes no secret. Raises with a hint naming the missing right."""

    async def read(self) -> Placed | None:
        """What is there, without fetching the text where the place offers a way not to; None: nothing is there."""

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """Replace what `read` returned as `over`; all names become true together or not at all, others stay untouched.

        Repeating it with the same parcel changes nothing. Raises DestinationUnavailable when something else is there by
        now, or when a marker with a higher fencing token is.
        """

    async def remove(self, *, over: Placed) -> None:
        """Take our names out again, when a rotation is deleted together with its secrets; others stay untouched."""

    async def close(self) -> None:
        """Let go of connections."""


class Destinations(Protocol):
    """Opens destinations."""

    def open(self, rotation: Rotation, rule: DestinationRule) -> Destination:
        """Raises ConfigError or DestinationRefused when the rule cannot be used on this machine."""

    def patience(self, rule: DestinationRule) -> timedelta:
        """The longest that one call of that destination may take."""


@dataclass(frozen=True, slots=True)
class HookResult:
    """What came of one consumer hook."""

    hook: str
    done: bool
    message: str = ""


class Hooks(Protocol):
    """Tells consumers that a new credential is in place. Never fails a rotation."""

    def names(self, rotation: Rotation) -> tuple[str, ...]:
        """The hooks of that rotation, in order."""

    def patience(self, rotation: Rotation, hook: str) -> timedelta:
        """The longest that one run of it may take."""

    async def run(self, rotation: Rotation, hook: str, credential: Credential) -> HookResult:
        """Run one of them once."""


class Observer(Protocol):
    """Is told what happened. May not fail, may not wait."""

    def told(self, event: Event) -> None:
        """Take note; errors are the observer's own business."""


class Meter(Protocol):
    """Counts requests to Graph. May not fail, may not wait."""

    def answered(self, operation: str, status: int) -> None:
        """Graph has answered with that status, or has not answered (0)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A rotation that is ours to look at, under a lease, with the database's time of the claim."""

    lease: Lease
    facts: Facts
    now: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """The transaction is durable. `lease` has been extended by it, unless it was released."""

    now: datetime
    lease: Lease


@dataclass(frozen=True, slots=True)
class Recognised:
    """Which of some listed credentials the books know, whatever their state."""

    #: Key ids in the ledger, of any rotation, revoked ones included.
    ledger: frozenset[str] = frozenset()
    #: Issue intents by display name, of any rotation and any outcome.
    intents: dict[str, IssueIntent] = field(default_factory=dict)


class Store(Protocol):
    """Journal, ledger, leases, requests, definitions. Every method is one transaction, durable when it returns.

    `now` in answers is the database's time plus the offset of scaled time; leases run in the database's real time.
    All raise StoreUnavailable when the database does not answer. A caller that is cancelled does not undo a write.
    """

    installation: str

    async def now(self) -> datetime:
        """The database's time, plus the offset."""

    async def claim(
        self, holder: str, *, limit: int, ttl: timedelta, only: Collection[str] | None = None
    ) -> Sequence[Claim]:
        """Up to `limit` rotations whose wake-up time has come and whose application nobody has leased, earliest first.

        At most one rotation an application; each lease has a new, higher token. One that claims to run for more than 15
        minutes was taken under a wrong clock and counts as free (its holder is fenced). `only`: those ids, due or not.
        """

    async def look(self, rotation_id: str) -> tuple[Facts, datetime]:
        """The facts as they stand now. Raises KeyError when there is no such rotation."""

    async def write(
        self,
        lease: Lease,
        changes: Sequence[Change],
        *,
        ttl: timedelta,
        wake_at: datetime | None = None,
        release: bool = False,
        toll: Toll | None = None,
        line: Line | None = None,
    ) -> Written:
        """Make the changes true, all or none, and extend the lease by `ttl` from now.
        `wake_at` sets the rotation's wake-up time (`datetime.max`: never; None: it stays), `line` behind all
        that wait for the same. `toll` is taken of what all nodes share. Raises, having changed nothing, LeaseLost
        when the lease row bears another token, and LimitReached when there is too little for the toll.
        """

    async def renew(self, lease: Lease, ttl: timedelta) -> Lease:
        """Extend the lease. Raises LeaseLost."""

    async def raise_token(self, lease: Lease, above: int) -> Lease:
        """Make the lease's token higher than `above`, which a destination showed us (a restored database, law L8)."""

    async def hint(self, rotation_id: str, destination: str) -> None:
        """Unfenced: ask the holder to reconcile that destination at once."""

    async def wake(self, rotation_ids: Collection[str] | None = None) -> None:
        """Unfenced: have these rotations (all: None) looked at now."""

    async def next_wake(self) -> datetime | None:
        """The earliest wake-up time of any rotation, or None."""

    async def text(self, key_id: str) -> Secret | None:
        """The text of a credential, None when it was erased or never known. Raises StoreUnusable if no key opens it."""

    async def recognise(self, application: Application, listed: Sequence[Listed]) -> Recognised:
        """Which of these the books know."""

    async def same_time(self, rotation: Rotation, at: datetime) -> int:
        """How many rotations of the same connection wake for that same slot; spreads them (law L14)."""

    async def ask(self, request: Request) -> str:
        """Record a request and wake its rotation; returns its id. Needs no lease."""

    async def request(self, request_id: str) -> Request | None:
        """A request as it stands."""

    async def journal(self, rotation_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """Entries of a rotation with a higher `seq`, oldest first."""


class Roll(Protocol):
    """The list of the engines that work on one database, in its real time. Both raise StoreUnavailable."""

    async def beat(self, node: Node) -> None:
        """That node lives, and stands so."""

    async def leave(self, holder: str) -> None:
        """It has ended and let go of all it held: the others may look at once."""


class Spool(Protocol):
    """Where issued credentials wait, sealed, while the books cannot be written; they outlive the process."""

    async def keep(self, kept: Kept) -> None:
        """Keep it durably, over what is kept of that key id. Raises StoreUnavailable."""

    async def drop(self, key_id: str) -> None:
        """Forget it; one that is not kept is no error."""

    async def left(self) -> Sequence[Kept]:
        """What earlier lives have left, and what is only to be revoked. What cannot be read is told, and kept aside."""


class MappedSecrets(Protocol):
    """The embedded store: names that show a credential of the ledger, so that promotion switches them all at once."""

    async def mapped(self, folder: Folder, names: Collection[str]) -> Mapping[str, MappedName]:
        """Those of the names that exist in the folder."""

    async def stage(
        self, folder: Folder, names: Mapping[str, str], marker: Marker, *, may: MayStage | None = None
    ) -> Mapping[str, MappedName]:
        """Have these names (field -> name) belong to the marker's rotation and show its credential after the promotion
        (at once when that credential is current). Returns those that exist then.

        `may` is asked first, in the same transaction and so in any thread: what it raises comes out as it is.
        Raises DestinationUnavailable when a row bears a higher token.
        """

    async def unmap(self, folder: Folder, names: Collection[str], rotation_id: str) -> None:
        """Remove these names of that rotation."""
