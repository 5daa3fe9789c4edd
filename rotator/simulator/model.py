"""What is there in a tenant: applications, service principals and what they sign in with?"""

from dataclasses import dataclass, field
from datetime import datetime

PERSONAL_AUDIENCES = frozenset({"AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"})


@dataclass(slots=True)
class Password:
    """One password credential; the text is known only by its SHA-256."""

    key_id: str
    display_name: str | None
    starts_at: datetime
    expires_at: datetime
    hint: str
    digest: str
    created_at: datetime
    usable_at: datetime
    """From here on sign-ins with it may succeed."""
    settled_at: datetime
    """Until here a sign-in may fail again after one that succeeded."""
    removed_at: datetime | None = None
    dead_at: datetime | None = None
    """Once removed: from here on sign-ins with it fail."""
    signed_in_at: datetime | None = None

    def listed(self, at: datetime) -> bool:
        """Whether a read of the state at that moment shows it."""
        return self.created_at <= at and (self.removed_at is None or self.removed_at > at)

    def signs_in(self, at: datetime) -> bool:
        """Whether Entra would accept it at that moment, flapping aside."""
        alive = self.dead_at is None or at < self.dead_at
        return alive and max(self.starts_at, self.usable_at) <= at < self.expires_at


@dataclass(slots=True)
class Certificate:
    """One key credential: a public certificate that signs assertions."""

    key_id: str
    display_name: str | None
    starts_at: datetime
    expires_at: datetime
    der: bytes
    thumbprint_sha1: str
    thumbprint_sha256: str
    signed_in_at: datetime | None = None


@dataclass(slots=True)
class FederatedCredential:
    """Trust in assertions of another issuer about one subject."""

    credential_id: str
    name: str
    issuer: str
    subject: str
    audiences: list[str]


@dataclass(slots=True)
class Application:
    """An application registration."""

    object_id: str
    client_id: str
    display_name: str
    audience: str
    created_at: datetime
    sequence: int
    owners: list[str] = field(default_factory=list)
    passwords: list[Password] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)
    identifier_uris: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    token_version: int | None = None
    deleted_at: datetime | None = None
    redirect_uris: list[str] = field(default_factory=list)
    delegated: list[str] = field(default_factory=list)
    """Scopes of Graph that the tenant has consented to, for everybody."""
    public_client: bool = False
    """It redeems codes without a secret, and may not send one."""
    group_claims: bool = False
    """Its id tokens name the groups of the person."""

    @property
    def personal(self) -> bool:
        """Whether personal Microsoft accounts may sign in, which limits it to two secrets."""
        return self.audience in PERSONAL_AUDIENCES


@dataclass(slots=True)
class ServicePrincipal:
    """The presence of an application in the tenant; it holds roles and may hold secrets of its own."""

    object_id: str
    client_id: str
    display_name: str
    created_at: datetime
    sequence: int
    roles: set[str] = field(default_factory=set)
    owners: list[str] = field(default_factory=list)
    passwords: list[Password] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    enabled: bool = True
    deleted_at: datetime | None = None


Holder = Application | ServicePrincipal
