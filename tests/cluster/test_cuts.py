"""What does a node do that is cut off for longer than its lease, from the database or from Graph? No harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.workspace import PATIENCE, Tenant
from tests.cluster.cable import Cable
from tests.cluster.installation import Cluster
from tests.cluster.test_nodes import let_go, with_rotations
from tests.cluster.test_outage import over
from tests.postgres import Server


@pytest.fixture
def cables() -> Iterator[list[Cable]]:
    laid: list[Cable] = []
    yield laid
    for cable in laid:
        cable.close()


def laid_to(server: Path | int, cables: list[Cable]) -> Cable:
    cables.append(Cable(server))
    return cables[-1]


def each_is_rotated_once(cluster: Cluster, objects: list[str]) -> None:
    # An issue without an answer is followed by another a minute later.
    long = 3 * PATIENCE
    cluster.until(lambda: cluster.rotated() >= len(objects) and cluster.open_attempts() == 0, patience=long)
    assert cluster.attempts() == {f"app-{n}": ["succeeded"] for n in range(len(objects))}
    cluster.until(lambda: cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1)))


def test_a_node_cut_off_from_the_database_for_longer_than_its_lease_writes_nothing_afterwards(
    cluster: Cluster, tenant: Tenant, postgres: Server, cables: list[Cable]
) -> None:
    objects = with_rotations(cluster, tenant, 12)
    cable = laid_to(postgres.folder, cables)
    cut = cluster.start("cut", url=over(cable, cluster))
    cluster.until(lambda: cluster.at_work("cut") > 4)
    # Silent rather than gone: what it has sent arrives when the others have long taken over.
    cable.hush()
    cluster.start("whole")
    held = cluster.let_leases_run_out("cut")
    cluster.until(lambda: cluster.left_by("cut") == 0)
    cable.speak()
    each_is_rotated_once(cluster, objects)
    assert held
    cluster.until(lambda: let_go(cut) >= held)


def test_a_node_cut_off_from_graph_for_longer_than_its_lease_leaves_nothing_behind(
    cluster: Cluster, tenant: Tenant, cables: list[Cable]
) -> None:
    objects = with_rotations(cluster, tenant, 24)
    cluster.document["daemon"]["concurrency"] = 6
    port = urlsplit(tenant.place["graph"]).port
    assert port is not None
    cable = laid_to(port, cables)
    space = cluster.space("cut")
    cloud = space.document["clouds"]["simulated"]
    for name in ("authority", "graph"):
        cloud[name] = cloud[name].replace(f":{port}", f":{cable.port}")
    cut = cluster.run(space, "cut", wait=False)
    cluster.start("whole", wait=False)
    cluster.until(lambda: cluster.at_work("cut") > 4 and cluster.is_proving(10, "whole"))
    # What it is asking for, Graph hears when the others have long taken over.
    cable.hush()
    cluster.let_leases_run_out("cut")
    cluster.until(lambda: cluster.left_by("cut") == 0)
    cable.speak()
    each_is_rotated_once(cluster, objects)
    cluster.until(lambda: let_go(cut) > 0)
    assert "Traceback" not in cut.log()
