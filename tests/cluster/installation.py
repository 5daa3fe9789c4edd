"""What is a cluster in a test? Real `rotator run` processes on one PostgreSQL, against one tenant over HTTPS."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.cli.workspace import PATIENCE, Daemon, Said, Tenant, Workspace
from tests.postgres import SEALING

_SEALING = "ROTATOR_TEST_SEALING"
#: The database's time as leases reckon it.
_NOW = "extract(epoch FROM clock_timestamp()) * 1000000"


@dataclass(slots=True)
class NodeSpace(Workspace):
    """The folder of one node: its own configuration file, its own log; the database is shared."""

    #: What else is in its environment, from its very start.
    besides: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        ours = {_SEALING: SEALING.reveal(), **self._folders(), **self.besides, **more}
        return Workspace.environment(self, **ours)

    def waiting(self) -> list[Path]:
        """Files of issued secrets that could not be recorded."""
        return sorted(self.folder.glob("state/*.spool/*.spooled"))

    def _folders(self) -> dict[str, str]:
        """Those that systemd gives a service."""
        return {"RUNTIME_DIRECTORY": str(self.folder / "run"), "STATE_DIRECTORY": str(self.folder / "state")}


@dataclass(slots=True)
class Cluster:
    """Nodes that share a database and the definitions in `document`."""

    folder: Path
    tenant: Tenant
    url: str
    document: dict[str, Any] = field(default_factory=dict)
    daemons: dict[str, Daemon] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plain = Workspace(self.folder, self.tenant).document
        state = {"url": self.url, "encryptionKeys": [{"env": _SEALING}]}
        self.document = {**plain, "state": state, "daemon": {"limits": {"rotationsPerHour": 100_000}}}

    def add(self, name: str, application: dict[str, str], **changes: Any) -> None:
        """A rotation to the embedded store alone."""
        word = name.upper().replace("-", "_")
        rotation = {
            "name": name,
            "connection": "contoso",
            "rotationInterval": 30,
            "parameters": {"objectId": application["objectId"]},
            "secretsMapping": {"clientId": f"{word}_ID", "clientSecret": f"{word}_SECRET"},
            **changes,
        }
        self.document["rotations"].append(rotation)

    def space(self, node: str, *, url: str = "") -> NodeSpace:
        """The folder of that node; with `url` it reaches the database by another way."""
        folder = self.folder / node
        folder.mkdir(exist_ok=True)
        made = NodeSpace(folder, self.tenant)
        made.document = copy.deepcopy(self.document)
        made.document["daemon"]["node"] = node
        if url:
            made.document["state"]["url"] = url
        return made

    def start(self, node: str, *, url: str = "", wait: bool = True) -> Daemon:
        return self.run(self.space(node, url=url), node, wait=wait)

    def run(self, space: NodeSpace, node: str, *, wait: bool = True, forked: bool = True) -> Daemon:
        """A daemon with the configuration of that folder; one that has that name already ends first."""
        if node in self.daemons:
            self.daemons[node].end()
            (space.folder / "notify").unlink()
        space.write()
        started = self.daemons[node] = Daemon(space, forked=forked)
        if wait:
            started.wait_for("READY=1")
        return started

    def rotator(self, *words: str) -> Said:
        """A command, on a machine that is no node."""
        return self.space("desk").rotator(*words)

    def start_all(self, *nodes: str) -> list[Daemon]:
        """Start them side by side, and wait for all."""
        started = [self.start(node, wait=False) for node in nodes]
        for daemon in started:
            daemon.wait_for("READY=1")
        return started

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def asked_for(self, change: str) -> int:
        """Of how many rows it was done."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(change.encode()).rowcount

    def at_work(self, node: str) -> int:
        """How many leases it holds that have not run out."""
        held = f"SELECT count(*) FROM leases WHERE holder LIKE '{node}/%' AND until > {_NOW}"
        return int(self.asked(held)[0][0])

    def let_leases_run_out(self, *nodes: str) -> int:
        """As their time would; the others hear that there may be something to do. How many have run out."""
        held = [f"holder LIKE '{node}/%' AND until > {_NOW}" for node in nodes]
        run_out = sum(self.asked_for(f"UPDATE leases SET until = 0 WHERE {each}") for each in held)
        self.asked_for("SELECT pg_notify('rotator_wake', '')")
        return run_out

    def left_by(self, node: str) -> int:
        """How many of the leases that ran out nobody has taken over yet."""
        return int(self.asked(f"SELECT count(*) FROM leases WHERE holder LIKE '{node}/%' AND until = 0")[0][0])

    def attempts(self) -> dict[str, list[str]]:
        """The outcomes of each rotation's attempts."""
        found: dict[str, list[str]] = {}
        rows = self.asked("SELECT name, outcome FROM attempts JOIN rotations ON rotations.id = rotation_id ORDER BY 1")
        for name, outcome in rows:
            found.setdefault(name, []).append(outcome)
        return found

    def open_attempts(self) -> int:
        return int(self.asked("SELECT count(*) FROM attempts WHERE ended_at IS NULL")[0][0])

    def nodes(self) -> list[str]:
        return [row[0] for row in self.asked("SELECT name FROM nodes ORDER BY name")]

    def issues(self) -> int:
        """How often Graph was asked for a secret."""
        return int(self.asked("SELECT count(*) FROM issue_intents")[0][0])

    def is_proving(self, count: int, *nodes: str) -> bool:
        """Each of the nodes is at work, and of so many issues none waits for its answer; what it does takes a while.

        An issue without an answer is followed by another no sooner than a minute later.
        """
        unanswered = "SELECT count(*) FROM issue_intents WHERE outcome = ''"
        return self.issues() >= count and self.asked(unanswered) == [(0,)] and all(map(self.at_work, nodes))

    def valid_secrets(self, objects: list[str]) -> Counter[str]:
        """How many secrets of each application sign in now."""
        truth = self.tenant.control("GET", "truth")
        return Counter(
            each["objectId"]
            for each in truth
            if each["objectId"] in objects
            for credential in each["credentials"]
            if credential["signsIn"]
        )

    def keys(self, objects: list[str]) -> set[str]:
        """The key ids of the secrets that those applications have in truth."""
        truth = self.tenant.control("GET", "truth")
        alive = [each["credentials"] for each in truth if each["objectId"] in objects]
        return {credential["keyId"] for found in alive for credential in found if credential["signsIn"]}

    def until(self, what: Callable[[], bool], *, patience: float = PATIENCE) -> None:
        """Return when it is so; the logs are told when it never is."""
        end = time.monotonic() + patience
        while not what():
            logs = "\n".join(f"--- {name}\n{daemon.log()[-3000:]}" for name, daemon in self.daemons.items())
            assert time.monotonic() < end, f"it never came about; the logs:\n{logs}"
            time.sleep(0.05)

    def rotated(self) -> int:
        """How many attempts have succeeded."""
        return int(self.asked("SELECT count(*) FROM attempts WHERE outcome = 'succeeded'")[0][0])

    def close(self) -> None:
        for daemon in self.daemons.values():
            daemon.close()
