"""What do all kinds that speak to a network do when it fails them? The same for every kind: clear, and nothing lost.

Unavailable is tried again by itself; refused needs a person. After whatever happened, the next try finds out what
stands there and finishes.
"""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator import log
from rotator.destinations import parse_options
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from tests.builders import CLIENT, TENANT
from tests.destinations.places import FIRST, KINDS, NAMES, SECOND, Place, a_parcel, a_place
from tests.destinations.servers.answering import Fault, Reply, Server
from tests.destinations.servers.azure_arm import APP, SITE

ID, SECRET = NAMES["clientId"], NAMES["clientSecret"]
NO_NETWORK = {"embedded", "embedded-store", "dotenv", "json", "directory", "template", "credentials", "exec"}
#: Names that a place forbids, and a piece of what its refusal says is allowed.
FORBIDDEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "aws-secrets-manager": ({}, "a:b", "letters, digits"),
    "azure-app-service": ({"resourceId": SITE}, "1ST", "not beginning with a digit"),
    "azure-container-app": ({"resourceId": APP}, "BILLING_SECRET", "lower-case letters"),
    "azure-devops": ({"organisation": "a", "project": "b", "variableGroup": "c"}, "a b", "letters, digits"),
    "azure-key-vault": ({"endpoint": "https://contoso.example"}, "BILLING_SECRET", "BILLING-SECRET would do"),
    "infisical": (
        {"projectId": "a", "environment": "b", "auth": {"method": "azure-auth", "identityId": TENANT}},
        "A:B",
        "no ':'",
    ),
}


class Networked(Place):
    """For types: what the places of this suite have."""

    server: Server


@pytest.fixture(params=[kind for kind in KINDS if kind not in NO_NETWORK])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Networked]:
    async with a_place(request.param, tmp_path).living() as living:
        yield living  # type: ignore[misc]  # each of them has a server


def trusting_nobody(place: Networked) -> dict[str, Any]:
    return {"caFile": None} if "caFile" in place.options() else {}


async def failing(work: Any) -> DestinationError:
    """The error, after making sure that neither it nor what stands behind it holds a text."""
    with pytest.raises(DestinationError) as caught:
        await work
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.hint
    assert not any(text in told for text in (FIRST, SECOND, "eyJ0-vault-token"))
    return caught.value


async def test_a_wrong_address_is_tried_again(place: Networked) -> None:
    problem = await failing(place.open(**place.elsewhere("https://127.0.0.1:1")).read())
    assert isinstance(problem, DestinationUnavailable)
    assert "127.0.0.1" in str(problem)


async def test_a_certificate_of_nobody_we_trust_is_named_as_the_reason(place: Networked) -> None:
    stranger = Server(lambda _request: Reply(200, {}))
    url = stranger.start(tls=True)
    try:
        told = str(await failing(place.open(**(place.elsewhere(url) | trusting_nobody(place))).read()))
    finally:
        stranger.close()
    assert "certificate" in told.lower()
    assert "caFile" in told
    assert stranger.requests == []


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("operation", ["check", "read", "write"])
async def test_a_sign_in_or_a_right_that_is_refused_needs_a_person(
    place: Networked, status: int, operation: str
) -> None:
    place.server.faults.append(Fault(reply=place.refusal(status)))
    here = place.open()
    writing = here.write(a_parcel(), over=None) if operation == "write" else None
    problem = await failing(writing or (here.check() if operation == "check" else here.read()))
    assert isinstance(problem, DestinationRefused)
    assert problem.hint


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(place: Networked, status: int) -> None:
    place.server.faults.append(Fault(reply=Reply(status, {"message": "busy"}, {"Retry-After": "90"})))
    for work in (place.open().read(), place.open().write(a_parcel(), over=None)):
        problem = await failing(work)
        assert isinstance(problem, DestinationUnavailable)
        assert problem.retry_after in {timedelta(seconds=90), None}
        assert problem.retry_after is not None or status != 429
    place.server.faults.clear()
    assert place.shows() == {}


async def test_a_hang_ends_with_the_timeout(place: Networked) -> None:
    place.server.faults.append(Fault(hang=True))
    assert isinstance(await failing(place.open(timeout="1s").read()), DestinationUnavailable)


async def test_a_write_that_hangs_ends_with_the_timeout(place: Networked) -> None:
    place.server.faults.append(Fault(place.is_write, hang=True))
    problem = await failing(place.open(timeout="1s").write(a_parcel(), over=None))
    assert isinstance(problem, DestinationUnavailable)


async def test_a_reset_before_anything_was_done_is_tried_again(place: Networked) -> None:
    place.server.faults.append(Fault(place.is_write, reset=True))
    assert isinstance(await failing(place.open().write(a_parcel(), over=None)), DestinationUnavailable)
    place.server.faults.clear()
    await place.open().write(a_parcel(), over=await place.open().read())
    assert place.shows() == {ID: CLIENT, SECRET: FIRST}


async def test_a_reset_after_the_work_was_done_is_found_done(place: Networked) -> None:
    first = await place.open().write(a_parcel(), over=None)
    second = a_parcel(SECOND, "key-2", token=6)
    place.server.faults.append(Fault(place.is_write, reset=True, after=True, times=1))
    assert isinstance(await failing(place.open().write(second, over=first)), DestinationUnavailable)
    written = await place.open().write(second, over=await place.open().read())
    assert written.marker == second.marker
    assert await place.open().read() == written
    assert place.shows() == {ID: CLIENT, SECRET: SECOND}


async def test_another_writer_who_was_faster_is_not_written_over(place: Networked) -> None:
    first = await place.open().write(a_parcel(), over=None)
    place.server.faults.append(Fault(place.is_write, reply=place.refusal(409)))
    problem = await failing(place.open().write(a_parcel(SECOND, "key-2", token=6), over=first))
    assert isinstance(problem, DestinationUnavailable)
    assert place.shows()[SECRET] == FIRST


async def test_what_is_too_large_needs_a_person(place: Networked) -> None:
    place.server.faults.append(Fault(place.is_write, reply=place.refusal(413)))
    problem = await failing(place.open().write(a_parcel(), over=None))
    assert isinstance(problem, DestinationRefused)
    assert "413" in str(problem)


async def test_a_page_of_a_proxy_is_no_answer_of_the_service(place: Networked) -> None:
    place.server.faults.append(Fault(reply=Reply(200, b"<html>welcome</html>", {"Content-Type": "text/html"})))
    assert isinstance(await failing(place.open().read()), DestinationError)


async def test_no_log_line_tells_a_text_or_a_sign_in(place: Networked, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for name in log._NEVER_BELOW_WARNING:
        caplog.set_level("WARNING", logger=name)
    first = await place.open().write(a_parcel(), over=None)
    place.server.faults.append(Fault(place.is_write, reset=True, times=1))
    await failing(place.open().write(a_parcel(SECOND, "key-2", token=6), over=first))
    told = "\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)
    sent = {row.partition(" ")[2] for each in place.server.requests if (row := each.headers.get("authorization", ""))}
    assert not any(text in told for text in (FIRST, SECOND, *sent))


async def test_no_address_holds_a_text(place: Networked) -> None:
    await place.open().write(a_parcel(), over=None)
    asked = [f"{each.path} {each.query}" for each in place.server.requests]
    assert not any(FIRST in each for each in asked)


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_a_name_that_the_place_forbids_is_refused_at_load(kind: str) -> None:
    given, name, told = FORBIDDEN[kind]
    options = parse_options(kind.replace("container-app", "app-service"), given, where="x")
    assert any(told in problem for problem in options.name_problems({"clientSecret": name}))
