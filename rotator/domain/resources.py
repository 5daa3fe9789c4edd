"""What does the API keep and show besides rotations? Connections, projects and mapped secrets, and ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from rotator.domain.model import Folder, Schedule, Secret

_SPACE = UUID("6f1b52c4-4a56-5f0e-9a86-2d5a52c0a9d1")


@dataclass(frozen=True, slots=True)
class MadeConnection:
    """A connection that was made through the API: its options without secrets, and those apart."""

    id: str
    name: str
    #: The project it belongs to; empty: every project may use it.
    project: str
    #: The options as the configuration would have them, without `name` and secrets.
    document: Mapping[str, object]
    #: Name of the option -> its text.
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    #: Keyed; differs whenever a credential differs, and only then.
    fingerprint: str = ""
    version: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None


#: What a browser brought back from /authorize, which becomes a refresh token before anything is kept.
CODE = "code"
#: What the code was asked for with (PKCE); without it such a code is worth nothing.
VERIFIER = "codeVerifier"
#: The option that holds the refresh token of a connection with the method oauth.
REFRESH_TOKEN = "refreshToken"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class RefreshTurn:
    """The right to use a connection's refresh token; nobody else does before it is given back."""

    #: The one that is kept; None: none yet.
    token: Secret | None
    #: Of the configured one that it came of; empty for connections of the API.
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class ShownConnection:
    """A connection as callers may see it: no credential in it."""

    id: str
    name: str
    method: str
    tenant_id: str
    client_id: str
    fingerprint: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    cloud: str = "public"
    #: Empty: every project may use it.
    project: str = ""
    version: int = 1
    auto: bool = False
    schedule: Schedule | None = None
    #: The file that defines it; empty: made through the API.
    defined_at: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A place for environments; `made_at` None: it exists by being named in a definition."""

    name: str
    title: str = ""
    description: str = ""
    environments: tuple[str, ...] = ()
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """One mapped secret as its readers see it now."""

    folder: Folder
    name: str
    text: Secret
    #: Grows with every promotion.
    version: int
    rotation_id: str
    key_id: str
    updated_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at before a rotation is made or changed."""

    what: str
    #: None: not asked, because what comes before it was refused.
    ok: bool | None
    #: Why not.
    said: str = ""
    #: Entra says so, else the books.
    by_entra: bool = True


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids of what has no row of its own: always the same for the same name in the same installation."""

    installation: str
    #: Ids of connections that were made through the API, by name.
    connections: Mapping[str, str] = field(default_factory=dict)

    @property
    def organisation(self) -> str:
        """The one organisation of an installation."""
        return self._id("organisation")

    def project(self, name: str) -> str:
        """A project."""
        return self._id("project", name)

    def environment(self, project: str, slug: str) -> str:
        """An environment of a project."""
        return self._id("environment", project, slug)

    def folder(self, folder: Folder) -> str:
        """A folder of an environment."""
        return self._id("folder", folder.project, folder.environment, folder.path)

    def secret(self, folder: Folder, name: str) -> str:
        """A mapped secret."""
        return self._id("secret", folder.project, folder.environment, folder.path, name)

    def connection(self, name: str) -> str:
        """A connection, of the configuration or made through the API."""
        return self.connections.get(name) or self._id("connection", name)

    def _id(self, *parts: str) -> str:
        return str(uuid5(_SPACE, "\n".join((self.installation, *parts))))
