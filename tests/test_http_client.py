"""Does our HTTP client do what a request says, and nothing else?"""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
import pytest

from rotator.http_client import Client

ELSEWHERE = {"Location": "https://elsewhere.example/"}


def client(answer: Callable[[httpx.Request], httpx.Response], **how: object) -> Client:
    return Client(transport=httpx.MockTransport(answer), trust_env=False, **how)  # type: ignore[arg-type]


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers=ELSEWHERE, text="over there")

    async with client(answer) as http:
        found = await http.get("https://here.example/")
    assert (found.status_code, found.text, found.request.url.host) == (302, "over there", "here.example")
    assert asked == ["here.example"]


async def test_what_stands_before_the_at_of_an_address_signs_in() -> None:
    async with client(lambda request: httpx.Response(200, text=request.headers.get("authorization", ""))) as http:
        assert (await http.post("https://user:word@here.example/")).text == "Basic dXNlcjp3b3Jk"
        assert (await http.post("https://here.example/")).text == ""


async def test_its_timeout_goes_with_each_request_that_has_none_of_its_own() -> None:
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    async with client(answer, timeout=7) as http:
        await http.get("https://here.example/")
        await http.get("https://here.example/", timeout=3)
        await http.send(httpx.Request("GET", "https://here.example/"))
    assert [each["read"] for each in seen] == [7, 3, 7]


async def test_a_hook_sees_each_answer_before_it_is_read_and_one_that_fails_leaves_nothing_open() -> None:
    held: list[httpx.Response] = []

    async def refuse(response: httpx.Response) -> None:
        held.append(response)
        raise ValueError("no")

    async with client(lambda _: httpx.Response(200, text="whole"), event_hooks={"response": [refuse]}) as http:
        with pytest.raises(ValueError, match="no"):
            await http.get("https://here.example/")
    assert held[0].is_closed


async def test_a_hook_sees_each_request_before_it_is_sent() -> None:
    async def mark(request: httpx.Request) -> None:
        request.headers["x-mark"] = "seen"

    async with client(
        lambda request: httpx.Response(200, text=request.headers["x-mark"]), event_hooks={"request": [mark]}
    ) as http:
        assert (await http.get("https://here.example/")).text == "seen"


async def test_an_answer_can_be_read_bit_by_bit() -> None:
    async with client(lambda _: httpx.Response(200, text="bits")) as http:
        async with http.stream("GET", "https://here.example/") as answer:
            assert b"".join([each async for each in answer.aiter_bytes()]) == b"bits"
        assert answer.is_closed


async def test_trouble_names_its_request() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody")

    async with client(answer) as http:
        with pytest.raises(httpx.ConnectError) as caught:
            await http.get("https://here.example/")
    assert caught.value.request.url.host == "here.example"


async def test_nothing_is_sent_once_it_is_closed() -> None:
    http = client(lambda _: httpx.Response(200))
    await http.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await http.get("https://here.example/")


async def test_requests_are_told_to_whoever_listens_to_httpx(caplog: pytest.LogCaptureFixture) -> None:
    async with client(lambda _: httpx.Response(418)) as http:
        with caplog.at_level(logging.WARNING, logger="httpx"):
            await http.get("https://here.example/quiet")
        with caplog.at_level(logging.INFO, logger="httpx"):
            await http.get("https://here.example/told")
    assert [record.getMessage() for record in caplog.records] == ['HTTP Request: GET https://here.example/told "418"']
