"""Do messages arrive as Slack, Teams, programs and mail servers want them, and is a bad receiver left alone?"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from rotator.domain.model import Secret
from rotator.domain.notices import Kind, Notice
from rotator.network import Network, Timeouts
from rotator.observers import wording
from rotator.observers.channels import HttpChannel, Mailbox, MailChannel
from rotator.observers.post import Unsent
from rotator.references import SecretMissing
from tests.fakes import START

TEXT = "Abc8Q~" + "x" * 34
NOTICE = Notice(Kind.FAILURE, "billing", START, f"refused <{TEXT}> & *left*", "FAILED", labels={"owner": "me"})


class Receiver:
    """Takes what is posted, on loopback, and answers as told."""

    def __init__(self, status: int = 200, **headers: str) -> None:
        bodies = self.bodies = []  # type: ignore[var-annotated]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/T0/secret-path"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


async def posted(address: str, form: Any = wording.slack, **more: Any) -> None:
    async with Network(environment={}).client(Timeouts(), http2=False) as http:
        await HttpChannel("here", lambda: address, form, lambda: http, **more).send([NOTICE], 3)


async def body_of(form: Any) -> Any:
    with closing(Receiver()) as receiver:
        await posted(receiver.address, form)
    [(_, _, body)] = receiver.bodies
    assert TEXT.encode() not in body
    return json.loads(body)


async def test_slack_gets_text_in_which_nothing_is_a_link() -> None:
    said = (await body_of(wording.slack))["text"]

    assert said.startswith("*rotator* 4 notices: failed\n- billing: failed: refused &lt;")
    assert said.endswith("&gt; &amp; *left*\n- and 3 more: 'rotator status' shows all")


async def test_teams_gets_an_adaptive_card() -> None:
    said = await body_of(wording.teams)

    [card] = [each["content"] for each in said["attachments"]]
    assert (said["type"], card["type"], card["version"]) == ("message", "AdaptiveCard", "1.4")
    assert card["body"][1]["text"].endswith("> & \\*left\\*")


async def test_a_program_gets_the_facts_and_a_signature() -> None:
    with closing(Receiver()) as receiver:
        await posted(receiver.address, wording.plain, sign=lambda body: {"webhook-signature": f"v1,{len(body)}"})

    [(_, headers, body)] = receiver.bodies
    [told] = json.loads(body)["notices"]
    assert (told["kind"], told["rotation"], told["code"], told["labels"]) == (
        "failure",
        "billing",
        "FAILED",
        {"owner": "me"},
    )
    assert headers["webhook-signature"] == f"v1,{len(body)}"


@pytest.mark.parametrize(("status", "for_good"), [(500, 0), (503, 0), (429, 0), (404, 1), (410, 1)])
async def test_an_answer_that_is_no_success_is_tried_again_unless_it_would_stay_so(status: int, for_good: int) -> None:
    with closing(Receiver(status)) as receiver, pytest.raises(Unsent, match=f"it answered {status}") as told:
        await posted(receiver.address)
    assert told.value.for_good == bool(for_good)


async def test_a_redirect_is_not_followed() -> None:
    with closing(Receiver()) as inner, closing(Receiver(302, location=inner.address)) as outer:
        with pytest.raises(Unsent, match="redirects"):
            await posted(outer.address)
        assert inner.bodies == []


async def test_an_address_that_is_wrong_missing_or_silent_is_told_without_showing_it() -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        for address in (
            "http://example.com/T0/secret-path",
            "nonsense",
            f"http://127.0.0.1:{silent.getsockname()[1]}/secret-path",
        ):
            with pytest.raises(Unsent) as told:
                await posted(address)
            assert "secret-path" not in told.value.why

    def missing() -> str:
        raise SecretMissing("variable X is not set")

    with pytest.raises(Unsent, match="variable X is not set"):
        await HttpChannel("here", missing, wording.slack, httpx.AsyncClient).send([NOTICE], 0)


@contextmanager
def mail_server(*answers: str) -> Iterator[tuple[int, list[str]]]:
    """Says these lines, one for each that it hears; what it hears is kept."""
    heard: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as lines:
            for answer in answers:
                lines.write(answer.encode() + b"\r\n")
                lines.flush()
                line = lines.readline().decode().strip()
                while answer.startswith("354") and line != ".":
                    heard.append(line)
                    line = lines.readline().decode().strip()
                heard.append(line)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.close()


def mail(port: int, security: str = "none", *, patience: float = 15, **more: Any) -> MailChannel:
    context = Network(environment={}).own_context
    mailbox = Mailbox("127.0.0.1", port, security, "rotator@example.com", ["ops@example.com"], context, **more)
    return MailChannel("mail", mailbox, patience)


async def test_mail_is_handed_in_with_a_subject_and_a_line_for_each_notice() -> None:
    with mail_server("220 hello", "250 here", "250 from", "250 to", "354 go on", "250 taken", "221 bye") as (
        port,
        heard,
    ):
        await mail(port).send([NOTICE], 0)

    assert "Subject: rotator: billing: failed" in heard
    assert "To: ops@example.com" in heard
    assert any(line.startswith("billing: failed: refused <") for line in heard)
    assert TEXT not in "".join(heard)


async def test_a_mail_server_that_refuses_is_told_by_its_number_alone() -> None:
    said = ("220 hello", "250 here", "550 no, rotator@example.com", "250 ok", "221 bye")
    with mail_server(*said) as (port, _), pytest.raises(Unsent, match="answered 550") as told:
        await mail(port).send([NOTICE], 0)
    assert (told.value.for_good, "example.com" in told.value.why) == (True, False)


async def test_a_mail_server_that_hangs_is_left_and_gets_no_second_mail_meanwhile() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        channel = mail(silent.getsockname()[1], patience=0.1)
        with pytest.raises(Unsent, match="no answer in time") as told:
            await channel.send([NOTICE], 0)
        assert not told.value.for_good
        with pytest.raises(Unsent, match="still at the message before"):
            await channel.send([NOTICE], 0)


async def test_a_password_never_goes_in_clear() -> None:
    password = lambda: Secret("hidden")  # noqa: E731
    with mail_server("220 hello", "250 here", "502 what?", "221 bye") as (port, heard), pytest.raises(Unsent):
        await mail(port, "starttls", username="me", password=password).send([NOTICE], 0)
    assert "hidden" not in "".join(heard)
    assert not any(line.startswith("AUTH") for line in heard)
