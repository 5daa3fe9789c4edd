"""What does every test of several nodes start from? One tenant, and a database of its own on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.workspace import Tenant
from tests.cluster.installation import Cluster
from tests.postgres import Server


@pytest.fixture(scope="session")
def tenant() -> Iterator[Tenant]:
    """A simulator; each test makes the applications it needs."""
    started = Tenant()
    yield started
    started.close()


@pytest.fixture
def cluster(tmp_path: Path, tenant: Tenant, postgres: Server) -> Iterator[Cluster]:
    url = postgres.make_database()
    made = Cluster(tmp_path, tenant, url)
    try:
        yield made
    finally:
        made.close()
        postgres.drop(url)
