"""Does the simulator go wrong exactly as told?"""

from __future__ import annotations

import httpx
import pytest

from rotator.simulator.throttle import DOCUMENTED
from tests.fakes import ManualClock
from tests.simulator.caller import Caller

STATUSES = [400, 401, 403, 404, 409, 429, 500, 502, 503, 504]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", STATUSES)
async def test_a_fault_before_leaves_nothing_and_one_after_has_committed(
    caller: Caller, status: int, when: str
) -> None:
    await caller.control("POST", "faults", {"match": "addPassword", "when": when, "status": status, "times": 1})
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    assert answer.status_code == status
    assert "secretText" not in answer.text
    assert len(await caller.listed()) == (when == "after")
    await caller.add_password()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("effect", "error"), [("hang", httpx.ReadTimeout), ("reset", httpx.ReadError)], ids=["hang", "reset"]
)
async def test_a_lost_answer_may_have_committed(caller: Caller, effect: str, error: type[Exception], when: str) -> None:
    await caller.sign_in()
    await caller.control("POST", "faults", {"match": "addPassword", "when": when, effect: True, "times": 1})
    with pytest.raises(error):
        await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    assert len(await caller.listed()) == (when == "after")


async def test_a_hang_lets_the_clients_timeout_pass(caller: Caller, clock: ManualClock) -> None:
    await caller.sign_in()
    caller.simulation.entra.faults.add(match="getApplication", hang=True)
    before = clock.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        await caller.listed()
    assert clock.monotonic() - before == 5  # what httpx waits unless told otherwise


async def test_the_match_is_a_regular_expression_on_operation_method_and_path(caller: Caller) -> None:
    other = caller.simulation.population.applications[1].object_id
    rule = {"match": f"^addPassword POST /v1.0/applications/{other}/addPassword$", "status": 500}
    await caller.control("POST", "faults", rule)
    await caller.add_password()
    assert (await caller.graph("POST", f"applications/{other}/addPassword", {})).status_code == 500


async def test_a_fault_can_be_meant_for_one_client(caller: Caller) -> None:
    added = await caller.add_password()
    await caller.control("POST", "faults", {"match": "^token ", "clientId": caller.client_id, "code": 7000215})
    await caller.sign_in()
    answer = await caller.token(caller.client_id, added["secretText"])
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [7000215])


async def test_a_sign_in_fault_speaks_aadsts(caller: Caller) -> None:
    caller.simulation.entra.faults.add(match="token", status=503, times=1)
    caller.simulation.entra.faults.add(match="token", code=7000222, times=1)
    caller.simulation.entra.faults.add(match="token", status=429, headers={"Retry-After": "200"}, times=1)
    answers = [await caller.token("x", "y") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 401, 429]
    assert [answer.json()["error_codes"] for answer in answers] == [[90033], [7000222], [90055]]
    assert answers[2].headers["retry-after"] == "200"


async def test_retry_after_is_there_only_when_asked_for(caller: Caller) -> None:
    await caller.control("POST", "faults", {"match": "getApplication", "status": 429, "times": 1})
    headers = {"Retry-After": "17"}
    await caller.control("POST", "faults", {"match": "getApplication", "status": 429, "times": 1, "headers": headers})
    answers = [await caller.graph("GET", f"applications/{caller.application}") for _ in range(2)]
    assert ["retry-after" in answer.headers for answer in answers] == [False, True]
    assert answers[1].headers["retry-after"] == "17"


async def test_probability_is_a_share_of_the_requests(caller: Caller) -> None:
    await caller.control("POST", "faults", {"match": "getApplication", "status": 500, "probability": 0.25})
    answers = [(await caller.graph("GET", f"applications/{caller.application}")).status_code for _ in range(400)]
    assert 60 < answers.count(500) < 140


