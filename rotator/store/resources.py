"""What does the API keep in the database besides rotations? A second door to the same store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from rotator.domain.model import Folder
from rotator.domain.resources import MadeConnection, Project, ShownSecret
from rotator.store import connections, embedded, projects, shown
from rotator.store.runner import Runner
from rotator.store.seal import Seal


class ResourceStore:
    """Each method is one transaction. All raise StoreUnavailable when the database does not answer."""

    def __init__(self, runner: Runner, seal: Seal) -> None:
        self._runner = runner
        self._seal = seal

    async def connections(self) -> Sequence[MadeConnection]:
        """Those made through the API, by name, with their credentials."""
        return await self._runner.read(lambda tx: connections.every(tx, self._seal))

    async def connection_ids(self) -> Mapping[str, str]:
        """Name -> id of those made through the API."""
        return await self._runner.read(connections.ids)

    async def add_connection(self, made: MadeConnection) -> bool:
        """False: the name is taken."""
        return await self._runner.write(lambda tx: connections.add(tx, self._seal, made))

    async def change_connection(self, made: MadeConnection) -> bool:
        """False: it has changed since it was read, or the name is taken."""
        return await self._runner.write(lambda tx: connections.change(tx, self._seal, made))

    async def remove_connection(self, connection_id: str) -> None:
        """Take it out; once it is gone there is nothing to do."""
        await self._runner.write(lambda tx: connections.remove(tx, connection_id))

    async def projects(self) -> Sequence[Project]:
        """All projects by name: made ones, and those that definitions name."""
        return await self._runner.read(projects.every_project)

    async def folders(self) -> Collection[Folder]:
        """All folders."""
        return await self._runner.read(projects.every_folder)

    async def make_project(self, project: Project) -> bool:
        """False: the name is taken."""
        return await self._runner.write(lambda tx: projects.make_project(tx, project))

    async def make_folder(self, folder: Folder) -> None:
        """With what it stands in; nothing happens to those that are there."""
        await self._runner.write(lambda tx: projects.make_folder(tx, folder))

    async def shown_secrets(self, folder: Folder) -> Sequence[ShownSecret]:
        """The mapped secrets of the folder that show something, by name."""
        return await self._runner.read(lambda tx: shown.shown(tx, self._seal, folder, None))

    async def shown_secret(self, folder: Folder, name: str) -> ShownSecret | None:
        """One of them; None when there is nothing to see."""
        found = await self._runner.peek(lambda tx: shown.shown(tx, self._seal, folder, name))
        return found[0] if found else None

    async def unmap(self, folder: Folder, names: Collection[str], rotation_id: str) -> None:
        """Remove these names of a rotation that is gone."""
        await self._runner.write(lambda tx: embedded.unmap(tx, folder, names, rotation_id))

    async def now(self) -> datetime:
        """The database's time."""
        return await self._runner.read(lambda tx: tx.time)
