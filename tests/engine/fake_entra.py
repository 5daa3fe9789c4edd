"""What does Entra answer in tests of the engine? A tenant in memory, with lag, refusals and answers that get lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.domain.model import Application, Connection, Secret
from rotator.errors import ApplicationNotFound, ConfigError, DirectoryThrottled, OutcomeUnknown
from rotator.ports import Issued, Listed, Proof, Registration
from tests.builders import TENANT
from tests.fakes import START, ManualClock

NOTHING = timedelta(0)


@dataclass
class Password:
    """One credential in truth."""

    key_id: str
    display_name: str
    text: str
    starts_at: datetime
    expires_at: datetime
    added_at: datetime
    removed_at: datetime | None = None


@dataclass
class App:
    """One application in truth."""

    application: Application
    passwords: list[Password] = field(default_factory=list)
    room_for: int | None = None


@dataclass
class Fault:
    """One call of an operation goes wrong, before or after it took effect."""

    operation: str
    error: Exception
    after: bool = False
    #: Only the calls about this object.
    object_id: str = ""
    times: int = 1


class FakeEntra:
    """The tenant. Implements `ports.Directory` and `ports.Directories`; its time is true, the database's may be not."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.apps: dict[str, App] = {}
        self.connections: dict[str, Connection] = {}
        self.faults: list[Fault] = []
        #: (operation, object id, key id or text) of every call.
        self.calls: list[tuple[str, str, str]] = []
        #: A new secret signs in, and is listed, only after that.
        self.sign_in_delay = self.listing_delay = NOTHING
        #: A removed one is still listed for that long.
        self.removal_lag = NOTHING
        #: However long a life is asked for, that is what it gets.
        self.longest_life: timedelta | None = None
        self.cap: timedelta | Exception | None = None
        self.texts: Iterator[str] = (f"text-{n}" for n in range(10**6))
        self.rename: Callable[[str], str] = lambda name: name
        self.after_effect: Callable[[], None] = lambda: None
        self._made = 0
        self._began = clock.monotonic()
        self._answered_at: float | None = None
        #: The monotonic time before which Graph wants no requests.
        self.quiet: float | None = None

    # The tenant.

    def time(self) -> datetime:
        return START + timedelta(seconds=self.clock.monotonic() - self._began)

    def register(self, application: Application, *, room_for: int | None = None) -> App:
        app = App(application, room_for=room_for)
        self.apps[application.object_id] = app
        return app

    def put(self, object_id: str, display_name: str = "somebody's", *, days: int = 90) -> Password:
        """A credential made by somebody else."""
        return self._add(object_id, display_name, self.time() + timedelta(days=days))

    def living(self, object_id: str, prefix: str = "") -> list[Password]:
        """Those that have not been removed, the oldest first."""
        return [p for p in self.apps[object_id].passwords if not p.removed_at and p.display_name.startswith(prefix)]

    def valid(self, text: str) -> bool:
        """Does the text sign in now, or as soon as Entra agrees with itself?"""
        now = self.time()
        return any(
            p.text == text and p.removed_at is None and p.expires_at > now
            for app in self.apps.values()
            for p in app.passwords
        )

    def fail(
        self, operation: str, error: Exception, *, after: bool = False, times: int = 1, object_id: str = ""
    ) -> None:
        self.faults.append(Fault(operation, error, after, object_id, times))

    def count(self, operation: str) -> int:
        return sum(call[0] == operation for call in self.calls)

    # The port.

    def connection(self, name: str) -> Connection:
        try:
            return self.connections[name]
        except KeyError:
            raise ConfigError([f"connection '{name}' is not defined"]) from None

    async def open(self, name: str) -> FakeEntra:
        self.connection(name)
        return self

    async def registration(self, application: Application) -> Registration:
        self._call("registration", application.object_id)
        app = self._find(application)
        now = self.time()
        listed = tuple(
            Listed(p.key_id, p.display_name, p.starts_at, p.expires_at) for p in app.passwords if self._shown(p, now)
        )
        return Registration(app.application, listed, app.room_for)

    async def add_password(self, object_id: str, *, display_name: str, expires_at: datetime) -> Issued:
        fault = self._call("add_password", object_id, display_name)
        if self.longest_life is not None:
            expires_at = min(expires_at, self.time() + self.longest_life)
        made = self._add(object_id, self.rename(display_name), expires_at)
        self.after_effect()
        if fault is not None:
            raise fault.error
        return Issued(made.key_id, Secret(made.text), made.display_name, made.starts_at, made.expires_at)

    async def remove_password(self, object_id: str, key_id: str) -> None:
        fault = self._call("remove_password", object_id, key_id)
        for password in self.living(object_id):
            if password.key_id == key_id:
                password.removed_at = self.time()
        self.after_effect()
        if fault is not None:
            raise fault.error

    async def prove(self, client_id: str, secret: Secret) -> Proof:
        text = secret.reveal()
        self.calls.append(("prove", client_id, text))
        self._answered_at = self.clock.monotonic()
        now = self.time()
        known = [p for app in self.apps.values() if app.application.client_id == client_id for p in app.passwords]
        accepted = any(p.text == text and self.valid(text) and p.added_at + self.sign_in_delay <= now for p in known)
        if accepted:
            return Proof(accepted=True)
        return Proof(accepted=False, code="7000215", detail="invalid client secret", secret_refused=True)

    async def longest_lifetime(self, object_id: str) -> timedelta | None:
        self._call("longest_lifetime", object_id)
        if isinstance(self.cap, Exception):
            raise self.cap
        return self.cap

    def entra_time(self) -> tuple[datetime, float] | None:
        if self._answered_at is None:
            return None
        return self.time() - timedelta(seconds=self.clock.monotonic() - self._answered_at), self._answered_at

    def quiet_until(self) -> float | None:
        return self.quiet

    def _call(self, operation: str, object_id: str, about: str = "") -> Fault | None:
        self.calls.append((operation, object_id, about))
        for fault in self.faults:
            if fault.operation == operation and fault.times > 0 and fault.object_id in {"", object_id}:
                fault.times -= 1
                if isinstance(fault.error, DirectoryThrottled):
                    wait = fault.error.retry_after or timedelta(seconds=10)
                    self.quiet = self.clock.monotonic() + wait.total_seconds()
                if fault.after:
                    return fault
                raise fault.error
        self._answered_at = self.clock.monotonic()
        return None

    def _find(self, application: Application) -> App:
        for app in self.apps.values():
            one = app.application
            if one.object_id == application.object_id or (
                not application.object_id and one.client_id == application.client_id
            ):
                return app
        raise ApplicationNotFound(
            "registration", f"there is no application {application.object_id or application.client_id}"
        )

    def _shown(self, password: Password, now: datetime) -> bool:
        if password.added_at + self.listing_delay > now:
            return False
        return password.removed_at is None or now < password.removed_at + self.removal_lag

    def _add(self, object_id: str, display_name: str, expires_at: datetime) -> Password:
        self._made += 1
        now = self.time()
        made = Password(f"key-{self._made}", display_name, next(self.texts), now, expires_at, now)
        self.apps[object_id].passwords.append(made)
        return made


def unknown(status: int = 503) -> OutcomeUnknown:
    """The answer to addPassword that may have committed."""
    return OutcomeUnknown("addPassword", "the service is unavailable", status=status)


def contoso(**changes: object) -> Connection:
    """A connection that signs in as an application of its own."""
    plain: dict[str, object] = {"name": "contoso", "tenant_id": TENANT, "client_id": "rotator-itself"}
    return Connection(**{**plain, **changes})  # type: ignore[arg-type]
