"""What does a node do while its database does not answer? It lives, claims nothing, and loses no secret."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.cli.workspace import Tenant
from tests.cluster.cable import Cable
from tests.cluster.installation import Cluster
from tests.postgres import Server


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
    tenant.control("POST", "faults", {"match": "addPassword", "delay": 2, "times": 1})
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


def answer(api: str, path: str) -> int:
    return httpx.get(f"{api}/{path}", trust_env=False, timeout=30).status_code


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
