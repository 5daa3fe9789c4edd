"""What is there about a secret for each name in AWS? Tags of one version, labels that move, texts never fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from rotator.destinations import parse_options
from rotator.destinations.aws_tags import Note, note_of, outlived, tags_of
from rotator.destinations.marks import Mark
from rotator.domain.model import Folder
from rotator.errors import ConfigError, DestinationRefused, DestinationUnavailable
from rotator.ports import Marker
from tests.builders import CLIENT
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel, a_place
from tests.destinations.places_aws import AwsSinglesPlace
from tests.destinations.servers.answering import Fault, Reply, Request
from tests.destinations.test_aws import asks_for

ID, SECRET = NAMES["clientId"], NAMES["clientSecret"]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[AwsSinglesPlace]:
    async with a_place("aws-secrets-manager-plain", tmp_path).living() as living:
        assert isinstance(living, AwsSinglesPlace)
        yield living


async def test_no_look_and_no_write_fetches_a_text(place: AwsSinglesPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert "GetSecretValue" not in place.server.actions()
    place.server.requests.clear()
    await place.open().read()
    assert place.server.actions() == ["DescribeSecret", "DescribeSecret"]


async def test_the_client_id_that_stays_gets_no_new_version(place: AwsSinglesPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    (before,) = place.server.versions(SECRET)
    await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert len(place.server.versions(ID)) == 1
    labels = place.server.versions(SECRET)
    assert labels.pop(before) == ["AWSPREVIOUS"]
    assert list(labels.values()) == [["AWSCURRENT", "ROTATOR_WAITING"]]


async def test_the_secret_itself_is_written_last(place: AwsSinglesPlace) -> None:
    place.server.faults = [Fault(asks_for("CreateSecret"), reset=True, after=True, times=1)]
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(), over=None)
    assert place.shows() == {ID: CLIENT}
    await place.open().write(a_parcel(), over=None)
    assert place.shows() == {ID: CLIENT, SECRET: FIRST}


@pytest.mark.parametrize("action", ["PutSecretValue", "UpdateSecretVersionStage"])
async def test_a_lost_answer_leaves_one_version_when_it_is_written_again(place: AwsSinglesPlace, action: str) -> None:
    first = await place.open().write(a_parcel(), over=None)
    place.server.faults = [Fault(asks_for(action), reset=True, after=True, times=1)]
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    await place.open().write(a_parcel(SECOND, "key-2"), over=await place.open().read())
    assert len(place.server.versions(SECRET)) == 2
    assert place.shows()[SECRET] == SECOND


async def test_a_writer_between_our_look_and_our_write_is_not_overwritten(place: AwsSinglesPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    through = place.server.handle

    def overtaken(request: Request) -> Reply:
        if request.headers["x-amz-target"].endswith("UpdateSecretVersionStage"):
            place.server.handle = through
            place.set(SECRET, "somebody-elses")
        return through(request)

    place.server.handle = overtaken
    with pytest.raises(DestinationUnavailable, match="changed by somebody else"):
        await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    assert place.shows()[SECRET] == "somebody-elses"
    found = await place.open().read()
    assert found is not None
    assert found.marker is None


async def test_a_version_that_somebody_rolled_back_is_known_as_ours_and_healed(place: AwsSinglesPlace) -> None:
    first = await place.open().write(a_parcel(), over=None)
    second = await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    place.server.roll_back(SECRET)
    found = await place.open().read()
    assert found is not None
    assert found.marker == replace(a_parcel().marker, key_id="")
    assert await place.open().write(a_parcel(SECOND, "key-2"), over=found) == second
    assert place.shows()[SECRET] == SECOND


async def test_tags_of_versions_long_gone_do_not_pile_up(place: AwsSinglesPlace) -> None:
    place.set(SECRET, "somebody-elses")
    place.server._backend.tag_resource(SECRET, {"team": "billing"})
    placed = await place.open().read()
    for n in range(5):
        placed = await place.open().write(a_parcel(f"text~{n}", f"key-{n}"), over=placed)
    assert len(place.server.tags(SECRET)) == 1 + 2 * 2
    assert place.server.tags(SECRET)["team"] == "billing"


async def test_a_secret_without_a_version_is_filled(place: AwsSinglesPlace) -> None:
    place.server.make(SECRET)
    assert await place.open().read() is None
    written = await place.open().write(a_parcel(), over=None)
    assert await place.open().read() == written
    assert place.shows()[SECRET] == FIRST


async def test_what_was_adopted_can_be_restored_after_its_removal(place: AwsSinglesPlace) -> None:
    place.set(SECRET, "somebody-elses")
    written = await place.open().write(a_parcel(), over=await place.open().read())
    await place.open().remove(over=written)
    assert place.server.names() == [SECRET]
    assert place.server.deleted(SECRET)
    await place.open().remove(over=written)
    with pytest.raises(DestinationRefused, match="restore-secret"):
        await place.open().write(a_parcel(), over=None)


async def test_a_new_secret_is_encrypted_with_the_key_that_was_named(place: AwsSinglesPlace) -> None:
    await place.open(kmsKeyId="alias/billing").write(a_parcel(), over=None)
    assert {place.server._backend.secrets[name].kms_key_id for name in NAMES.values()} == {"alias/billing"}


async def test_check_names_the_secret_and_the_right_that_is_missing(place: AwsSinglesPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    before = place.leftovers()
    await place.open().check()
    assert place.leftovers() == before
    place.server.faults = [Fault(asks_for("PutSecretValue"), Reply(400, {"__type": "AccessDeniedException"}))]
    with pytest.raises(DestinationRefused, match=f"{ID}: check: .*Allow secretsmanager:PutSecretValue"):
        await place.open().check()


async def test_tags_copied_to_another_version_say_nothing(place: AwsSinglesPlace) -> None:
    await place.open(names={"clientSecret": SECRET}).write(a_parcel(), over=None)
    copied = place.server.tags(SECRET)
    place.set("COPY", FIRST)
    place.server._backend.tag_resource("COPY", copied)
    found = await place.open(names={"clientSecret": "COPY"}).read()
    assert found is not None
    assert found.marker is None


async def test_a_prefix_stands_before_each_name(place: AwsSinglesPlace) -> None:
    here = place.open(prefix="prod/billing/")
    written = await here.write(a_parcel(), over=None)
    assert place.shows() == {f"prod/billing/{ID}": CLIENT, f"prod/billing/{SECRET}": FIRST}
    assert await here.read() == written
    assert await place.open().read() is None
    options = parse_options("aws-secrets-manager", {"region": "eu-north-1", "prefix": "a-"}, where="x")
    same = parse_options("aws-secrets-manager", {"region": "eu-north-1"}, where="x")
    assert options.claims(Folder("p", "e", "/"), {"b"}) == same.claims(Folder("p", "e", "/"), {"a-b"})


def test_a_prefix_for_the_names_of_a_json_object_is_refused() -> None:
    with pytest.raises(ConfigError, match="prefix and secretId"):
        parse_options("aws-secrets-manager", {"secretId": "a", "prefix": "b"}, where="x")


def test_long_names_stand_in_several_tags() -> None:
    names = tuple(f"{letter * 400}" for letter in "ab")
    note = Note(Mark(Marker("abcd2345", "rotation-1", "key-1", 5), names, made=True), "print")
    tags = tags_of("0" * 32, note)
    assert max(map(len, tags.values())) <= 256
    assert note_of("0" * 32, tags) == note
    assert note_of("1" * 32, tags) is None
    assert set(outlived({**tags, "rotator-other": "", "team": ""}, {"1" * 32})) == set(tags)
    assert outlived(tags, {"0" * 32}) == []


def test_names_that_no_tag_could_list_are_refused_at_load() -> None:
    options = parse_options("aws-secrets-manager", {}, where="x")
    assert options.place() == "aws-secrets-manager"
    names = {"clientId": "a" * 512, "clientSecret": "b" * 512}
    assert options.name_problems(names) == ["names: together they are too long (at most 1024 characters)"]
