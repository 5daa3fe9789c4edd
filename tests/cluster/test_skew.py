"""Does a node whose host's clock is an hour wrong do anything differently? Dates are judged by the database's time."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.workspace import Daemon, Tenant
from tests.cluster.installation import Cluster
from tests.cluster.test_nodes import with_rotations

_SOURCE = Path(__file__).with_name("skew.c")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process is started with, so that its wall clock is wrong and everything else is as it was."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc): a process of its own cannot be given a wrong clock")
    made = tmp_path_factory.mktemp("skew") / "skew.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, _SOURCE, "-ldl"], check=True)
    return made


def believes(node: Daemon) -> datetime:
    """What time it is by its log."""
    return datetime.fromisoformat(json.loads(node.log().splitlines()[-1])["timestamp"])


@pytest.mark.parametrize("skew", [HOUR, -HOUR], ids=["fast", "slow"])
def test_an_hour_s_skew_of_one_node_changes_nothing(
    cluster: Cluster, tenant: Tenant, shim: Path, skew: timedelta
) -> None:
    objects = with_rotations(cluster, tenant, 16)
    space = cluster.space("wrong")
    space.besides = {"LD_PRELOAD": str(shim), "ROTATOR_TEST_SKEW": str(int(skew.total_seconds()))}
    # From nothing, both: what is to be loaded before it starts is, and neither does all before the other begins.
    wrong = cluster.run(space, "wrong", wait=False, forked=False)
    right = cluster.run(cluster.space("right"), "right", wait=False, forked=False)
    for node in (wrong, right):
        node.wait_for("READY=1")
    cluster.until(lambda: cluster.rotated() == len(objects) and cluster.open_attempts() == 0)
    assert abs(believes(wrong) - datetime.now(UTC) - skew) < timedelta(minutes=5)
    # Both have worked, neither has taken anything from the other.
    at_work = {row[0].partition("/")[0] for row in cluster.asked("SELECT DISTINCT holder FROM leases")}
    assert at_work == {"wrong", "right"}
    assert cluster.attempts() == {f"app-{n}": ["succeeded"] for n in range(len(objects))}
    assert [node.log().count("lease lost") for node in (wrong, right)] == [0, 0]
    assert [node.log().count("CLOCK_SUSPECT") for node in (wrong, right)] == [0, 0]
    assert cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1))
    ((earliest, latest),) = cluster.asked("SELECT min(wake_at), max(wake_at) FROM rotations")
    ((first, last),) = cluster.asked("SELECT min(issued_at), max(issued_at) FROM credentials")
    now = datetime.now(UTC).timestamp() * 1_000_000
    assert now - 300e6 < first <= last <= now
    assert latest - earliest < HOUR.total_seconds() * 1e6
    # A request made by the one is served by whoever sees it, at once.
    assert cluster.rotator("rotate", "app-0").status == 0
