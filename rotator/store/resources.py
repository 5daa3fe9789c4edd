"""What does the API keep in the database besides rotations? A second door to the same store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from rotator.domain.model import Folder
from rotator.domain.resources import MadeConnection, Project, RefreshTurn, ShownSecret
from rotator.store import connections, embedded, projects, refresh_tokens, shown
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

    async def connections_mark(self) -> str:
        """Differs once any of them has been made, changed or taken out."""
        return await self._runner.read(connections.mark)

    async def connection_ids(self) -> Mapping[str, str]:
        """Name -> id of those made through the API."""
        return await self._runner.read(connections.ids)

    async def add_connection(self, made: MadeConnection) -> bool:
        """False: the name is taken."""
        return await self._runner.write(lambda tx: connections.add(tx, self._seal, made))

    async def change_connection(self, made: MadeConnection, *, with_secrets: bool) -> bool:
        """Its credentials stay as they are unless they are to change too. False: changed since, or a name in use."""
        change = partial(connections.change, with_secrets=with_secrets)
        return await self._runner.write(lambda tx: change(tx, self._seal, made))

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

    async def shown_version(self, folder: Folder, name: str, version: int) -> ShownSecret | None:
        """What it showed in that version, while its credential lives; None when there is nothing to see."""
        operation = partial(shown.shown_version, name=name, version=version)
        return await self._runner.peek(lambda tx: operation(tx, self._seal, folder))

    async def unmap(self, folder: Folder, names: Collection[str], rotation_id: str) -> None:
        """Remove these names of a rotation that is gone."""
        await self._runner.write(lambda tx: embedded.unmap(tx, folder, names, rotation_id))

    # Refresh tokens of connections that sign in with one.

    async def take_refresh_turn(self, connection: str, holder: str, span: timedelta) -> RefreshTurn | None:
        """The right to use its refresh token for so long; None while it is another's."""
        take = partial(refresh_tokens.claim, holder=holder, span=span)
        return await self._runner.write(lambda tx: take(tx, self._seal, connection))

    async def end_refresh_turn(
        self, connection: str, holder: str, *, turn: RefreshTurn, new: RefreshTurn | None = None
    ) -> bool:
        """Give the turn back, with what followed. False: the token has been replaced meanwhile, and that one stays."""
        end = partial(refresh_tokens.end, holder=holder, turn=turn, new=new)
        return await self._runner.write(lambda tx: end(tx, self._seal, connection))

    async def forget_refresh_tokens(self, connections_kept: Collection[str]) -> None:
        """Nothing is left of those of other connections that have not been used for 90 days."""
        await self._runner.write(lambda tx: refresh_tokens.forget_others(tx, connections_kept))

    async def now(self) -> datetime:
        """The database's time."""
        return await self._runner.read(lambda tx: tx.time)
