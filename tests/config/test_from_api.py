"""Is a body of the API judged by the rules of the configuration, and told of in its words?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.config.from_api import Allowed, connection_from, own_rotation_of, places_of, rotation_from, values_of
from rotator.domain.model import Folder, Secret
from rotator.domain.resources import MadeConnection
from rotator.errors import ConfigError
from tests.builders import CLIENT, OBJECT, TENANT

ADMIN = "99999999-9999-4999-8999-999999999999"
MADE = MadeConnection(
    id="connection-1",
    name="contoso",
    project="",
    document={"method": "client-secret", "credentials": {"tenantId": TENANT, "clientId": ADMIN}},
    secrets={"clientSecret": Secret("text")},
)
CONTOSO = connection_from(MADE, ())
VALUES: dict[str, Any] = {
    "name": "billing-api",
    "connection": "contoso",
    "project": "payments",
    "environment": "prod",
    "secretPath": "/team",
    "rotationInterval": 30,
    "rotateAtUtc": {"hours": 2, "minutes": 30},
    "parameters": {"objectId": OBJECT, "clientId": CLIENT, "appName": "Billing"},
    "secretsMapping": {"clientId": "BILLING_ID", "clientSecret": "BILLING_SECRET"},
}


def refused(allowed: Allowed | None = None, **changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        rotation_from({**VALUES, **changes}, CONTOSO, allowed or Allowed())
    return caught.value.problems


def test_a_body_becomes_a_rotation_of_the_api() -> None:
    rotation = rotation_from(VALUES, CONTOSO, Allowed())
    assert (rotation.api_made, rotation.defined_at, rotation.id) == (True, "", "")
    assert rotation.folder == Folder("payments", "prod", "/team")
    assert rotation.application.tenant_id == TENANT
    assert rotation.lifetime == timedelta(days=63)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rotateAtUtc": None, "rotateAt": {"hours": 1, "minutes": 2, "timeZone": "Europe/Oslo"}},
        {"overlap": "48h", "minOverlap": "1h", "lifetime": "90d", "renewBefore": "10h"},
        {"labels": {"owner": "team"}, "description": "For bills", "isAutoRotationEnabled": False},
        {"minOverlap": "40d"},
        {"initial": "wait", "verify": {"successes": 1, "interval": "0s", "deadline": "1m"}},
    ],
)
def test_what_a_rotation_is_written_as_makes_the_same_rotation(changes: dict[str, Any]) -> None:
    given = {key: value for key, value in {**VALUES, **changes}.items() if value is not None}
    rotation = rotation_from(given, CONTOSO, Allowed())
    assert rotation_from(values_of(rotation), CONTOSO, Allowed()) == rotation


def test_what_follows_from_the_interval_follows_it_when_it_changes() -> None:
    values = values_of(rotation_from(VALUES, CONTOSO, Allowed()))
    assert rotation_from({**values, "rotationInterval": 60}, CONTOSO, Allowed()).lifetime == timedelta(days=126)


def test_a_mistake_is_told_by_its_path() -> None:
    (line,) = refused(rotationInterval=0)
    assert line == "rotationInterval: 0 is not allowed (a whole number from 1 to 3650 days)"


def test_all_mistakes_are_told_at_once() -> None:
    lines = refused(name="Not a slug", verify={"successes": 0})
    assert [line.split(":")[0] for line in lines] == ["name", "verify.successes"]


def test_unsafe_kinds_wait_for_the_operators_leave() -> None:
    to_file = [{"kind": "file", "path": "/run/rotator/x.env", "format": "dotenv"}]
    (line,) = refused(destinations=to_file)
    assert "api.allow.kinds" in line
    (line,) = refused(Allowed(["file"], ["/run/other"]), destinations=to_file)
    assert "api.allow.paths" in line
    climbing = [{**to_file[0], "path": "/run/rotator/../../etc/x.env"}]
    assert refused(Allowed(["file"], ["/run/rotator"]), destinations=climbing)
    allowed = rotation_from({**VALUES, "destinations": to_file}, CONTOSO, Allowed(["file"], ["/run/rotator"]))
    assert [rule.kind for rule in allowed.destinations] == ["file"]


def test_two_rotations_of_one_name_in_one_folder_write_one_place() -> None:
    one = rotation_from(VALUES, CONTOSO, Allowed())
    other = rotation_from({**VALUES, "name": "other"}, CONTOSO, Allowed())
    elsewhere = rotation_from({**VALUES, "secretPath": "/"}, CONTOSO, Allowed())
    assert places_of(one) == places_of(other)
    assert places_of(one).isdisjoint(places_of(elsewhere))


def test_a_connection_of_the_api_holds_its_text_and_names_no_file() -> None:
    assert CONTOSO.credentials.client_secret.resolve().reveal() == "text"  # type: ignore[union-attr]
    document = {**MADE.document, "credentials": {"tenantId": TENANT, "clientId": "nobody"}}
    with pytest.raises(ConfigError, match=r"^credentials\.clientId: 'nobody' is not allowed"):
        connection_from(replace(MADE, document=document), ())


def test_a_connection_of_the_api_may_rotate_its_own_secret() -> None:
    document = {**MADE.document, "isAutoRotationEnabled": True, "rotation": {"rotationInterval": 60}}
    own = own_rotation_of(connection_from(replace(MADE, document=document), ()))
    assert own is not None
    assert (own.name, own.own_connection, own.api_made) == ("connection-contoso", "contoso", True)
    assert own_rotation_of(CONTOSO) is None
