"""What is there about AWS Secrets Manager that other places do not have? Labels, tags, and what must not be fetched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rotator.errors import DestinationRefused, DestinationUnavailable
from tests.destinations.places import FIRST, SECOND, a_parcel, a_place
from tests.destinations.places_aws import SECRET_ID, AwsPlace
from tests.destinations.servers.answering import Fault, Reply, Request


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[AwsPlace]:
    async with a_place("aws-secrets-manager", tmp_path).living() as living:
        assert isinstance(living, AwsPlace)
        yield living


async def test_a_look_that_finds_nothing_changed_does_not_fetch_the_text(place: AwsPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    place.server.requests.clear()
    await place.open().read()
    assert place.server.actions() == ["DescribeSecret"]


async def test_the_replaced_version_stays_as_the_previous_one(place: AwsPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    (before,) = place.server.versions(SECRET_ID)
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    labels = place.server.versions(SECRET_ID)
    assert labels.pop(before) == ["AWSPREVIOUS"]
    assert list(labels.values()) == [["AWSCURRENT", "ROTATOR_WAITING"]]


async def test_a_lost_answer_leaves_one_version_when_it_is_written_again(place: AwsPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    place.server.faults = [Fault(asks_for("PutSecretValue"), reset=True, after=True, times=1)]
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert len(place.server.versions(SECRET_ID)) == 2
    assert SECOND in place.shows().values()


async def test_a_tag_that_was_never_written_costs_a_look_and_nothing_else(place: AwsPlace) -> None:
    place.server.faults = [Fault(asks_for("TagResource"), Reply(500), times=1)]
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(), over=None)
    found = await place.open().read()
    assert found is not None
    assert found.marker == a_parcel().marker
    assert await place.open().write(a_parcel(), over=None) == found
    place.server.requests.clear()
    assert await place.open().read() == found
    assert place.server.actions() == ["DescribeSecret"]


async def test_a_writer_between_our_look_and_our_write_is_not_overwritten(place: AwsPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    through = place.server.handle

    def overtaken(request: Request) -> Reply:
        if request.headers["x-amz-target"].endswith("UpdateSecretVersionStage"):
            place.server.handle = through
            place.set("OTHERS", "text")
        return through(request)

    place.server.handle = overtaken
    with pytest.raises(DestinationUnavailable, match="changed by somebody else"):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert FIRST in place.shows().values()
    assert place.shows()["OTHERS"] == "text"


@pytest.mark.parametrize(
    ("code", "status", "error", "told"),
    [
        ("AccessDeniedException", 400, DestinationRefused, "Allow secretsmanager:DescribeSecret"),
        ("ExpiredTokenException", 400, DestinationRefused, "session has expired"),
        ("UnrecognizedClientException", 400, DestinationRefused, "credentials of AWS"),
        ("DecryptionFailure", 400, DestinationRefused, "kms:Decrypt"),
        ("ThrottlingException", 400, DestinationUnavailable, "Throttling"),
        ("InternalServiceError", 500, DestinationUnavailable, "InternalServiceError"),
        ("", 503, DestinationUnavailable, "503"),
    ],
)
async def test_what_aws_says_is_told_with_what_to_do(
    place: AwsPlace, code: str, status: int, error: type[Exception], told: str
) -> None:
    place.server.faults = [Fault(reply=Reply(status, {"__type": code, "message": "no"}, {"Retry-After": "7"}))]
    for call in (place.open().check(), place.open().read()):
        with pytest.raises(error, match=told) as caught:
            await call
        after = getattr(caught.value, "retry_after", None)
        assert after is None or after.total_seconds() == 7
        assert len(str(caught.value).splitlines()) == 1


async def test_check_names_the_right_that_is_missing_to_write(place: AwsPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    before = place.server.versions(SECRET_ID)
    await place.open().check()
    assert place.server.versions(SECRET_ID) == before
    denied = Reply(400, {"__type": "AccessDeniedException"})
    place.server.faults = [Fault(asks_for("PutSecretValue"), denied)]
    with pytest.raises(DestinationRefused, match="Allow secretsmanager:PutSecretValue"):
        await place.open().check()


async def test_without_any_credentials_it_says_where_they_are_looked_for(
    place: AwsPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(DestinationRefused, match="environment, profile, container"):
        await place.open().read()
    with pytest.raises(DestinationRefused, match="ProfileNotFound"):
        await place.open(auth={"profile": "nobody"}).read()


@pytest.mark.parametrize("content", ["plain text", "[1, 2]"])
async def test_a_secret_that_is_no_json_object_is_refused_and_left(place: AwsPlace, content: str) -> None:
    place.server.put(SECRET_ID, content)
    with pytest.raises(DestinationRefused, match="holds no JSON object"):
        await place.open().read()


async def test_a_secret_that_is_being_deleted_waits_for_a_person(place: AwsPlace) -> None:
    place.set("OTHERS", "text")
    place.server.delete(SECRET_ID)
    with pytest.raises(DestinationRefused, match="restore-secret"):
        await place.open().write(a_parcel(), over=None)


async def test_a_secret_grown_too_large_is_refused_before_it_is_sent(place: AwsPlace) -> None:
    place.set("OTHERS", "x" * 65_500)
    with pytest.raises(DestinationRefused, match="too large"):
        await place.open().write(a_parcel(), over=None)


async def test_a_mark_that_somebody_garbled_counts_as_none(place: AwsPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    for garbled in ("no json", "{}", json.dumps([1, {"installation": 3}]), 7):
        content: dict[str, Any] = {**place.server.current(SECRET_ID), "_rotator": garbled}
        place.server.put(SECRET_ID, content)
        found = await place.open().read()
        assert found is not None
        assert found.marker is None


def asks_for(action: str) -> Any:
    return lambda request: request.headers.get("x-amz-target", "").endswith(action)
