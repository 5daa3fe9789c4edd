"""Is the inventory of a tenant told over the API, to who may know, whole and without holding it in memory?"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from rotator.domain.access import Grant, Role
from rotator.web.api.picking import LINES
from tests.web.house import House

INVENTORY = "/api/v1/inventory"
DAY = timedelta(days=1)


def secret(house: House, *, days: int, n: int = 1) -> str:
    """A secret that nobody rotates; its key id."""
    entra, now = house.running.simulation.entra, house.engine.world.clock.now()
    made, _ = entra.tenant.passwords.add(house.application(n), display_name="by hand", expires_at=now + days * DAY)
    return str(made.key_id)


async def listed(house: House, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = await house.get(INVENTORY, **query)
    return found


def keys(found: dict[str, Any]) -> list[str]:
    return [each["keyId"] for each in found["credentials"]]


def own(house: House) -> str:
    """What the connection itself signs in with, which ends last here."""
    [password] = house.running.simulation.population.admin.passwords
    return str(password.key_id)


async def test_it_tells_what_ends_first_and_what_nobody_rotates(house: House) -> None:
    rotation = await house.rotation()
    late, soon = secret(house, days=300), secret(house, days=10)

    found = await listed(house)

    [ours] = house.living()
    assert keys(found) == [soon, ours, late, own(house)]
    assert [each["rotation"] for each in found["credentials"]] == [None, rotation["name"], None, None]
    assert [each["findings"] for each in found["credentials"]] == [["expiring"], [], [], ["long-lived"]]
    counts = (found["totalCount"], found["unmanagedCount"], found["findings"], found["problems"])
    assert counts == (4, 3, {"expiring": 1, "long-lived": 1}, [])
    assert found["seen"] >= len(house.running.simulation.entra.tenant.applications)


async def test_it_is_filtered_as_the_command_filters(house: House) -> None:
    connection = await house.connection()
    late, soon = secret(house, days=300), secret(house, days=10)
    other = secret(house, days=20, n=2)
    app = house.application(1)

    assert keys(await listed(house, expiring="30d")) == [soon, other]
    assert keys(await listed(house, finding=["expiring"], name=app.client_id)) == [soon]
    assert keys(await listed(house, name=[app.display_name.upper()], connection="fabrikam")) == [soon, late]
    assert keys(await listed(house, unmanaged="true", connection=connection["id"])) == [soon, other, late, own(house)]


async def test_it_has_pages(house: House) -> None:
    await house.connection()
    made = [secret(house, days=days) for days in (10, 20, 30)]

    first, second = await listed(house, limit=2), await listed(house, limit=2, offset=2)

    assert (keys(first), keys(second)) == (made[:2], [made[2], own(house)])
    assert (first["totalCount"], second["totalCount"]) == (4, 4)


async def test_whoever_wants_lines_gets_everything_as_it_comes(house: House) -> None:
    await house.connection()
    for number in range(450):
        house.running.simulation.entra.tenant.create_application(f"service {number}", with_principal=False)
    made = {secret(house, days=days) for days in (10, 300)}

    answer = await house.ask("GET", INVENTORY, params={"expiring": "30d"}, headers={"accept": LINES})

    *pages, last = [json.loads(line) for line in answer.text.splitlines()]
    assert (answer.status_code, answer.headers["content-type"]) == (200, LINES)
    assert len(pages) > 2, "a tenant comes in pages"
    assert {key for page in pages for key in keys(page)} < made
    assert (last["done"], last["totalCount"], last["seen"]) == (True, 1, pages[-1]["seen"])


async def test_a_connection_that_cannot_be_asked_is_told_and_alone_it_is_the_answer(house: House) -> None:
    await house.connection()
    await house.connection(name="second")
    made = secret(house, days=10)
    faults = house.running.simulation.entra.faults
    # Whoever owns what is asked first, and does without.
    faults.add(match="listApplications", status=403, times=2)

    found = await listed(house)
    assert keys(found) == [made, own(house)], "the other connection sees the same tenant"
    assert [each["connection"] for each in found["problems"]] == ["fabrikam"]

    faults.add(match="listApplications", status=403, times=2)
    assert (await house.ask("GET", INVENTORY, params={"connection": "second"})).status_code == 400


async def test_usage_is_told_or_it_is_told_why_not(house: House) -> None:
    await house.connection()
    refused = await house.ask("GET", INVENTORY, params={"usage": "true"})
    assert (refused.status_code, "AuditLog.Read.All" in refused.text) == (400, True)

    house.running.simulation.entra.tenant.grant(
        house.running.simulation.population.admin.client_id, "AuditLog.Read.All"
    )
    house.running.simulation.entra.tenant.premium = False
    await house.connection(name="second")
    [problem, *_] = (await listed(house, usage="true"))["problems"]
    assert (problem["connection"], "Graph does not tell" in problem["message"]) == ("fabrikam", True)


async def test_only_who_reads_everything_is_told(house: House) -> None:
    await house.connection()
    everywhere, somewhere = await house.token(Grant(Role.READER)), await house.token(Grant(Role.ADMIN, "payments"))

    assert (await house.ask("GET", INVENTORY, token=everywhere)).status_code == 200
    refused = await house.ask("GET", INVENTORY, token=somewhere)
    assert (refused.status_code, "does not read everything" in refused.json()["message"]) == (403, True)


async def test_what_it_cannot_be_asked_for_is_refused_in_one_line(house: House) -> None:
    for query in ({"finding": "odd"}, {"expiring": "soon"}, {"limit": "0"}, {"unmanaged": "perhaps"}):
        assert (await house.ask("GET", INVENTORY, params=query)).status_code == 422, query
    assert (await house.ask("GET", INVENTORY, params={"finding": "unused"})).status_code == 400
    unknown = await house.ask("GET", INVENTORY, params={"connection": "nowhere"})
    assert (unknown.status_code, unknown.json()["message"]) == (400, "There is no connection nowhere")


async def test_a_tenant_is_not_asked_for_everything_over_and_over(house: House) -> None:
    await house.connection()
    reader = await house.token(Grant(Role.READER))

    answers = [await house.ask("GET", INVENTORY, token=reader) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
