"""What is one installation of the product in a simulated world? Database, nodes, places, definitions."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rotator.domain.edits import edits
from rotator.domain.events import Event
from rotator.domain.kept import Kept
from rotator.domain.model import Lease, Request, Rotation
from rotator.domain.secret import Secret
from rotator.ports import Listed
from rotator.simulator.model import Password
from rotator.store import views
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.fakes import SeededChance
from tests.simulation import books
from tests.simulation.network import Write
from tests.simulation.node import Node
from tests.simulation.places import Places, Written

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

#: Three nodes that ask Entra for the time once a minute, and some work.
_MOST_VISITS_AN_HOUR = 300
_LEASE_IS_OVER = 95.0
_KEY = Secret(base64.b64encode(bytes(range(32))).decode())


class Installation:
    """`jump` sets the database's clock apart from true time; `older` says for which applications the books are old."""

    def __init__(self, universe: Universe, id_: str, *, nodes: int) -> None:
        self.universe = universe
        self.id = id_
        self.prefix = f"rotator/{id_}/"
        self.places = Places()
        self.nodes: dict[str, Node] = {}
        self.node_names = [f"{id_}-{n}" for n in range(1, nodes + 1)]
        #: What each node's own disk holds, whichever of its processes lives.
        self.disks: dict[str, dict[str, Kept]] = {name: {} for name in self.node_names}
        #: The definitions as they stand in the configuration files.
        self.wanted: list[Rotation] = []
        #: The ids of all rotations by every name they ever had; a visit under way speaks of the old name.
        self.ids: dict[str, str] = {}
        self.failures_before_pause = 10
        self.rotations_per_hour = 600
        self.bugs: list[BaseException] = []
        #: How often the database was replaced by an older copy.
        self.restores = 0
        self.backups: list[bytes] = []
        self.stale_refused = 0
        self.jump = timedelta(0)
        self.jumped_at = universe.time()
        #: Key ids that a person told this installation to take as its own.
        self.adopted: set[str] = set()
        #: Rotation id -> since when nothing of it may be issued, by a person's word.
        self.resting: dict[str, datetime] = {}
        self.edited_at = universe.time()
        #: Object id -> keys of ours in Entra that a restored database does not know; until a person has decided.
        self.older: dict[str, set[str]] = {}
        self.fencing = Fencing(self)
        self.store = self._open()
        self._lives = 0
        self._asked = 0
        self._ids = 0

    def database_time(self) -> datetime:
        return self.universe.time() + self.jump

    def set_clock(self, jump: timedelta) -> None:
        """The database's clock is set, for better or worse."""
        self.jump, self.jumped_at = jump, self.universe.time()
        self.universe.write(f"the clock of {self.id}'s database is off by {jump}")

    def start(self, name: str, *, skew: timedelta = timedelta(0)) -> Node:
        """A new process under that name, unless there is one."""
        if name in self.nodes:
            return self.nodes[name]
        self._lives += 1
        seed = self.universe.seed * 1000 + self._lives
        node = self.nodes[name] = Node(f"{name}.{self._lives}", self, seed=seed, skew=skew)
        node.start()
        self.universe.write(f"{node.name} starts")
        return node

    def kill(self, name: str) -> None:
        """The process of that name ends without another word."""
        node = self.nodes.pop(name, None)
        if node is not None:
            self.universe.write(f"{node.name} is killed")
            node.kill()
            self.nudge_later()

    async def reload(self, *, what: str = "the configuration") -> None:
        """What is wanted becomes what is defined, as `rotator run` does it when it starts or is told to reload."""
        known = await self.store.definitions()
        made, problems = edits(known, self.wanted, self.database_time(), self._new_id)
        assert not problems, problems
        self.universe.write(f"{self.id}: {what}: {', '.join(type(edit).__name__ for edit in made) or 'no change'}")
        self.edited_at = self.universe.time()
        await self.store.define(made)
        self.ids |= {each.rotation.name: each.rotation.id for each in await self.store.definitions()}
        self.nudge()

    async def edit(self, name: str, what: str, **changes: Any) -> None:
        """Change the definition of that name."""
        self.wanted = [replace(each, **changes) if each.name == name else each for each in self.wanted]
        await self.reload(what=f"{name}: {what}")

    async def ask(self, rotation_id: str, kind: str, **facts: object) -> None:
        """Somebody runs a command about a rotation, if it is still there."""
        found = books.facts(self.store, rotation_id)
        if found is None:
            return
        self._asked += 1
        id_ = f"request-{self._asked}-{self.universe.seconds():.0f}"
        request = Request(id_, rotation_id, kind, self.database_time(), by="the story", facts=facts)
        self.universe.write(f"{self.id}: somebody asks: {kind} {found.rotation.name} {facts or ''}")
        if kind in {"rotate", "compromised", "adopt"}:
            self._decided(rotation_id)
        await self.store.ask(request)
        self.nudge()

    def nudge(self) -> None:
        """Have every node look at once."""
        for node in self.nodes.values():
            node.dispatcher.nudged.set()

    def nudge_later(self) -> None:
        """Have every node look as soon as the lease of one that is silent from now on has ended; real ones poll."""
        asyncio.get_running_loop().call_later(_LEASE_IS_OVER, self.nudge)

    def snapshot(self) -> bytes:
        """A backup of the database as it is now."""
        return bytes(self._connection(self.store).serialize())

    def restore(self, backup: bytes) -> None:
        """All processes end, an older database takes the place of the present one; what it does not know is noted."""
        for name in list(self.nodes):
            self.kill(name)
        self.store.close()
        self.store = self._open()
        self._connection(self.store).deserialize(backup)
        self.fencing = Fencing(self)
        self.restores += 1
        self.resting = {}
        self.universe.write(f"{self.id}: the database is restored from an older copy")
        self.older = {}
        for facts in books.all_facts(self.store):
            object_id = facts.rotation.application.object_id
            unknown = self._unknown(object_id)
            if unknown:
                self.older[object_id] = unknown
                self.universe.write(f"{self.id}: it does not know {', '.join(sorted(key[:8] for key in unknown))}")

    def is_older(self, object_id: str) -> bool:
        """Entra still holds a key of ours that the books do not know, and no person has decided."""
        return bool(self.older.get(object_id, set()) & {each.key_id for each in self.universe.listed(object_id)})

    def watcher(self, node: str) -> NodeWatcher:
        """Who watches what that node does outside."""
        return NodeWatcher(self, node)

    def close(self) -> None:
        for name in list(self.nodes):
            self.kill(name)
        self.store.close()

    def _decided(self, rotation_id: str) -> None:
        """A person's word leaves the hold of law L16."""
        facts = books.facts(self.store, rotation_id)
        if facts is not None:
            self.older.pop(facts.rotation.application.object_id, None)

    def _unknown(self, object_id: str) -> set[str]:
        ours = [p for p in self.universe.listed(object_id) if str(p.display_name).startswith(self.prefix)]
        shown = [Listed(p.key_id, str(p.display_name), p.starts_at, p.expires_at) for p in ours]
        known = books.read(self.store, lambda tx: views.recognise(tx, shown))
        return {each.key_id for each in shown if each.key_id not in known.ledger} - {
            each.key_id for each in shown if each.display_name in known.intents
        }

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self.id}-rotation-{self._ids}"

    def _open(self) -> SqlStore:
        return open_store(
            "sqlite://",
            chance=SeededChance(self.universe.seed),
            database_time=self.database_time,
            keys=[_KEY],
            installation=self.id,
            inline=True,
        )

    @staticmethod
    def _connection(store: SqlStore) -> Any:
        return store._runner._session.connection  # type: ignore[attr-defined]


