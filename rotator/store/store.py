"""The Store port over SQL: each method hands one operation to the runner, which makes one transaction of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rotator.domain.changes import Change
from rotator.domain.definition import Defined
from rotator.domain.edits import Edit
from rotator.domain.mapped import MappedName, MayStage
from rotator.domain.model import (
    Application,
    Attempt,
    Credential,
    Entry,
    Facts,
    Folder,
    Lease,
    Request,
    Rotation,
    Secret,
)
from rotator.domain.nodes import Reading
from rotator.domain.overview import Life, Look, Overview, Tally
from rotator.domain.pacing import Line, Toll
from rotator.domain.resources import Ids
from rotator.ports import Claim, Listed, Marker, Recognised, Written
from rotator.store import backup, defined, definitions, embedded, leases, needs, overview, requests, seal, views, writes
from rotator.store.access import AccessStore
from rotator.store.facts import defined_of
from rotator.store.nodes import NodeStore
from rotator.store.resources import ResourceStore
from rotator.store.rows import NEVER, micros
from rotator.store.runner import Runner
from rotator.store.seal import Place, Seal
from rotator.store.spool import SpoolFolders

#: The key of keyed fingerprints, made with the database.
FINGERPRINT_KEY = Place("meta", "fingerprint", "key")
_REWRAPPED_AT_ONCE = 100


class SqlStore:
    """Implements `ports.Store` and `ports.MappedSecrets`, and what commands and the configuration need besides.

    Made by `opening.open_store`. All methods raise StoreUnavailable when the database does not answer.
    """

    def __init__(
        self,
        runner: Runner,
        seals: Seal,
        *,
        installation: str,
        now: Callable[[], datetime],
        real: Callable[[], datetime],
        asks: bool = False,
        told: list[Callable[[], None]] | None = None,
    ) -> None:
        """`now` is the database's time plus the offset, as it must be without asking; `asks`: the engine does ask.

        `real` is the same without the offset. `told` are told when a lost connection has been replaced.
        """
        self.installation = installation
        self._runner = runner
        self._seal = seals
        self._now = now
        self._real = real
        self._asks = asks
        self._told = [] if told is None else told
        #: What the API keeps besides rotations.
        self.resources = ResourceStore(runner, seals)
        #: Who works on this database.
        self.nodes = NodeStore(runner)

    def when_reconnected(self, tell: Callable[[], None]) -> None:
        """Have it called when a lost connection has been replaced, before anything is asked; in another thread."""
        self._told.append(tell)

    def access(self, node: str) -> AccessStore:
        """Identities, tokens and the audit, whose rows go to the chain of that node."""
        return AccessStore(self._runner, self._seal, key_place=FINGERPRINT_KEY, node=node, now=self._real)

    def spool(self, folders: Sequence[Path], *, inline: bool = False) -> SpoolFolders:
        """Where issued secrets wait, in the first of the folders that can, while these books cannot be written."""
        return SpoolFolders(folders, self._seal, installation=self.installation, inline=inline)

    # What the engine asks: see `ports.Store`.

    async def now(self) -> datetime:
        return await self._runner.read(lambda tx: tx.time) if self._asks else self._now()

    async def claim(
        self, holder: str, *, limit: int, ttl: timedelta, only: Collection[str] | None = None
    ) -> Sequence[Claim]:
        return await self._runner.write(lambda tx: leases.claim(tx, holder, limit=limit, ttl=ttl, only=only))

    async def look(self, rotation_id: str) -> tuple[Facts, datetime]:
        return await self._runner.read(lambda tx: views.look(tx, rotation_id))

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
        order = writes.Order(lease, tuple(changes), ttl, wake_at, release, toll, line)
        return await self._runner.write(lambda tx: writes.write(tx, order, self._seal))

    async def renew(self, lease: Lease, ttl: timedelta) -> Lease:
        return await self._runner.write(lambda tx: leases.extend(tx, lease, ttl)[0])

    async def raise_token(self, lease: Lease, above: int) -> Lease:
        return await self._runner.write(lambda tx: leases.raise_token(tx, lease, above))

    async def hint(self, rotation_id: str, destination: str) -> None:
        await self._runner.write(lambda tx: requests.hint(tx, rotation_id, destination))

    async def wake(self, rotation_ids: Collection[str] | None = None) -> None:
        ids = None if rotation_ids is None else tuple(rotation_ids)
        await self._runner.write(lambda tx: requests.wake(tx, ids))

    async def next_wake(self) -> datetime | None:
        """Of the rotations that nobody has leased; who holds one knows by himself when to look again."""
        return await self._runner.read(leases.next_wake)

    async def text(self, key_id: str) -> Secret | None:
        return await self._runner.read(lambda tx: seal.text_at(tx, self._seal, Place.of_credential(key_id)))

    async def recognise(self, application: Application, listed: Sequence[Listed]) -> Recognised:
        """Key ids and display names are unique in the world, so the application adds nothing to them."""
        del application
        return await self._runner.read(lambda tx: views.recognise(tx, listed))

    async def same_time(self, rotation: Rotation, at: datetime) -> int:
        return await self._runner.read(lambda tx: views.same_time(tx, rotation.connection, at))

    async def ask(self, request: Request) -> str:
        return await self._runner.write(lambda tx: requests.ask(tx, request))

    async def request(self, request_id: str) -> Request | None:
        return await self._runner.read(lambda tx: requests.request(tx, request_id))

    async def journal(self, rotation_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[Entry]:
        return await self._runner.read(lambda tx: views.entries_of(tx, rotation_id, after=after, limit=limit))

    # The embedded store: see `ports.MappedSecrets`.

    async def mapped(self, folder: Folder, names: Collection[str]) -> Mapping[str, MappedName]:
        return await self._runner.read(lambda tx: embedded.mapped(tx, folder, names))

    async def stage(
        self, folder: Folder, names: Mapping[str, str], marker: Marker, *, may: MayStage | None = None
    ) -> Mapping[str, MappedName]:
        return await self._runner.write(lambda tx: embedded.stage(tx, folder, names, marker, may))

    async def unmap(self, folder: Folder, names: Collection[str], rotation_id: str) -> None:
        await self._runner.write(lambda tx: embedded.unmap(tx, folder, names, rotation_id))

    async def mapped_names(self, folder: Folder) -> Mapping[str, MappedName]:
        """All mapped secrets of the folder."""
        return await self._runner.read(lambda tx: embedded.mapped(tx, folder, None))

    async def mapped_text(self, folder: Folder, name: str) -> Secret | None:
        """What a reader of that mapped secret sees now, whichever field it is; None when there is nothing to see."""
        return await self._runner.read(lambda tx: embedded.mapped_text(tx, self._seal, folder, name))

    # Definitions and switches.

    async def define(
        self,
        edits: Sequence[Edit],
        *,
        files: Mapping[str, str] | None = None,
        edition: int | None = None,
        reading: Reading | None = None,
    ) -> None:
        """Make the edits true, all or none; what is new or changed is due for a look at once.

        `files` (path to hash) replaces what is known of the sources. `edition` is that of the definitions the edits
        were planned upon: DefinitionsMoved when they have another by now. `reading` is what the node has read to bring
        in, where there are several. KeyError when a changed one is unknown.
        """
        done = tuple(edits)
        await self._runner.write(lambda tx: definitions.define(tx, done, files, edition=edition, reading=reading))

    async def edition(self) -> int:
        """Grows with every change of a definition; read it before the definitions."""
        return await self._runner.read(definitions.edition)

    async def definitions(self) -> Sequence[Defined]:
        """All rotations with their switches, retired ones included, by name."""
        return await self._runner.read(lambda tx: defined_of(tx, None))

    async def definitions_named(self, names: Collection[str]) -> Sequence[Defined]:
        """Those of these names, retired ones too."""
        return await self._runner.read(lambda tx: defined.named(tx, names))

    async def definitions_of_files(self) -> Sequence[Defined]:
        """Those that came from configuration files, and all retired ones: few, however many the API has made."""
        return await self._runner.read(defined.of_files)

    async def pass_by(self, folder: Folder | None, take: Callable[[Rotation], object]) -> None:
        """Hand over the living rotations of a folder one by one, in another thread; None: those that deliver elsewhere.

        All of one moment, and none is kept.
        """
        await self._runner.read(lambda tx: defined.pass_by(tx, folder, take))

    async def users_of(self, connection: str, *, most: int) -> Sequence[tuple[str, bool]]:
        """The names of some rotations that use it, that of its own secret first, and whether it is that one."""
        return await self._runner.read(lambda tx: defined.users_of(tx, connection, most))

    async def source_hashes(self) -> Mapping[str, str]:
        """The files that the definitions came from, with the hashes they had."""
        return await self._runner.read(definitions.source_hashes)

    async def pause(self, rotation_id: str) -> None:
        """No more rotations until `resume`. Raises KeyError."""
        await self._runner.write(lambda tx: requests.pause(tx, rotation_id))

    async def resume(self, rotation_id: str) -> None:
        """Rotate again; what came due meanwhile waits for the next slot. Raises KeyError."""
        await self._runner.write(lambda tx: requests.resume(tx, rotation_id))

    async def approve(self, rotation_id: str) -> None:
        """Let the rotation that waits for approval go ahead. Raises KeyError."""
        await self._runner.write(lambda tx: requests.approve(tx, rotation_id))

    # What people read.

    async def facts(self, names: Collection[str] | None = None) -> Sequence[Facts]:
        """The facts of the rotations so named (None: all), by name; names that are unknown are left out."""
        return await self._runner.read(lambda tx: views.facts(tx, names))

    async def names(self) -> Sequence[str]:
        """The names of all rotations that are not retired, in order."""
        return await self._runner.read(views.names)

    async def count(self) -> int:
        """How many rotations there are, retired ones apart."""
        return await self._runner.read(needs.count)

    async def tally(self) -> Tally:
        """How all rotations stand, in numbers; reads a row of each."""
        return await self._runner.read(needs.tally)

    async def troubled(self, most: int) -> Sequence[str]:
        """The names of those that have failed, are held or bear an alarm; so many at most."""
        return await self._runner.read(lambda tx: needs.troubled(tx, most))

    async def in_need(self, most: int) -> Sequence[str]:
        """The same, and of those that may be overdue."""
        return await self._runner.read(lambda tx: needs.in_need(tx, most))

    async def find(self, name: str) -> str | None:
        """The id of the rotation of that name; a living one before a retired one."""
        return await self._runner.read(lambda tx: views.find(tx, name))

    async def history(self, rotation_id: str, limit: int = 20) -> Sequence[tuple[Attempt, Sequence[Entry]]]:
        """The latest attempts, newest first, each with its journal."""
        return await self._runner.read(lambda tx: views.history(tx, rotation_id, limit))

    async def ledger(self, rotation_id: str) -> Sequence[Credential]:
        """All credentials of a rotation, revoked ones included, oldest first."""
        return await self._runner.read(lambda tx: views.ledger(tx, rotation_id))

    async def overview(self, look: Look) -> Overview:
        """How all rotations stand, and a page of them with what happened to each."""
        return await self._runner.read(lambda tx: overview.overview(tx, look))

    async def life(self, rotation_id: str, since: datetime) -> Life:
        """What happened to one rotation since then."""
        return await self._runner.read(lambda tx: overview.life(tx, rotation_id, since))

    async def ids(self) -> Ids:
        """The ids of what has no row of its own."""
        return Ids(self.installation, await self.resources.connection_ids())

    # The connections' own credentials (rotation.md section 8).

    async def own_credential(self, connection: str) -> tuple[Credential, Secret] | None:
        """The credential a connection rotates for itself, with its text; None while there is none of ours."""
        return await self._runner.read(lambda tx: views.own_credential(tx, self._seal, connection))

    async def connection_fingerprint(self, connection: str) -> str | None:
        """The fingerprint last set, or None."""
        return await self._runner.read(lambda tx: views.connection_fingerprint(tx, connection))

    async def set_connection_fingerprint(self, connection: str, fingerprint: str) -> None:
        """Remember the fingerprint of the credential as configured."""
        await self._runner.write(lambda tx: views.set_connection_fingerprint(tx, connection, fingerprint))

    async def fingerprint(self, text: Secret) -> str:
        """64 hexadecimal digits, the same for the same text in this database only."""
        key = await self._runner.read(lambda tx: seal.text_at(tx, self._seal, FINGERPRINT_KEY))
        assert key is not None, "made with the database"
        return hmac.new(key.reveal().encode(), text.reveal().encode(), hashlib.sha256).hexdigest()

    # Upkeep.

    async def rewrap(self) -> int:
        """Put every sealed record under the newest key, a few at a time beside whoever else works; returns how many."""
        total = 0
        while done := await self._runner.write(lambda tx: seal.rewrap_some(tx, self._seal, _REWRAPPED_AT_ONCE)):
            total += done
        return total

    async def dump(self, write: Callable[[str], object]) -> int:
        """Hand out the lines of a copy of the books, all of one moment, in another thread; returns how many rows."""
        return await self._runner.read(lambda tx: backup.dump(tx, write, self.installation))

    async def end_leases(self) -> int:
        """Let every lease expire now. Only for the holder of the engine lock, who knows that no other engine lives."""
        return await self._runner.write(leases.end_all)

    async def tidy(self) -> None:
        """Let nothing linger in the files that has been erased; housekeeping calls it now and then."""
        await self._runner.tidy()

    def close(self) -> None:
        """End after what has been handed in."""
        self._runner.close()


def never(at: datetime) -> bool:
    """Is that the wake-up time of a rotation that is not to be looked at?"""
    return micros(at) == NEVER
