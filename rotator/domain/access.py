"""Who may call us, and to do what? Identities, their grants and the ways in which they sign in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from rotator.domain.secret import Secret

#: The longest life of an access token that may be set: ten years, as Infisical has it.
LONGEST_TTL = 315_360_000
EVERYWHERE = ("0.0.0.0/0", "::/0")


class Role(StrEnum):
    """What an identity may do; each may do what those after it may."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READER = "reader"

    def covers(self, wanted: Role) -> bool:
        """Tell whether who has this role may do what the wanted one may."""
        return _ORDER.index(self) <= _ORDER.index(wanted)


_ORDER = tuple(Role)


class Method(StrEnum):
    """How an access token was come by."""

    TOKEN = "token-auth"  # noqa: S105 - a name
    UNIVERSAL = "universal-auth"
    AZURE = "azure-auth"
    #: A one-time link to the dashboard, made on the host, and the session of a browser that it becomes.
    LINK = "dashboard-link"
    SESSION = "dashboard-session"
    #: The session of a browser whose user has signed in with Microsoft Entra.
    ENTRA = "dashboard-entra"

    @property
    def stands_alone(self) -> bool:
        """Came of no way to sign in that could be taken away from the identity."""
        return self not in {Method.UNIVERSAL, Method.AZURE}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and where: an empty project, environment or path is any. A path grants all that is below it too."""

    role: Role
    project: str = ""
    environment: str = ""
    path: str = ""

    @property
    def is_everywhere(self) -> bool:
        """Not limited to a project: only such an admin makes identities, connections and projects."""
        return not (self.project or self.environment or self.path)

    def covers(self, role: Role, project: str, environment: str = "", path: str = "") -> bool:
        """Tell whether it allows that role there. An empty place asks about the whole: only a whole grant covers it."""
        return (
            self.role.covers(role)
            and self.project in {"", project}
            and self.environment in {"", environment}
            and _is_below(path, self.path)
        )

    def touches(self, project: str) -> bool:
        """Tell whether it says anything about that project."""
        return self.project in {"", project}


def _is_below(path: str, above: str) -> bool:
    root = above.rstrip("/")
    return not root or path == root or path.startswith(f"{root}/")


@dataclass(frozen=True, slots=True)
class Identity:
    """A machine that may call us."""

    id: str
    name: str
    grants: tuple[Grant, ...]
    created_at: datetime
    updated_at: datetime

    def may(self, role: Role, project: str, environment: str = "", path: str = "") -> bool:
        """Tell whether any of its grants allows that role there."""
        return allows(self.grants, role, project, environment, path)


def allows(grants: Iterable[Grant], role: Role, project: str, environment: str, path: str) -> bool:
    """Tell whether any of the grants allows that role there."""
    return any(grant.covers(role, project, environment, path) for grant in grants)


@dataclass(frozen=True, slots=True)
class TokenRule:
    """What access tokens of a sign-in method are like. A `ttl` or `max_ttl` of nothing, or 0 uses, is no limit."""

    ttl: timedelta = timedelta(seconds=2_592_000)
    max_ttl: timedelta = timedelta(seconds=2_592_000)
    uses: int = 0
    #: Networks that a token may be used from, looked at on each use.
    trusted: tuple[str, ...] = EVERYWHERE


@dataclass(frozen=True, slots=True)
class SignIn:
    """One way in which one identity signs in; `facts` are those of the method."""

    id: str
    identity_id: str
    method: Method
    rule: TokenRule
    created_at: datetime
    updated_at: datetime
    #: What a login finds it by: the client id of universal auth, else the identity.
    handle: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret of universal auth; its text is kept by nobody, only its digest."""

    id: str
    identity_id: str
    digest: str
    #: The first characters, for people.
    prefix: str
    description: str
    created_at: datetime
    expires_at: datetime | None
    uses_limit: int
    uses: int
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token as it is kept: by its digest."""

    digest: str
    id: str
    identity_id: str
    method: Method
    created_at: datetime
    #: None: never.
    expires_at: datetime | None
    uses_limit: int
    uses: int


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that is known, and all that decides what it may do now."""

    token: AccessToken
    identity: Identity
    rule: TokenRule
    #: The database's time of the look.
    now: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh token; the only moment at which its text exists here."""

    text: Secret
    token: AccessToken
    rule: TokenRule


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """A tenant's public signing keys (JWK) by `kid`, and the issuers that its tokens name."""

    by_id: Mapping[str, Mapping[str, object]]
    issuers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Note:
    """A row of the audit to be: who did what to what, and how it went. `facts` never hold a secret."""

    kind: str
    actor: str
    identity_id: str = ""
    address: str = ""
    request_id: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Which rows of the audit are looked for; what is empty is any."""

    #: A kind such as `secret.read`, or a beginning that ends in a dot such as `secret.`.
    kind: str = ""
    actor: str = ""
    identity_id: str = ""
    address: str = ""
    request_id: str = ""
    node: str = ""
    since: datetime | None = None
    until: datetime | None = None
    #: Rows older than the one at that time (microseconds), number and node.
    before: tuple[int, int, str] | None = None
    most: int = 100
