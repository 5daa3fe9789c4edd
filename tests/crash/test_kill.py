"""Does a real process, killed at any moment, leave working secrets and books that know of every credential?"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rotator.chance import SystemChance
from rotator.clock import SystemClock
from rotator.domain.model import Application
from rotator.ports import Listed
from rotator.store.opening import open_store
from tests.cli.workspace import Tenant, Workspace

KILLS = 6
#: What was issued and not answered waits a minute for its second look: a daemon may have nothing to tell.
PATIENCE = 3.0


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    started = Tenant()
    yield started
    started.close()


def signs_in(tenant: Tenant, application: dict[str, str], text: str) -> bool:
    place = tenant.place
    form = {
        "client_id": application["clientId"],
        "client_secret": text,
        "scope": place["scope"],
        "grant_type": "client_credentials",
    }
    url = f"{place['authority']}/{place['tenantId']}/oauth2/v2.0/token"
    answer: httpx.Response = tenant._http.post(url, data=form)
    return answer.status_code == 200


def live_and_die(workspace: Workspace, lines: int, names: list[str]) -> None:
    """A daemon that is asked to rotate as soon as it stands, and is killed when it has told of so many things."""
    daemon = workspace.daemon(*(word for name in names for word in ("--rotate", name)))
    end = time.monotonic() + PATIENCE
    while daemon.log().count('"rotation"') < lines and time.monotonic() < end:
        time.sleep(0.001)
    daemon.process.kill()
    daemon.process.wait()
    daemon.close()
    (workspace.folder / "notify").unlink()


async def unknown_to_the_books(database: Path, listed: list[dict[str, Any]]) -> list[str]:
    """Credentials that neither the ledger nor an issue intent names: orphans that nobody will ever find."""
    store = open_store(f"sqlite:///{database}", chance=SystemChance(), database_time=SystemClock().now, inline=True)
    found = [Listed(each["keyId"], each["displayName"], None, None) for each in listed]
    known = await store.recognise(Application(""), found)
    store.close()
    return [each.key_id for each in found if each.key_id not in known.ledger and each.display_name not in known.intents]


@pytest.mark.slow
def test_L3_a_process_killed_at_random_moments_loses_and_orphans_nothing(tmp_path: Path, tenant: Tenant) -> None:
    workspace = Workspace(tmp_path, tenant)
    workspace.document["logging"] = {"level": "debug", "format": "json"}
    applications = {f"api-{n}": tenant.application(displayName=f"API {n}") for n in range(6)}
    for name, application in applications.items():
        workspace.add(name, application)
    chance = random.Random(20)
    for _ in range(KILLS):
        live_and_die(workspace, chance.randrange(1, 45), list(applications))
        for name, application in applications.items():
            assert asyncio.run(unknown_to_the_books(workspace.database, tenant.credentials(application))) == []
            if workspace.file(name).exists():
                assert signs_in(tenant, application, workspace.delivered(name)), f"{name}.env holds a dead secret"
    assert workspace.process("run", "--once").status in {0, 1}
    shown = {name: workspace.rotator("secret", "get", f"default/prod/{variable(name)}") for name in applications}
    served = {name: said.out.strip() for name, said in shown.items() if said.status == 0}
    assert len(served) >= 3
    assert [name for name, text in served.items() if not signs_in(tenant, applications[name], text)] == []


def variable(name: str) -> str:
    return f"{name.upper().replace('-', '_')}_SECRET"
