"""What does every test of a command start from? One tenant for all of them, and a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.workspace import Daemon, Tenant, Workspace


@pytest.fixture(scope="session")
def tenant() -> Iterator[Tenant]:
    """A simulator; each test makes the applications it needs."""
    started = Tenant()
    yield started
    started.close()


@pytest.fixture
def workspace(tmp_path: Path, tenant: Tenant) -> Workspace:
    return Workspace(tmp_path, tenant)


@pytest.fixture
def daemon(workspace: Workspace, tenant: Tenant) -> Iterator[Daemon]:
    """A daemon at work on one rotation, `billing`, which has rotated."""
    workspace.add("billing", tenant.application(displayName="Billing"))
    started = workspace.daemon()
    try:
        started.wait_for_log("attempt ended")
        yield started
    finally:
        started.close()
