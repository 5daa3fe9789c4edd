"""One rotation in our hands: its facts, its lease, and the changes that will become true together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from rotator.domain import pacing
from rotator.domain.applied import applied
from rotator.domain.changes import Change, ConnectionQuiet, EraseText, ResolveApplication
from rotator.domain.events import Event
from rotator.domain.model import Application, Connection, DestinationRule, Entry, Facts, Rotation, Secret
from rotator.domain.pacing import Beginning, Bucket, Line, Toll
from rotator.domain.retry import LONGEST_BACK_OFF, retry_delay
from rotator.engine.lease import Hold
from rotator.engine.world import World
from rotator.errors import LimitReached
from rotator.ports import Directory, Marker


class Doubtful(Exception):
    """The database's time came into doubt: write no date down, and leave everything where it stands (law L13)."""


class Visit:
    """The engine's working state for one claimed rotation.

    `note` collects changes and shows them in `facts` at once; `commit` makes them durable, all together, before the
    next outside effect. Whatever is noted and not committed was not an effect, or can be found again (law L2).
    """

    def __init__(self, world: World, hold: Hold, facts: Facts, now: datetime) -> None:
        self.world = world
        self.hold = hold
        self.facts = facts
        self.now = now
        #: The monotonic time at which `now` was true.
        self._now_at = world.clock.monotonic()
        #: Destinations we may have touched since the last commit.
        self.touched: set[str] = set()
        self._changes: list[Change] = []
        self._events: list[Event] = []
        self._texts: dict[str, Secret] = {}
        self._comparison: tuple[str, str] | None = None
        self._directory: Directory | None = None
        self._beginning: Beginning | None = None

    @property
    def rotation(self) -> Rotation:
        """The definition as it stands; an open attempt keeps the application of its start."""
        return self.facts.rotation

    @property
    def application(self) -> Application:
        """The application an open attempt began with, else the definition's."""
        attempt = self.facts.attempt
        return attempt.application if attempt and attempt.application.object_id else self.rotation.application

    @property
    def connection(self) -> Connection:
        """The facts of the rotation's connection. Raises ConfigError when it is gone."""
        return self.world.directories.connection(self.rotation.connection)

    @property
    def prefix(self) -> str:
        """What every display name of this installation begins with."""
        return f"rotator/{self.world.store.installation}/"

    @property
    def doubt(self) -> str:
        """Why the database's time is not to be believed now, or empty (law L13). Entra's refusals tell the time too."""
        if self._directory is not None:
            self.heard(self._directory)
        return self.world.clockwatch.doubt(self.now, self._now_at)

    def be_sure(self) -> None:
        """Raise Doubtful when the database's time is not to be believed."""
        if self.doubt:
            raise Doubtful

    @property
    def compared(self) -> bool:
        """Entra has been compared with the books since this process started (law L16)."""
        return self._identity == self._comparison or self._identity in self.world.memory.compared

    @property
    def _identity(self) -> tuple[str, str]:
        return (self.application.tenant_id, self.application.object_id)

    def have_compared(self) -> None:
        """Remember it, as soon as what the comparison showed is durable."""
        self._comparison = self._identity

    @property
    def settling(self) -> timedelta:
        """How long after a promotion a stopped node's last request may still arrive (rotation.md section 6 d)."""
        patience = [self.patience(rule) for rule in self.rotation.destinations]
        return self.world.pace.lease + max(
            self.connection.request_timeout, *patience, self.world.pace.destination_timeout
        )

    def patience(self, rule: DestinationRule) -> timedelta:
        """The longest that one call of that destination may take; a lease has at least that much left before it."""
        return max(self.world.pace.destination_timeout, self.world.destinations.patience(rule))

    def marker(self, key_id: str) -> Marker:
        """Our mark for a credential, under the token we hold."""
        return Marker(self.world.store.installation, self.rotation.id, key_id, self.hold.token)

    def entry(self, step: str, phase: str, **facts: object) -> Entry:
        """A journal entry of this rotation, of the open attempt if there is one."""
        attempt = self.facts.attempt
        plain = {name: _plain(value) for name, value in facts.items()}
        return Entry(self.rotation.id, attempt.id if attempt else "", step, phase, self.now, plain)

    def resolved(self, found: Application) -> None:
        """Entra has told the ids that the definition leaves out; an open attempt takes them on too."""
        known, attempt = self.application, self.facts.attempt
        if known.client_id and known.object_id:
            return
        self.note(ResolveApplication(self.rotation.id, found.object_id, found.client_id, found.name))
        if attempt is not None:
            self.note(replace(attempt, application=self.rotation.application))

    async def text(self, key_id: str) -> Secret | None:
        """The text of a credential, unsealed once a visit; None when it was erased or never known."""
        text = self._texts.get(key_id) or await self.world.store.text(key_id)
        if text is not None:
            self._texts[key_id] = text
        return text

    def note(self, *changes: Change) -> None:
        """Let these become true with the next commit."""
        for change in changes:
            if isinstance(change, EraseText):
                self._texts.pop(change.key_id, None)
        self._changes.extend(changes)
        self.facts = applied(self.facts, changes)

    def tell(self, event: Event) -> None:
        """Tell the observers once what has happened is durable."""
        self._events.append(event)

    def begins(self, at: datetime) -> None:
        """The attempt just noted takes its place under the storm limit (law L14) with the next commit."""
        self._beginning = Beginning(self.rotation.connection, at, self.world.limits.rotations_per_hour)

    async def commit(
        self,
        *changes: Change,
        wake_at: datetime | None = None,
        release: bool = False,
        buckets: tuple[Bucket, ...] = (),
        pressing: bool = False,
        line: Line | None = None,
    ) -> None:
        """Make all that was noted durable. Raises LeaseLost with nothing written.

        `buckets` are what a write to Graph, which is to follow, is taken from; `pressing`: whatever is left in them.
        Raises LimitReached, with nothing written and these `changes` not noted, when there is too little of anything.
        """
        before = self.facts, tuple(self._changes)
        self.note(*changes)
        if not (self._changes or release):
            return
        compared, quiet, heeded = self._comparison, self._quiet_wanted(), self._quiet_until()
        toll = Toll(self._beginning, buckets, pressing=pressing) if self._beginning or buckets else None
        known = (*self._changes, *quiet)
        try:
            written = await self.hold.write(known, wake_at=wake_at, release=release, toll=toll, line=line)
        except LimitReached:
            self.facts, self._changes = before[0], list(before[1])
            raise
        self._believe(written.now)
        if compared is not None:
            self.world.memory.compared.add(compared)
        if quiet:
            self.world.memory.heeded[self.rotation.connection] = heeded
        self._beginning = None
        self._changes.clear()
        self.touched.clear()
        events, self._events = self._events, []
        for event in events:
            self.world.tell(event)

    async def before_graph(self, *changes: Change, pressing: bool = False) -> None:
        """Commit the intent of a write to Graph, which takes its turn among those of all nodes. Raises LimitReached.

        `pressing`: it is not kept waiting, and others wait the longer.
        """
        await self.directory()
        quiet = timedelta(seconds=self._quiet_until() - self.world.clock.monotonic())
        if quiet > timedelta(0) and not pressing:
            raise LimitReached("writes", quiet)
        await self.commit(*changes, buckets=pacing.writes(self.connection), pressing=pressing)

    async def forget(self) -> None:
        """Drop what was noted since the last commit, as a crash would: it is found again."""
        self._beginning = None
        self._changes.clear()
        self._events.clear()
        self._texts.clear()
        self._comparison = None
        await self.reload()

    async def refresh(self) -> datetime:
        """Take the database's time anew, after a wait."""
        self._believe(await self.world.store.now())
        return self.now

    async def reload(self) -> None:
        """Read the facts anew; nothing may be noted and uncommitted."""
        self.facts, now = await self.world.store.look(self.rotation.id)
        self._believe(now)

    async def directory(self) -> Directory:
        """Entra through the rotation's connection, with the lease good for one request."""
        directory = self._directory = await self.world.directories.open(self.rotation.connection)
        await self.hold.ensure(self.connection.request_timeout)
        return directory

    def heard(self, directory: Directory) -> None:
        """Entra has answered: compare clocks."""
        said = directory.entra_time()
        if said is not None:
            self.world.clockwatch.entra_said(*said)

    def _quiet_wanted(self) -> tuple[ConnectionQuiet, ...]:
        """What all nodes are to know: Graph wants to be left alone, and has said so since they were told."""
        until = self._quiet_until()
        left = timedelta(seconds=until - self.world.clock.monotonic())
        if until <= self.world.memory.heeded.get(self.rotation.connection, 0.0) or left <= timedelta(0):
            return ()
        return (ConnectionQuiet(self.rotation.connection, left),)

    def _quiet_until(self) -> float:
        return (self._directory.quiet_until() or 0.0) if self._directory is not None else 0.0

    def later(self, failures: int) -> timedelta:
        """How long to wait after that many failures in a row."""
        current = self.facts.current
        left = current.expires_at - self.now if current else None
        return retry_delay(failures, expires_in=left, lifetime=self.rotation.lifetime, noise=self.world.chance.noise())

    def stumbled(self, duty: str) -> None:
        """A duty failed: have it tried again after a growing wait."""
        stumbles = self.world.memory.stumbles.setdefault(self.rotation.id, {})
        failures = stumbles[duty][0] + 1 if duty in stumbles else 1
        stumbles[duty] = (failures, self.now + self.later(failures))

    def managed(self, duty: str) -> None:
        """A duty went well."""
        stumbles = self.world.memory.stumbles.get(self.rotation.id)
        if stumbles and stumbles.pop(duty, None) and not stumbles:
            del self.world.memory.stumbles[self.rotation.id]

    @property
    def again(self) -> dict[str, datetime]:
        """The duties that failed, and when each is to be tried again."""
        stumbles = self.world.memory.stumbles.get(self.rotation.id, {})
        believable = self.now + LONGEST_BACK_OFF
        return {duty: not_before for duty, (_, not_before) in stumbles.items() if not_before <= believable}

    async def leave_hints(self) -> None:
        """We were fenced out: whoever holds on is to look at every destination we touched (law L8)."""
        for destination in self.touched:
            await self.world.store.hint(self.rotation.id, destination)

    def _believe(self, now: datetime) -> None:
        self.now = now
        self._now_at = self.world.clock.monotonic()
        self.world.clockwatch.look(now, self._now_at)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value