class NodeWatcher:
    """Tells the laws what one node does, and in whose name."""

    def __init__(self, installation: Installation, node: str) -> None:
        self._of = installation
        self._node = node

    def sending(self, write: Write) -> None:
        what = f"addPassword {write.name}" if write.name else f"removePassword {write.key_id[:8]}"
        self._of.universe.write(f"{self._node}: {what} arrives")
        self._of.universe.laws.sending(self._of, write)

    def added(self, write: Write, password: Password, text: str) -> None:
        self._of.universe.write(f"{self._node}: {password.key_id[:8]} was added")
        self._of.universe.laws.added(self._of, write, password, text)

    def removed(self, write: Write, password: Password) -> None:
        del write
        self._of.universe.write(f"{self._node}: {password.key_id[:8]} was removed")
        self._of.universe.laws.removed(self._of, password)

    def written(self, written: Written) -> None:
        marker = written.parcel.marker
        late = ", by a process that had been stopped" if written.late else ""
        self._of.universe.write(
            f"{self._node}: {written.place.name} bears {marker.key_id[:8]} under token {marker.token}{late}"
        )
        self._of.universe.laws.written(self._of, written)

    def told(self, event: Event) -> None:
        self._of.universe.laws.told(self._of, event)


class Fencing:
    """Watches that no write gets through under a token lower than one that was handed out since (law L8)."""

    def __init__(self, installation: Installation) -> None:
        self._of = installation
        self._highest: dict[tuple[str, str], int] = {}
        self._visits: dict[str, list[float]] = {}

    def note(self, operation: str, args: Sequence[Any], answer: Any) -> None:
        """A node's call of the store has succeeded."""
        if operation == "claim":
            for claim in answer:
                self._handed_out(claim.lease)
                self._visited(claim.facts.rotation.id)
        elif operation in {"renew", "raise_token"}:
            self._used(args[0])
            self._handed_out(answer)
        elif operation == "write":
            self._used(args[0])
            self._handed_out(answer.lease)

    def _visited(self, rotation_id: str) -> None:
        """Nobody turns in circles: what is visited so often within an hour is never done."""
        now = self._of.universe.seconds()
        recent = [at for at in self._visits.get(rotation_id, []) if at > now - 3600]
        self._visits[rotation_id] = [*recent, now]
        if len(recent) > _MOST_VISITS_AN_HOUR:
            self._of.universe.laws.break_(f"{rotation_id} of {self._of.id} was visited {len(recent)} times in an hour")

    def _used(self, lease: Lease) -> None:
        highest = self._highest.get((lease.tenant_id, lease.object_id), 0)
        if lease.token < highest:
            self._of.universe.laws.stale(self._of, lease, highest)

    def _handed_out(self, lease: Lease) -> None:
        key = (lease.tenant_id, lease.object_id)
        self._highest[key] = max(lease.token, self._highest.get(key, 0))
