"""Is an attempt one trace with a span for each step? And does a collector that is down cost nothing else?"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from rotator.domain.events import AttemptEnded, Delivered, StepEnded
from rotator.observers.sending import Sender
from rotator.observers.traces import MOST_WAITING, Traces, request_of
from tests.fakes import START, ManualClock

SECOND = 1_000_000_000


def an_attempt(traces: Traces, attempt: str = "a1", *, ok: bool = True) -> None:
    traces.told(StepEnded("billing-api", START, attempt, "issue", ok=True, seconds=0.5))
    traces.told(Delivered("billing-api", START, "embedded", "embedded", ok=True))
    later = START + timedelta(seconds=10)
    traces.told(StepEnded("billing-api", later, attempt, "verify", ok=ok, seconds=9, message="" if ok else "refused"))
    traces.told(
        AttemptEnded("billing-api", later, attempt, "succeeded" if ok else "failed", 12.0, "" if ok else "refused")
    )


def test_an_attempt_is_one_trace_with_its_steps_below_it() -> None:
    traces = Traces()
    an_attempt(traces)

    issue, verify, whole = traces.take(10)

    assert {span["traceId"] for span in (issue, verify, whole)} == {whole["traceId"]}
    assert issue["parentSpanId"] == verify["parentSpanId"] == whole["spanId"]
    assert "parentSpanId" not in whole
    assert len({span["spanId"] for span in (issue, verify, whole)}) == 3
    assert (len(str(whole["traceId"])), len(str(whole["spanId"]))) == (32, 16)
    assert int(str(whole["endTimeUnixNano"])) - int(str(whole["startTimeUnixNano"])) == 12 * SECOND
    assert int(str(whole["endTimeUnixNano"])) == int(START.timestamp() + 10) * SECOND
    assert (issue["name"], whole["name"]) == ("issue", "rotate billing-api")


def test_an_attempt_that_goes_on_after_a_crash_is_the_same_trace() -> None:
    before, after = Traces(), Traces()
    an_attempt(before)
    an_attempt(after)

    assert before.take(1)[0]["traceId"] == after.take(1)[0]["traceId"]


def test_what_failed_says_why() -> None:
    traces = Traces()
    an_attempt(traces, ok=False)

    assert [span["status"] for span in traces.take(10)] == [
        {"code": 1},
        {"code": 2, "message": "refused"},
        {"code": 2, "message": "refused"},
    ]


def test_when_nobody_takes_them_the_oldest_spans_go() -> None:
    traces = Traces()
    for n in range(MOST_WAITING):
        an_attempt(traces, f"a{n}")

    spans = traces.take(MOST_WAITING + 1)
    assert len(spans) == MOST_WAITING
    traces.told(AttemptEnded("billing-api", START, "new", "succeeded", 1.0))
    traces.give_back(spans)

    kept = traces.take(MOST_WAITING + 1)
    assert len(kept) == MOST_WAITING
    assert kept[0] == spans[1]


def sender(traces: Traces, answer: Callable[[httpx.Request], httpx.Response]) -> Sender:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    headers = {"authorization": "Bearer hidden"}
    return Sender(traces, http, ManualClock(), endpoint="http://collector/v1/traces", headers=headers, node="node-1")


async def test_a_collector_gets_spans_with_who_sends_them() -> None:
    traces, got = Traces(), list[httpx.Request]()
    an_attempt(traces)

    def answer(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(200)

    await sender(traces, answer).send()

    (request,) = got
    (told,) = json.loads(request.content)["resourceSpans"]
    names: dict[str, Any] = {each["key"]: each["value"]["stringValue"] for each in told["resource"]["attributes"]}
    assert (names["service.name"], names["service.instance.id"]) == ("rotator", "node-1")
    assert len(told["scopeSpans"][0]["spans"]) == 3
    assert request.headers["authorization"] == "Bearer hidden"
    assert traces.take(1) == []


@pytest.mark.parametrize("status", [429, 503, 0])
async def test_what_a_collector_cannot_take_now_is_kept(status: int) -> None:
    traces = Traces()
    an_attempt(traces)

    def answer(request: httpx.Request) -> httpx.Response:
        if not status:
            raise httpx.ConnectError("down", request=request)
        return httpx.Response(status)

    await sender(traces, answer).send()

    assert len(traces.take(10)) == 3


async def test_what_a_collector_refuses_is_dropped() -> None:
    traces = Traces()
    an_attempt(traces)

    await sender(traces, lambda _: httpx.Response(400)).send()

    assert traces.take(10) == []


def test_a_request_is_what_the_protocol_says() -> None:
    assert request_of([], node="n")["resourceSpans"][0]["scopeSpans"][0]["spans"] == []  # type: ignore[index]
