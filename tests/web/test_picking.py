"""Does whoever picks an application see all that there are, in a tenant of thousands too, and how far we have come?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from rotator.web.api.picking import LINES
from tests.web.house import CONNECTIONS, House


@pytest.fixture
async def path(house: House) -> str:
    return f"{CONNECTIONS}/{(await house.connection())['id']}/clients"


def grow(house: House, count: int) -> None:
    for number in range(count):
        house.running.simulation.entra.tenant.create_application(f"service {number}", with_principal=False)


def truth(house: House) -> set[tuple[str, str, str]]:
    applications = house.running.simulation.entra.tenant.applications.values()
    return {(each.object_id, each.client_id, each.display_name) for each in applications}


def told(clients: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(each["id"], each["appId"], each["name"]) for each in clients]


async def lines(house: House, path: str, **query: str) -> list[dict[str, Any]]:
    answer = await house.ask("GET", path, params=query, headers={"accept": LINES})
    assert (answer.status_code, answer.headers["content-type"]) == (200, LINES)
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_the_picker_lists_every_application_of_a_tenant_of_thousands_once(house: House, path: str) -> None:
    grow(house, 3000)
    found = told((await house.get(path))["clients"])
    assert (len(found), set(found)) == (len(truth(house)), truth(house))
    assert len(found) > 3000
    named = (await house.get(path, name="SERVICE 2999"))["clients"]
    assert [each["name"] for each in named] == ["service 2999"]


async def test_whoever_wants_lines_sees_each_page_as_it_comes(house: House, path: str) -> None:
    grow(house, 3000)
    *pages, last = await lines(house, path)
    assert [page["seen"] for page in pages] == [999, 1998, 2997, len(truth(house))]
    assert {each for page in pages for each in told(page["clients"])} == truth(house)
    assert last == {"done": True, "seen": len(truth(house))}
    *pages, last = await lines(house, path, name="service 2999")
    assert [len(page["clients"]) for page in pages] == [0, 0, 0, 1]
    assert last["seen"] == len(truth(house))


async def test_trouble_at_the_first_page_has_its_status(house: House, path: str) -> None:
    for accept in (LINES, "application/json"):
        house.running.simulation.entra.faults.add(match="listApplications", status=403, times=1)
        answer = await house.ask("GET", path, headers={"accept": accept})
        assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")


async def test_trouble_at_a_later_page_is_the_last_line_or_the_status_of_the_whole(house: House, path: str) -> None:
    grow(house, 3000)
    two_pages = {"units": {"limit": 5, "seconds": 60}}
    house.running.simulation.entra.throttle.set(two_pages)
    *pages, last = await lines(house, path)
    assert [page["seen"] for page in pages] == [999, 1998]
    assert (last["statusCode"], last["error"]) == (503, "ServiceUnavailable")
    assert last["reqId"].startswith("req-")
    house.running.simulation.entra.throttle.set(two_pages)
    assert (await house.ask("GET", path)).status_code == 503


async def test_pages_that_lead_round_in_a_circle_come_to_an_end(house: House, path: str) -> None:
    ready = house.running.ready
    page = {"value": [], "@odata.nextLink": f"{ready.graph}/applications?$skiptoken=again"}
    house.running.simulation.entra.faults.add(match="listApplications", status=200, body=page)
    answer = await house.ask("GET", path)
    assert (answer.status_code, "in a circle" in answer.json()["message"]) == (503, True)
