"""What does a contract suite start from?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.stores import STORES, Books, on_server
from tests.postgres import Server

_SERVER = "postgresql"
#: The same by way of PgBouncer in transaction mode.
_POOLED = "pgbouncer"


@pytest.fixture(params=[*sorted(STORES), _SERVER, _POOLED])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """An empty database of each kind in turn."""
    if request.param in {_SERVER, _POOLED}:
        server: Server = request.getfixturevalue("postgres")
        with server.lent() as url:
            made = on_server(url if request.param == _SERVER else request.getfixturevalue("pgbouncer").through(url))
            yield made
            made.store.close()
        return
    made = STORES[request.param](tmp_path)
    yield made
    made.store.close()
