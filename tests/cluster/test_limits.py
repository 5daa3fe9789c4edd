"""Do real nodes on one PostgreSQL begin together what one of them may?"""

from __future__ import annotations

from tests.cli.workspace import Tenant
from tests.cluster.installation import Cluster
from tests.cluster.test_nodes import with_rotations

_DUE = "SELECT count(*) FROM rotations WHERE wake_at <= extract(epoch FROM clock_timestamp()) * 1000000"

_ISSUED = "FROM journal WHERE step = 'issue' AND phase = 'intent'"


def test_no_more_attempts_begin_in_an_hour_than_may_however_many_nodes_there_are(
    cluster: Cluster, tenant: Tenant
) -> None:
    with_rotations(cluster, tenant, 16)
    cluster.document["daemon"] = {"limits": {"rotationsPerHour": 5}}
    cluster.start_all("one", "two", "three")
    cluster.until(lambda: cluster.rotated() == 5 and cluster.open_attempts() == 0)
    cluster.until(lambda: cluster.asked(_DUE) == [(0,)])
    assert cluster.asked("SELECT count(*) FROM attempts") == [(5,)]
    # On a busy machine an answer of Graph may be late: what is issued once more is of the same attempt.
    assert cluster.asked(f"SELECT count(DISTINCT attempt_id) {_ISSUED}") == [(5,)]
