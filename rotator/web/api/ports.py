"""What do the resources of the API ask of whoever started it? Protocols that the store and the desk implement."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from rotator.domain.inventory import Holder
from rotator.domain.model import Application, Attempt, Entry, Facts, Folder, Request, Rotation, Secret
from rotator.domain.resources import Checked, Ids, Project, ShownConnection, ShownSecret
from rotator.domain.stock import Look
from rotator.ports import Proof, Registration


class RotationBooks(Protocol):
    """The store, as far as rotations are looked at and asked for. All raise StoreUnavailable."""

    async def facts(self, names: Collection[str] | None = None) -> Sequence[Facts]: ...

    async def look(self, rotation_id: str) -> tuple[Facts, datetime]: ...

    async def history(self, rotation_id: str, limit: int = 20) -> Sequence[tuple[Attempt, Sequence[Entry]]]: ...

    async def request(self, request_id: str) -> Request | None: ...

    async def pause(self, rotation_id: str) -> None: ...

    async def resume(self, rotation_id: str) -> None: ...

    async def approve(self, rotation_id: str) -> None: ...

    async def text(self, key_id: str) -> Secret | None: ...

    async def ids(self) -> Ids: ...


class ResourceBooks(Protocol):
    """The store, as far as projects, folders and mapped secrets go. All raise StoreUnavailable."""

    async def projects(self) -> Sequence[Project]: ...

    async def folders(self) -> Collection[Folder]: ...

    async def make_project(self, project: Project) -> bool: ...

    async def make_folder(self, folder: Folder) -> None: ...

    async def shown_secrets(self, folder: Folder) -> Sequence[ShownSecret]: ...

    async def shown_secret(self, folder: Folder, name: str) -> ShownSecret | None: ...

    async def shown_version(self, folder: Folder, name: str, version: int) -> ShownSecret | None: ...

    async def unmap(self, folder: Folder, names: Collection[str], rotation_id: str) -> None: ...


class RotationDesk(Protocol):
    """Where rotations of the API are defined. Refusals are those of `refusals.py`, mistakes ConfigError."""

    async def define(self, values: Mapping[str, object]) -> Rotation:
        """Define a new rotation, once Entra has said that it can work."""

    async def preflight(self, values: Mapping[str, object], of: Rotation | None = None) -> Sequence[Checked]:
        """What the books and Entra say to these values, or to these changes of a rotation; nothing is kept."""

    async def changed(self, rotation: Rotation, changes: Mapping[str, object]) -> Rotation:
        """The rotation that `redefine` would leave; nothing is kept. Raises Conflict for another application."""

    async def redefine(self, rotation: Rotation, changes: Mapping[str, object], *, seen: str = "") -> Rotation:
        """Define it anew with these values in place of those it has; another application is refused.

        `seen`: the hash of the definition that the changes were thought out upon; Conflict when it has another by now.
        """

    async def taken(self, folder: Folder, names: Collection[str], *, rotation_id: str = "") -> Mapping[str, str]:
        """Those of the names that show a secret of another rotation -> its id."""

    async def retire(self, rotation: Rotation) -> None:
        """Take its definition away: no more rotations."""

    async def clear(self, rotation: Rotation) -> None:
        """Take what it delivered out of its destinations. Raises DestinationError."""

    async def ask(self, rotation_id: str, kind: str, by: str, **facts: object) -> str:
        """File a request with the engine; its id."""

    def wake(self) -> None:
        """Let the engine look at once for what it may do now, and not at its next poll."""

    async def prove(self, rotation: Rotation, secret: Secret) -> Proof:
        """One sign-in as its application. Raises DirectoryError."""


class ConnectionDesk(Protocol):
    """Where connections are looked up and those of the API made."""

    def oauth_client(self) -> str:
        """The client id in whose name people sign in; empty where nobody may."""

    async def connections(self) -> Sequence[ShownConnection]:
        """All, by name."""

    async def add(
        self, name: str, document: Mapping[str, object], *, secrets: Mapping[str, Secret], project: str
    ) -> ShownConnection:
        """Make one whose sign-in works. Raises SignInRefused and the like, or ConfigError."""

    async def change(
        self, connection: ShownConnection, changes: Mapping[str, object], *, secrets: Mapping[str, Secret]
    ) -> ShownConnection:
        """Change one; new credentials must work. `changes` may hold the name."""

    async def remove(self, connection: ShownConnection) -> None:
        """Take one out that no rotation uses."""

    def applications(self, connection: ShownConnection) -> AsyncGenerator[Sequence[Application], None]:
        """All applications it may see, a page at a time."""

    def holders(self, connection: ShownConnection) -> AsyncGenerator[Sequence[Holder], None]:
        """The same with their secrets, without certificates."""

    async def registration(self, connection: ShownConnection, object_id: str) -> Registration:
        """One application with its secrets, as Entra shows it now. Raises DirectoryError."""

    def inventory(
        self, connections: Sequence[ShownConnection], *, unused_after: timedelta | None = None
    ) -> AsyncGenerator[Look, None]:
        """What these see that expires, a page at a time, and which of them cannot be asked.

        `unused_after`: ask for the last use of each too, and find what has not been used for so long.
        """