async def test_an_answer_can_be_replaced_by_nonsense(caller: Caller) -> None:
    rules = [
        {"match": "addPassword", "when": "after", "status": 200, "body": {}, "times": 1},
        {"match": "addPassword", "status": 502, "body": "<html>Bad Gateway</html>", "times": 1},
        {"match": "addPassword", "status": 503, "code": "Directory_ConcurrencyViolation", "times": 1},
    ]
    for rule in rules:
        await caller.control("POST", "faults", rule)
    path = f"applications/{caller.application}/addPassword"
    answers = [await caller.graph("POST", path, {}) for _ in rules]
    assert [answer.status_code for answer in answers] == [200, 502, 503]
    assert (answers[0].json(), answers[1].text[:6]) == ({}, "<html>")
    assert answers[2].json()["error"]["code"] == "Directory_ConcurrencyViolation"


async def test_the_default_bad_request_speaks_of_concurrent_requests(caller: Caller) -> None:
    await caller.control("POST", "faults", {"match": "addPassword", "status": 400})
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    assert "concurrent requests" in answer.json()["error"]["message"]


async def test_a_claims_challenge_names_the_claims(caller: Caller) -> None:
    await caller.control("POST", "faults", {"match": "getApplication", "challenge": True, "times": 1})
    answer = await caller.graph("GET", f"applications/{caller.application}")
    assert answer.status_code == 401
    assert 'error="insufficient_claims"' in answer.headers["www-authenticate"]
    assert 'claims="' in answer.headers["www-authenticate"]


async def test_cleared_faults_strike_no_more(caller: Caller) -> None:
    await caller.control("POST", "faults", {"match": "addPassword", "status": 500})
    assert (await caller.control("DELETE", "faults")).status_code == 204
    await caller.add_password()


@pytest.mark.parametrize("rule", [{"match": "("}, {"when": "later"}, {"mach": "x"}, {"status": "x"}])
async def test_a_senseless_fault_is_refused(caller: Caller, rule: dict[str, str]) -> None:
    assert (await caller.control("POST", "faults", rule)).status_code == 400
    assert (await caller.control("GET", "faults")).json() == []


async def test_the_log_tells_operation_client_outcome_and_fault(caller: Caller) -> None:
    await caller.sign_in()
    await caller.control("POST", "faults", {"match": "addPassword", "when": "after", "reset": True})
    with pytest.raises(httpx.ReadError):
        await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    entries = (await caller.control("GET", "log")).json()
    admin = caller.simulation.population.admin.client_id
    told = [(one["operation"], one["outcome"], one["fault"], one["clientId"]) for one in entries]
    assert told == [("token", 200, None, admin), ("addPassword", "reset", "after", admin)]


async def test_writes_beyond_the_quota_are_throttled_until_the_window_ends(caller: Caller, clock: ManualClock) -> None:
    await caller.control("POST", "quotas", {"writes": {"limit": 5, "seconds": 150}})
    statuses, headers = [], []
    for _ in range(6):
        answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
        statuses.append(answer.status_code)
        headers.append(answer.headers)
    assert statuses == [200] * 5 + [429]
    assert headers[4]["x-ms-throttle-limit-percentage"] == "1.00"
    assert (headers[5]["retry-after"], headers[5]["x-ms-throttle-information"]) == ("150", "WriteLimitExceeded")
    assert len(await caller.listed()) == 5
    clock.advance(150)
    await caller.add_password()


async def test_reads_cost_resource_units(caller: Caller) -> None:
    await caller.control("POST", "quotas", {"units": {"limit": 4, "seconds": 10, "retryAfter": False}})
    statuses = [(await caller.graph("GET", "applications")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert "retry-after" not in (await caller.graph("GET", "applications")).headers


async def test_the_documented_quotas_can_be_set(caller: Caller) -> None:
    caller.simulation.entra.throttle.quotas = DOCUMENTED
    caller.simulation.entra.tenant.application(caller.application).audience = "PersonalMicrosoftAccount"
    for _ in range(30):
        await caller.remove_password((await caller.add_password())["keyId"])
    answer = await caller.graph("POST", f"applications/{caller.application}/addPassword", {})
    assert answer.status_code == 429
