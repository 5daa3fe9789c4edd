"""What does a contract suite start from?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.stores import STORES, Books


@pytest.fixture(params=sorted(STORES))
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """An empty database of each kind in turn."""
    made = STORES[request.param](tmp_path)
    yield made
    made.store.close()
