"""Can a request be followed by its id, and is one who asks too much told how long to wait, whoever he is?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rotator.domain.access import Grant, Role
from rotator.web.limits import Limits, Rates
from rotator.web.refusals import TooMany
from tests.web.door import Door, open_door
from tests.web.test_server import raw

IDENTITIES = "/api/v1/identities"


@pytest.mark.parametrize(
    ("method", "path", "status", "level"),
    [
        ("POST", IDENTITIES, 422, "info"),
        ("GET", "/nowhere", 404, "info"),
        ("GET", "/healthz", 200, "debug"),
        ("DELETE", f"{IDENTITIES}/nobody", 404, "info"),
    ],
)
async def test_the_line_of_a_request_has_the_id_of_its_answer(
    door: Door, method: str, path: str, status: int, level: str
) -> None:
    with capture_logs() as lines:
        answer = await door.ask(method, path)
    assert answer.status_code == status
    (line,) = [each for each in lines if each["event"] == "request"]
    assert line == {
        "event": "request",
        "method": method,
        "path": path,
        "status": status,
        "address": "127.0.0.1",
        "request_id": answer.headers["x-request-id"],
        "log_level": level,
    }


async def test_a_bug_of_ours_is_found_in_the_log_by_the_id_of_its_answer(door: Door) -> None:
    door.bugs.append(ZeroDivisionError("inside"))
    with capture_logs() as lines:
        answer = await door.ask("GET", "/readyz")
    (line,) = [each for each in lines if each["event"] == "a request ended in a bug"]
    assert line["request_id"] == answer.json()["reqId"] == answer.headers["x-request-id"]
    assert line["exc_info"]


async def test_no_two_requests_have_one_id(door: Door) -> None:
    answers = await asyncio.gather(*(door.ask("GET", "/healthz", token="") for _ in range(20)))
    assert len({each.headers["x-request-id"] for each in answers}) == 20


async def test_a_caller_cannot_choose_the_id(door: Door) -> None:
    answer = await door.ask("GET", "/nowhere", headers={"x-request-id": "mine"})
    assert answer.headers.get_list("x-request-id") == [answer.json()["reqId"]]
    assert answer.json()["reqId"] != "mine"


async def test_too_many_changes_are_refused_before_any_is_made(tmp_path: Path) -> None:
    async with open_door(tmp_path, rates=Rates(changes=3)) as door:
        made = [await door.ask("POST", IDENTITIES, json={"name": f"m-{n}", "role": "reader"}) for n in range(5)]
        assert [each.status_code for each in made] == [200, 200, 200, 429, 429]
        assert made[-1].headers["retry-after"] == "20"
        assert made[-1].json()["error"] == "RateLimitExceeded"
        assert await door.access.identity("m-3") is None
        door.clock.advance(20)
        assert (await door.ask("POST", IDENTITIES, json={"name": "m-3", "role": "reader"})).status_code == 200


async def test_one_address_that_asks_too_much_does_not_stop_another(tmp_path: Path) -> None:
    async with open_door(tmp_path, rates=Rates(reads=2), proxies=("127.0.0.1/32",)) as door:
        for address in ("192.0.2.1", "192.0.2.2"):
            told = {"x-forwarded-for": address}
            asked = [await door.ask("GET", "/healthz", token="", headers=told) for _ in range(3)]
            assert [each.status_code for each in asked] == [200, 200, 429]
            assert asked[-1].headers["retry-after"] == "30"


async def test_an_identity_has_one_limit_wherever_it_asks_from(tmp_path: Path) -> None:
    async with open_door(tmp_path, rates=Rates(reads=3), proxies=("127.0.0.1/32",)) as door:
        other = await door.token("other", Grant(Role.ADMIN))
        asked = [await door.whoami(door.admin, **{"x-forwarded-for": f"192.0.2.{n}"}) for n in range(4)]
        assert [each.status_code for each in asked] == [200, 200, 200, 429]
        assert (await door.whoami(other, **{"x-forwarded-for": "192.0.2.9"})).status_code == 200


def test_a_bucket_fills_evenly_and_never_over() -> None:
    now = [0.0]
    limits = Limits(Rates(reads=60), lambda: now[0])
    now[0] = 10_000.0
    for _ in range(60):
        limits.take("reads", "x")
    with pytest.raises(TooMany) as refused:
        limits.take("reads", "x")
    assert refused.value.retry_after == 1
    now[0] += 1.0
    limits.take("reads", "x")
    with pytest.raises(TooMany):
        limits.take("reads", "x")


async def test_a_thousand_headers_are_refused_or_passed_by_and_never_our_fault(door: Door) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"X-Many: 1\r\n" * 1000 + b"\r\n"
    assert (await raw(door, head)).startswith((b"HTTP/1.1 200", b"HTTP/1.1 4"))


async def test_a_bearer_of_half_the_head_is_403(door: Door) -> None:
    answer = await door.whoami("x" * 30_000)
    assert (answer.status_code, answer.json()["error"]) == (403, "TokenError")


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"99999999999999999999", b"x"])
async def test_a_length_that_is_none_is_refused_unread(door: Door, length: bytes) -> None:
    head = b"POST /api/v1/identities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer = await raw(door, head + b"Content-Length: " + length + b"\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))


async def test_a_body_that_trickles_has_no_more_time_than_any_other(tmp_path: Path) -> None:
    head = b"POST /api/v1/identities HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"
    async with open_door(tmp_path, patience=0.2) as door:
        host, _, port = door.address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        answered = asyncio.create_task(reader.read(12))
        sent = 0
        while not answered.done() and sent < 1000:
            writer.write(b" ")
            sent += 1
            await asyncio.wait({answered}, timeout=0.02)
        assert await answered == b"HTTP/1.1 408"
        assert sent < 1000
        writer.close()
