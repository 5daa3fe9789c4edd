"""Does every failure of the network become one clear error, with no text of ours in it?"""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from pydantic import ValidationError

from rotator.destinations.options import NetworkOptions
from rotator.destinations.surroundings import Surroundings
from rotator.destinations.wire import Wire, open_wire, said
from rotator.domain.model import Secret
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from rotator.ports import Destination
from tests.destinations.fakes import FakeMapped
from tests.destinations.servers.answering import Fault, Reply, Server
from tests.fakes import ManualClock

TEXT = "uvw8Q~abcdefghijklmnopqrstuvwxyz01234567"


class Some(NetworkOptions):
    """Options of no kind in particular."""

    def place(self) -> str:
        return "some"

    def open(self, *_args: object) -> Destination:
        raise AssertionError


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server(lambda request: Reply(200, {"got": request.path}))
    async with server.listening():
        yield server


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire(httpx.AsyncClient(trust_env=False), "vault:x", seconds=0.5, hints={403: "Grant `write`"})
    yield wire
    await wire.close()


async def test_a_wanted_answer_is_returned(server: Server, wire: Wire) -> None:
    assert (await wire.send("read", "GET", f"{server.url}/a")).json == {"got": "/a"}
    server.faults.append(Fault(reply=Reply(404)))
    assert (await wire.send("read", "GET", f"{server.url}/a", wanted={404})).status == 404


@pytest.mark.parametrize("status", [408, 409, 412, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_unavailable(server: Server, wire: Wire, status: int) -> None:
    server.faults.append(Fault(reply=Reply(status, headers={"Retry-After": "17"})))
    with pytest.raises(DestinationUnavailable, match=f"vault:x: write: 127.0.0.1 answered {status}") as caught:
        await wire.send("write", "PUT", f"{server.url}/a")
    assert caught.value.retry_after == timedelta(seconds=17)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 413, 422])
async def test_what_a_person_must_mend_is_refused(server: Server, wire: Wire, status: int) -> None:
    server.faults.append(Fault(reply=Reply(status, {"error": {"code": "Bad", "message": "no way"}})))
    with pytest.raises(DestinationRefused, match=f"answered {status}: Bad: no way") as caught:
        await wire.send("write", "PUT", f"{server.url}/a")
    assert caught.value.hint == "Grant `write`" if status == 403 else True


@pytest.mark.parametrize(
    ("fault", "told"), [(Fault(hang=True), "no answer in time"), (Fault(reset=True), "connection")]
)
async def test_no_answer_is_unavailable(server: Server, wire: Wire, fault: Fault, told: str) -> None:
    server.faults.append(fault)
    with pytest.raises(DestinationUnavailable, match=told):
        await wire.send("write", "PUT", f"{server.url}/a")


async def test_no_error_holds_the_request(server: Server, wire: Wire) -> None:
    server.faults += [Fault(reset=True, times=1), Fault(reply=Reply(400, {"message": f"{TEXT} is bad"}))]
    for url in (f"{server.url}/a", f"{server.url}/a", "http://127.0.0.1:1/"):
        with pytest.raises(DestinationError) as caught:
            await wire.send("write", "PUT", url, json={"value": TEXT}, hide=[Secret(TEXT)])
        assert TEXT not in "".join(traceback.format_exception(caught.value))
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"code": "Forbidden", "message": "no"}}', ": Forbidden: no"),
        (b'{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no"}}', ": PERMISSION_DENIED: no"),
        (b'{"errors": ["permission denied"]}', ": permission denied"),
        (b'{"kind": "Status", "reason": "Conflict", "message": "changed"}', ": Conflict: changed"),
        (b'{"message": "Bad credentials"}', ": Bad credentials"),
        (b"<html>", ""),
        (b"[]", ""),
    ],
)
def test_the_words_of_a_service_are_quoted_whatever_their_form(body: bytes, words: str) -> None:
    assert said(body) == words


@pytest.mark.parametrize(
    "address", ["http://example.com", "ftp://example.com", "https://", "https://me:pw@example.com", "https://a?b=c", 7]
)
def test_an_address_that_could_leak_is_refused(address: object) -> None:
    with pytest.raises(ValidationError, match="an address such as"):
        Some.model_validate({"endpoint": address})


async def test_only_a_certificate_of_a_trusted_authority_is_believed() -> None:
    server = Server(lambda _request: Reply(200))
    url = server.start(tls=True)
    around = Surroundings(FakeMapped(), "abcd2345", ManualClock())
    trusting, other = (open_wire(Some.model_validate(each), "x", around) for each in ({"caFile": server.ca_file}, {}))
    assert (await trusting.send("read", "GET", url)).status == 200
    with pytest.raises(DestinationUnavailable, match=r"CERTIFICATE_VERIFY_FAILED.*caFile"):
        await other.send("read", "GET", url)
    await trusting.close()
    await other.close()
    server.close()
