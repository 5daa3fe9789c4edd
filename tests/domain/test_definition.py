"""Does a definition come back from its document whole, and is each change of it seen?"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.domain.definition import definition_hash, from_document, from_text, to_document, to_text
from rotator.domain.model import DestinationRule, Folder, HookRule, Initial, OnDrift, Rotation, VerifyRule
from rotator.domain.schedule import Schedule
from tests.builders import a_rotation, an_application

#: Each field as it is in no other rotation here.
OTHER: dict[str, Any] = {
    "id": "other",
    "name": "other",
    "connection": "other",
    "application": an_application(object_id="", name="Ünïcode"),
    "schedule": Schedule(7, 23, 59, "Europe/Oslo"),
    "lifetime": timedelta(days=99, seconds=1),
    "margin": timedelta(hours=73),
    "overlap": timedelta(0),
    "min_overlap": timedelta(minutes=5),
    "renew_before": timedelta(seconds=90),
    "auto": False,
    "requires_approval": True,
    "initial": Initial.ADOPT,
    "adopt_key_id": "key",
    "verify": VerifyRule(5, timedelta(0), timedelta(minutes=1)),
    "destinations": (
        DestinationRule("vault:a", "vault", False, 3, OnDrift.REPORT, True, {"clientId": "A"}, {"a": {"b": [1, "c"]}}),
        DestinationRule("embedded", "embedded"),
    ),
    "hooks": (HookRule("exec:/bin/x", "exec", {"command": ["/bin/x"]}),),
    "mapping": {"clientId": "X"},
    "folder": Folder("p", "e", "/x"),
    "description": "ü",
    "labels": {"owner": "team"},
    "own_connection": "contoso",
    "defined_at": "conf.yaml:3:5",
    "api_made": True,
    "replaces": "old",
}


@pytest.mark.parametrize("name", [field.name for field in fields(Rotation)])
def test_every_field_comes_back_and_its_change_is_seen(name: str) -> None:
    changed = replace(a_rotation(), **{name: OTHER[name]})
    assert getattr(changed, name) != getattr(a_rotation(), name)
    assert from_text(to_text(changed)) == changed
    assert definition_hash(changed) != definition_hash(a_rotation())


def test_the_same_definition_has_the_same_hash_however_its_mappings_are_ordered() -> None:
    one, other = ({"clientId": "A", "clientSecret": "B"}, {"clientSecret": "B", "clientId": "A"})
    assert definition_hash(a_rotation(mapping=one)) == definition_hash(a_rotation(mapping=other))


def test_a_document_of_an_older_or_newer_program_is_read_as_far_as_it_goes() -> None:
    document = to_document(a_rotation()) | {"from_the_future": 1}
    del document["labels"], document["requires_approval"]
    assert from_document(document) == a_rotation()
