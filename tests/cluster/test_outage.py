"""What does a node do while its database does not answer? It lives, claims nothing, and loses no secret."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.workspace import Tenant
from tests.cluster.cable import Cable
from tests.cluster.installation import Cluster, NodeSpace
from tests.postgres import Server, crash, launch, start, stop
from tests.web.asking import NOBODY


@pytest.fixture
def cable(postgres: Server) -> Iterator[Cable]:
    made = Cable(postgres.folder)
    yield made
    made.close()


def over(cable: Cable, cluster: Cluster) -> str:
    """The URL of the cluster's database by way of the cable."""
    name = cluster.url.partition("@/")[2].partition("?")[0]
    return f"postgresql://postgres@127.0.0.1:{cable.port}/{name}"


def test_a_secret_that_cannot_be_recorded_is_kept_until_it_can(cluster: Cluster, tenant: Tenant, cable: Cable) -> None:
    application = tenant.application(displayName="Kept")
    cluster.add("kept", application)
    cluster.document["api"] = {"listen": "127.0.0.1:0"}
    tenant.control("POST", "faults", {"match": "addPassword", "delay": 4, "times": 1})
    node = cluster.start("one", url=over(cable, cluster))
    objects = [application["objectId"]]
    cluster.until(lambda: bool(cluster.valid_secrets(objects)))
    cable.pull()
    api = json.loads(next(line for line in node.log().splitlines() if "the API listens" in line))["address"]
    cluster.until(lambda: answer(api, "readyz") == 503)
    assert answer(api, "healthz") == 200
    # The answer of Graph has come meanwhile, and there is nowhere to write it down.
    cluster.until(lambda: "does not answer" in node.log())
    assert cluster.asked("SELECT count(*) FROM credentials") == [(0,)]
    cable.plug()
    cluster.until(lambda: cluster.rotated() == 1)
    assert answer(api, "readyz") == 200
    assert cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1))
    node.signal(signal.SIGTERM)
    assert node.end() == 0


@pytest.fixture
def own_server() -> Iterator[Server]:
    """One that nobody else needs."""
    folder = start()
    yield Server(folder)
    stop(folder)


def test_a_server_that_crashes_and_starts_again_costs_no_secret(
    tmp_path: Path, tenant: Tenant, own_server: Server
) -> None:
    cluster = Cluster(tmp_path, tenant, own_server.make_database())
    application = tenant.application(displayName="Crashed")
    cluster.add("crashed", application)
    tenant.control("POST", "faults", {"match": "addPassword", "delay": 4, "times": 1})
    space = cluster.space("one")
    try:
        node = cluster.run(space, "one")
        cluster.until(lambda: bool(cluster.valid_secrets([application["objectId"]])))
        crash(own_server.folder)
        cluster.until(lambda: "waits in a sealed file" in node.log())
        launch(own_server.folder)
        cluster.until(lambda: cluster.rotated() == 1)
        assert cluster.issues() == 1, node.log()
        assert cluster.valid_secrets([application["objectId"]]) == Counter({application["objectId"]: 1})
        assert space.waiting() == []
    finally:
        cluster.close()


def kept_by_a_dead_node(cluster: Cluster, tenant: Tenant, cable: Cable) -> tuple[NodeSpace, list[str]]:
    """A node that has been killed with an issued secret in its file, behind a cable that leads again."""
    application = tenant.application(displayName="Spooled")
    cluster.add("spooled", application)
    cluster.document["connections"][0] |= {"propagation": "1s", "timeouts": {"request": "15s"}}
    tenant.control("POST", "faults", {"match": "addPassword", "delay": 4, "times": 1})
    space = cluster.space("one", url=over(cable, cluster))
    node = cluster.run(space, "one")
    objects = [application["objectId"]]
    cluster.until(lambda: bool(cluster.valid_secrets(objects)))
    cable.pull()
    cluster.until(lambda: "waits in a sealed file" in node.log())
    node.signal(signal.SIGKILL)
    node.end()
    (file,) = space.waiting()
    assert file.stat().st_mode & 0o777 == 0o600
    assert cluster.asked("SELECT count(*) FROM credentials") == [(0,)]
    cable.plug()
    return space, objects


def test_a_node_that_was_killed_meanwhile_records_it_when_it_starts_again(
    cluster: Cluster, tenant: Tenant, cable: Cable
) -> None:
    space, objects = kept_by_a_dead_node(cluster, tenant, cable)
    cluster.let_leases_run_out("one")
    node = cluster.run(space, "one")
    assert "an earlier life could not record is recorded" in node.log()
    cluster.until(lambda: cluster.rotated() == 1)
    assert cluster.issues() == 1
    assert cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1))
    assert space.waiting() == []


def test_one_whose_rotation_another_node_has_taken_over_is_worth_nothing_any_more(
    cluster: Cluster, tenant: Tenant, cable: Cable
) -> None:
    space, objects = kept_by_a_dead_node(cluster, tenant, cable)
    cluster.let_leases_run_out("one")
    cluster.start("two")
    cluster.until(lambda: not cluster.valid_secrets(objects))
    node = cluster.run(space, "one")
    cluster.until(lambda: space.waiting() == [])
    assert "is recorded" not in node.log()
    assert cluster.asked("SELECT count(*) FROM credentials") == [(0,)]


def answer(api: str, path: str) -> int:
    return httpx.get(f"{api}/{path}", verify=NOBODY, trust_env=False, timeout=30).status_code


def test_a_database_that_is_not_there_is_temporary(cluster: Cluster, cable: Cable) -> None:
    cable.pull()
    space = cluster.space("one", url=over(cable, cluster))
    said = space.rotator("status")
    assert (said.status, len(said.err.splitlines())) == (75, 1)
    assert "does not answer" in said.err
    said = space.process("run")
    assert (said.status, len(said.err.splitlines())) == (75, 1)


def test_a_wrong_password_is_a_mistake_of_the_configuration(cluster: Cluster, postgres: Server) -> None:
    postgres.say("DROP ROLE IF EXISTS guarded")
    postgres.say("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    space = cluster.space("one", url=cluster.url.replace("postgres@", "guarded@"))
    space.document["state"]["password"] = {"env": "DATABASE_PASSWORD"}
    said = space.rotator("status", DATABASE_PASSWORD="wrong-one")
    assert said.status == 78
    assert said.err.startswith("rotator: The state database")
    assert "refuses the password" in said.err
    assert "wrong-one" not in said.err
