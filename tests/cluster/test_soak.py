"""Do five nodes keep their promises while they are killed and stopped at random? Told by `make soak` alone."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.cli.workspace import Daemon, Tenant
from tests.cluster.installation import Cluster
from tests.cluster.test_nodes import with_rotations

MINUTES = float(os.environ.get("ROTATOR_CLUSTER_MINUTES", "0"))
NODES = ("one", "two", "three", "four", "five")
#: Longer than a lease.
STANDSTILL = 100.0
#: Rotations for each minute.
RATE = 200


@dataclass
class Misfortune:
    """Kills nodes at random, which start anew, and stops them for longer than a lease."""

    cluster: Cluster
    chance: random.Random
    stopped: dict[str, float] = field(default_factory=dict)
    #: How many leases each of them held.
    held: dict[str, int] = field(default_factory=dict)
    #: How many of them had lost theirs when they went on.
    overtaken: int = 0
    killed: int = 0
    stood_still: int = 0
    #: Writes that were refused to nodes which others had taken over from; in the logs of processes that are gone.
    refused: int = 0

    def strike(self) -> None:
        for node, since in list(self.stopped.items()):
            if time.monotonic() - since > STANDSTILL:
                self.overtaken += self.cluster.at_work(node) == 0 and self.held.pop(node) > 0
                self.cluster.daemons[node].signal(signal.SIGCONT)
                del self.stopped[node]
        node = self.chance.choice([node for node in NODES if node not in self.stopped])
        if self.chance.random() < 0.5 and len(self.stopped) < 2:
            self.cluster.daemons[node].signal(signal.SIGSTOP)
            self.stopped[node] = time.monotonic()
            self.held[node] = self.cluster.at_work(node)
            self.stood_still += 1
        else:
            victim = self.cluster.daemons[node]
            victim.signal(signal.SIGKILL)
            victim.process.wait()
            self.refused += lost_leases(victim)
            self.cluster.start(node, wait=False)
            self.killed += 1

    def relent(self) -> None:
        for node in self.stopped:
            self.cluster.daemons[node].signal(signal.SIGCONT)
        self.stopped.clear()

    def all_refused(self) -> int:
        return self.refused + sum(lost_leases(daemon) for daemon in self.cluster.daemons.values())


@pytest.mark.slow
@pytest.mark.skipif(not MINUTES, reason="make soak tells it")
@pytest.mark.timeout(0)
def test_each_rotation_happens_once_whatever_befalls_the_nodes(cluster: Cluster, tenant: Tenant) -> None:
    count = int(RATE * MINUTES)
    objects = with_rotations(cluster, tenant, count)
    # All are due at once, and so many are at work at a time that there is work left until the end.
    cluster.document["daemon"]["concurrency"] = 2
    cluster.start_all(*NODES)
    misfortune = Misfortune(cluster, random.Random(20261121))
    until = time.monotonic() + 60 * MINUTES
    while time.monotonic() < until:
        time.sleep(misfortune.chance.uniform(5, 20))
        misfortune.strike()
    misfortune.relent()
    patience = 600 + 60 * MINUTES
    cluster.until(lambda: cluster.rotated() >= count and cluster.open_attempts() == 0, patience=patience)
    outcomes = cluster.attempts()
    # None missed, none twice; an attempt that failed had its secret taken away, and another followed.
    assert {name: each.count("succeeded") for name, each in outcomes.items()} == {f"app-{n}": 1 for n in range(count)}
    failed = sum(each.count("failed") for each in outcomes.values())
    assert sum(map(len, outcomes.values())) == count + failed
    assert cluster.asked("SELECT count(*) FROM credentials WHERE promoted_at IS NOT NULL") == [(count,)]
    # No orphan: one secret of each signs in, and it is the one in the books.
    cluster.until(lambda: cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1)), patience=patience)
    books = {row[0] for row in cluster.asked("SELECT key_id FROM credentials WHERE state = 'current'")}
    assert cluster.keys(objects) == books
    sys.stdout.write(
        f"{count} rotations, {failed} attempts failed; {misfortune.killed} nodes killed, "
        f"{misfortune.stood_still} stopped, {misfortune.all_refused()} writes of overtaken nodes refused\n"
    )
    assert misfortune.all_refused() > 0 or not misfortune.overtaken, "nodes that were overtaken were not fenced"


def lost_leases(daemon: Daemon) -> int:
    return daemon.log().count('"lease lost"')
