"""Do nodes that die, stand still and come back carry each rotation out exactly once between them?"""

from __future__ import annotations

import json
import signal
from collections import Counter

import httpx

from tests.cli.workspace import PATIENCE, Daemon, Tenant
from tests.cluster.installation import Cluster
from tests.web.asking import NOBODY

#: Sign-ins a second apart: an attempt is under way for a while.
SLOW = {"successes": 3, "interval": "1s"}


def with_rotations(cluster: Cluster, tenant: Tenant, count: int) -> list[str]:
    """Rotations of fresh applications, by object id."""
    applications = [tenant.application(displayName=f"App {n}") for n in range(count)]
    for n, application in enumerate(applications):
        cluster.add(f"app-{n}", application)
    cluster.document["defaults"]["verify"] = SLOW
    cluster.document["connections"][0] |= {"propagation": "1s", "timeouts": {"request": "5s"}}
    return [application["objectId"] for application in applications]


def let_go(node: Daemon) -> int:
    """How many visits it ended because a write was refused, or had no answer, so that it is not known to be done."""
    return sum(node.log().count(what) for what in ('"lease lost"', "ended early"))


def test_what_dead_and_stopped_nodes_held_is_taken_over_and_each_rotation_happens_once(
    cluster: Cluster, tenant: Tenant
) -> None:
    objects = with_rotations(cluster, tenant, 24)
    killed, stopped, _ = cluster.start_all("killed", "stopped", "third")
    cluster.until(lambda: cluster.is_proving(16, "killed", "stopped"))
    killed.signal(signal.SIGKILL)
    stopped.signal(signal.SIGSTOP)
    cluster.let_leases_run_out("killed")
    held = cluster.let_leases_run_out("stopped")
    cluster.until(lambda: cluster.left_by("stopped") == 0)
    stopped.signal(signal.SIGCONT)
    long = 3 * PATIENCE
    cluster.until(lambda: cluster.rotated() == len(objects) and cluster.open_attempts() == 0, patience=long)
    # Three that started together have brought each definition in once.
    assert cluster.asked("SELECT count(*) FROM rotations") == [(24,)]
    assert cluster.attempts() == {f"app-{n}": ["succeeded"] for n in range(24)}
    assert held
    cluster.until(lambda: let_go(stopped) >= held)
    cluster.until(lambda: cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1)))


def test_a_node_that_drains_hands_over_at_once(cluster: Cluster, tenant: Tenant) -> None:
    objects = with_rotations(cluster, tenant, 8)
    (leaving,) = cluster.start_all("leaving")
    cluster.until(lambda: cluster.at_work("leaving") > 0)
    staying = cluster.start("staying")
    leaving.signal(signal.SIGTERM)
    assert leaving.end() == 0
    assert cluster.at_work("leaving") == 0
    assert cluster.nodes() == ["staying"]
    # Well before a lease would have run out.
    cluster.until(lambda: cluster.rotated() == len(objects), patience=45)
    assert "lease lost" not in staying.log()
    assert cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1))


def test_a_request_reaches_the_nodes_at_once_and_their_list_tells_who_lives(cluster: Cluster, tenant: Tenant) -> None:
    with_rotations(cluster, tenant, 1)
    cluster.document["defaults"]["verify"] = {"successes": 1, "interval": "0s"}
    cluster.start_all("one", "two")
    cluster.until(lambda: cluster.rotated() == 1)
    assert cluster.rotator("rotate", "app-0").status == 0
    listed = cluster.rotator("status", "--nodes", "--json").json["nodes"]
    assert [(node["name"], node["state"]) for node in listed] == [("one", "at work"), ("two", "at work")]
    assert "one" in cluster.rotator("status", "--nodes").out
    cluster.daemons["one"].signal(signal.SIGKILL)
    cluster.asked_for("UPDATE nodes SET seen_at = seen_at - 60000000 WHERE name = 'one'")
    listed = cluster.rotator("status", "--nodes", "--json").json["nodes"]
    assert [(node["name"], node["state"]) for node in listed] == [("one", "silent"), ("two", "at work")]


def test_a_node_whose_files_were_left_behind_does_not_bring_them_back(cluster: Cluster, tenant: Tenant) -> None:
    with_rotations(cluster, tenant, 1)
    cluster.document["rotations"][0] |= {"initial": "wait", "description": "old"}
    cluster.document["metrics"] = {"listen": "127.0.0.1:0"}
    left_behind = cluster.space("late")
    cluster.start("early").signal(signal.SIGTERM)
    cluster.document["rotations"][0]["description"] = "new"
    cluster.start("early")
    left_behind.write()
    late = cluster.run(left_behind, "late")
    assert "are older than those in the books" in late.log()
    assert [each["description"] for each in cluster.rotator("status", "--json").json["secretRotations"]] == ["new"]
    said = cluster.rotator("check")
    assert "different definitions" in said.out
    cluster.until(lambda: "rotator_definitions_differ 1" in numbers(late))
    # Once all that are left have been set back, nobody defends what was newer.
    cluster.daemons["early"].signal(signal.SIGTERM)
    cluster.until(lambda: "no other node has newer ones" in late.log())
    assert [each["description"] for each in cluster.rotator("status", "--json").json["secretRotations"]] == ["old"]


def numbers(node: Daemon) -> str:
    """What Prometheus would be told."""
    address = json.loads(next(line for line in node.log().splitlines() if "the numbers are told" in line))["address"]
    return httpx.get(f"{address}/metrics", verify=NOBODY, trust_env=False, timeout=30).text
