"""What is the standing rule? A rotation and its parts, as the definition gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.domain.schedule import Schedule
from rotator.domain.states import Initial, OnDrift


@dataclass(frozen=True, slots=True)
class Application:
    """The Entra app registration a rotation aims at; either id may be empty until it has been looked up."""

    tenant_id: str
    object_id: str = ""
    client_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class VerifyRule:
    """How a new secret is proved: `successes` sign-ins in a row, `interval` apart, within `deadline` (law L5)."""

    successes: int = 3
    interval: timedelta = timedelta(seconds=5)
    deadline: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """One place a rotation delivers to; `name` is stable and unique within the rotation (`file:/run/x.env`)."""

    name: str
    kind: str
    required: bool = True
    order: int = 0
    on_drift: OnDrift = OnDrift.HEAL
    adopt: bool = False
    #: clientId, clientSecret, keyId, tenantId, expiresAt -> the name used there; absent fields are not written.
    names: Mapping[str, str] = field(default_factory=dict)
    #: The kind's own options; secret values only as references.
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HookRule:
    """One consumer to tell after a promotion; `name` is stable and unique within the rotation."""

    name: str
    kind: str
    #: The kind's own options; secret values only as references.
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the embedded store keeps the mapped secrets of a rotation."""

    project: str = "default"
    environment: str = "prod"
    path: str = "/"


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """A span in which nothing is rotated unless expiry forces it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """What the engine must know of how we reach one tenant; the rest is the Entra adapter's."""

    name: str
    tenant_id: str
    #: The application it signs in as; empty where the method hides it (azure-cli, system-assigned identity).
    client_id: str = ""
    #: How long Entra may take to agree with itself.
    propagation: timedelta = timedelta(minutes=2)
    #: The longest a single HTTP request may take, connect included.
    request_timeout: timedelta = timedelta(seconds=35)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The standing rule: which application, when, to where."""

    id: str
    name: str
    connection: str
    application: Application
    schedule: Schedule
    lifetime: timedelta
    margin: timedelta
    #: How long the replaced credential lives on; None: until the next rotation, at least `min_overlap`.
    overlap: timedelta | None = None
    min_overlap: timedelta = timedelta(hours=24)
    #: Rotate when the current credential has less than this left; default half the margin.
    renew_before: timedelta = timedelta(days=1, hours=12)
    auto: bool = True
    #: Each rotation waits for a person's approval, given after the last one.
    requires_approval: bool = False
    initial: Initial = Initial.ROTATE
    adopt_key_id: str = ""
    verify: VerifyRule = VerifyRule()
    destinations: tuple[DestinationRule, ...] = ()
    #: Consumers to tell after a promotion, in this order.
    hooks: tuple[HookRule, ...] = ()
    #: clientId and clientSecret -> the names of the mapped secrets.
    mapping: Mapping[str, str] = field(default_factory=dict)
    folder: Folder = Folder()
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    #: The connection whose own sign-in secret this rotation renews (rotation.md section 8); empty for all others.
    own_connection: str = ""
    #: Where the definition stands, for messages: `conf.d/billing.yaml:12:5`.
    defined_at: str = ""
    #: Defined through the API, and changed only there; else by the configuration, and changed only there.
    api_made: bool = False
    #: The name of the retired rotation that this one takes over on another application.
    replaces: str = ""

    @property
    def urgent_before(self) -> timedelta:
        """Less than half the margin left: the point from which a dead destination may not block promotion."""
        return self.margin / 2

    def destination(self, name: str) -> DestinationRule | None:
        """The rule of that name, or None when the definition no longer has it."""
        return next((rule for rule in self.destinations if rule.name == name), None)
