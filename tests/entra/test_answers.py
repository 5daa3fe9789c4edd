"""How long do we wait when a service asks for it, and whose clock do we believe?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from rotator.answers import retry_after, shortened
from rotator.entra.answers import Answer, LastAnswer
from tests.fakes import ManualClock

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("7", 7),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("3600", 3600),
        ("864000", 3600),
        ("9" * 12, 3600),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 11:59:30 GMT", None),
        ("Sun, 21 Nov 2027 12:00:00 GMT", 3600),
        ("Sat, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_absurd(text: str, wait: int | None) -> None:
    expected = None if wait is None else timedelta(seconds=wait)
    assert retry_after(httpx.Headers({"Retry-After": text, "Date": NOON})) == expected


def test_a_date_without_the_services_own_time_says_nothing() -> None:
    assert retry_after(httpx.Headers({"Retry-After": NOON})) is None


async def test_only_answers_of_entra_tell_the_time() -> None:
    clock = ManualClock()
    last = LastAnswer(clock)
    await last.note(httpx.Response(502, headers={"Date": NOON}))
    assert last.time() is None
    await last.note(httpx.Response(200, headers={"Date": NOON, "request-id": "1"}))
    clock.advance(60)
    assert last.time() == (datetime(2026, 11, 21, 12, tzinfo=UTC), clock.monotonic() - 60)
    await last.note(httpx.Response(200, headers={"Date": "yesterday", "x-ms-request-id": "2"}))
    assert last.time() is None


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"error": "a word"}', b'{"error": null}', b"\xff\xfe", b"[" * 9]
)
def test_a_body_that_is_not_graphs_has_no_code(content: bytes) -> None:
    assert Answer(500, {}, content).error.code == ""


def test_an_error_body_is_read_with_its_details() -> None:
    body = b'{"error": {"code": "A", "message": "one\\ntwo", "details": [{"code": "B"}, 3]}}'
    error = Answer(400, {}, body).error
    assert (error.code, error.message, error.details) == ("A", "one", ("B",))


def test_an_answer_shows_no_content() -> None:
    assert "hidden" not in repr(Answer(200, {"authorization": "hidden"}, b"hidden"))


def test_a_text_of_others_is_one_short_line_without_secrets() -> None:
    text = shortened("  first \t line client_secret=abc123 \n second")
    assert text == "first line client_secret=***"
    assert len(shortened("x" * 1000)) == 300


@pytest.mark.parametrize("header", ["", 'Bearer realm=""', 'Bearer claims="%%%"', 'Bearer claims="/w=="'])
def test_a_challenge_without_readable_claims_asks_for_nothing(header: str) -> None:
    assert Answer(401, {"www-authenticate": header}).claims == ""
