"""What does every test of the engine find? A world of its own, with its database in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.harness import Harness


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    made = Harness(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def another_harness(tmp_path: Path) -> Iterator[Harness]:
    """A second world, to compare with the first."""
    folder = tmp_path / "another"
    folder.mkdir()
    made = Harness(folder)
    yield made
    made.store.close()
