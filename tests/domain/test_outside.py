"""Does a rotation look from outside as the API promises, and never show a secret?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.model import Alarm, Credential, CredentialState, Facts, Standing
from rotator.domain.outside import at, secret_rotation, span, state_of
from rotator.domain.resources import Ids
from rotator.domain.schedule import Schedule
from tests.builders import a_credential, a_delivery, a_rotation, an_attempt, some_facts
from tests.fakes import START

DAY = timedelta(days=1)
IDS = Ids("abcd2345", {"contoso": "connection-1"})


def retiring(n: int) -> Credential:
    return a_credential(key_id=f"old-{n}", state=CredentialState.RETIRING, starts_at=START - n * DAY)


def active(facts: Facts | None = None) -> Facts:
    return replace(
        facts or some_facts(), credentials=(a_credential(),), standing=Standing("rotation-1", state="active")
    )


def test_times_are_utc_with_milliseconds_and_z() -> None:
    assert at(START) == "2026-03-01T10:00:00.000Z"
    assert at(None) is None


def test_it_is_plain_json() -> None:
    facts = replace(active(), deliveries=(a_delivery(),), standing=Standing("rotation-1", alarms=(Alarm("A", "b"),)))
    shown = json.loads(json.dumps(secret_rotation(facts, IDS)))
    assert shown["alarms"] == [{"code": "A", "message": "b"}]
    assert shown["deliveries"][0]["destination"] == "embedded"
    assert shown["overlap"] == "until-next"


def test_a_zone_is_told_instead_of_utc() -> None:
    facts = some_facts(a_rotation(schedule=Schedule(30, 2, 30, "Europe/Oslo")))
    shown = secret_rotation(facts, IDS)
    assert shown["rotateAt"] == {"hours": 2, "minutes": 30, "timeZone": "Europe/Oslo"}
    assert "rotateAtUtc" not in shown


def test_of_many_retiring_secrets_the_newest_two_are_shown() -> None:
    facts = replace(active(), credentials=(retiring(3), retiring(2), retiring(1), a_credential()))
    shown = secret_rotation(facts, IDS)["credentials"]
    assert [each["keyId"] for each in shown] == [a_credential().key_id, "old-1", "old-2"]


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (some_facts(), "new"),
        (active(), "active"),
        (replace(active(), attempt=an_attempt()), "rotating"),
        (replace(active(), standing=Standing("rotation-1", failures=1)), "failed"),
        (replace(active(), standing=Standing("rotation-1", hold="STATE_OLDER_THAN_ENTRA")), "held"),
        (replace(active(), switches=replace(some_facts().switches, paused=True)), "paused"),
        (replace(active(), switches=replace(some_facts().switches, retired_at=START)), "retired"),
    ],
)
def test_one_word_says_how_it_stands(facts: Facts, state: str) -> None:
    assert state_of(facts) == state


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (30 * DAY, "30d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=5), "5s"),
        (timedelta(0), "0s"),
    ],
)
def test_a_span_is_said_in_the_largest_unit_that_is_exact(length: timedelta, said: str) -> None:
    assert span(length) == said


def test_ids_are_the_same_for_the_same_names_in_the_same_installation() -> None:
    shown = secret_rotation(active(), IDS)
    assert shown["connectionId"] == shown["connection"]["id"] == "connection-1"
    assert shown["projectId"] == Ids("abcd2345").project("default")
    assert shown["folder"]["id"] == shown["folderId"] != secret_rotation(active(), Ids("zzzz7777"))["folderId"]
    different = {shown["projectId"], shown["folderId"], shown["environment"]["id"], IDS.organisation}
    assert len(different) == 4


#: Every field that Infisical's answers have (a client may read any of them).
INFISICALS = """id name description isAutoRotationEnabled activeIndex folderId connectionId createdAt updatedAt
    rotationInterval rotationStatus lastRotationAttemptedAt lastRotatedAt lastRotationJobId nextRotationAt
    isLastRotationManual connection environment projectId folder rotateAtUtc lastRotationMessage type parameters
    secretsMapping"""


def test_every_field_of_infisical_is_there() -> None:
    assert set(INFISICALS.split()) <= set(secret_rotation(active(), IDS))
