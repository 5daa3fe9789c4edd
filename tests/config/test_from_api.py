"""Is a body of the API judged by the rules of the configuration, and told of in its words?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from rotator.config.api_reach import FILES, Allowed
from rotator.config.from_api import connection_from, own_rotation_of, places_of, rotation_from, values_of
from rotator.destinations import KINDS, options_of
from rotator.destinations.hooks import HOOK_KINDS, hook_options_of
from rotator.domain.model import Folder, Secret
from rotator.domain.resources import MadeConnection
from rotator.errors import ConfigError
from rotator.options import FilePath
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


TO_FILE = {"kind": "file", "path": "/run/rotator/x.env", "format": "dotenv"}
TO_VAULT = {"kind": "azure-key-vault", "endpoint": "https://contoso.vault.azure.net"}
TO_HOOK = {"kind": "webhook", "url": "https://hooks.example/x", "secret": {"file": "/run/rotator/hook"}}
TO_AWS = {"kind": "aws-secrets-manager", "region": "eu-north-1", "secretId": "billing"}
BELOW = Allowed(paths=["/run/rotator"])
TO_KV = {"kind": "vault", "endpoint": "https://vault.example", "path": "apps/billing"}
SITE = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft.Web/sites/billing"
TO_SITE = {"kind": "azure-app-service", "resourceId": SITE}
CLUSTER = {"kind": "kubernetes", "namespace": "prod", "secret": "billing"}


def reached(destination: dict[str, Any], allowed: Allowed | None = None) -> str:
    """The one refusal of such a destination; empty: it may be."""
    try:
        rotation_from({**VALUES, "destinations": [destination]}, CONTOSO, allowed or Allowed())
    except ConfigError as refusal:
        (line,) = refusal.problems
        return line
    return ""


@pytest.mark.parametrize("destination", [{"kind": "embedded"}, TO_VAULT])
def test_what_signs_in_as_the_connection_needs_no_leave(destination: dict[str, Any]) -> None:
    assert reached(destination) == ""


@pytest.mark.parametrize(
    ("destination", "allowed", "why"),
    [
        (TO_FILE, Allowed(), "api.allow.kinds"),
        (TO_FILE, Allowed(["file"], ["/run/other"]), "api.allow.paths"),
        (TO_FILE, Allowed(["file"], ["/run/rotator/x"]), "api.allow.paths"),
        ({**TO_FILE, "path": "/run/rotator/../../etc/x.env"}, Allowed(["file"], ["/run/rotator"]), "without '..'"),
        ({"kind": "exec", "command": ["/bin/true"]}, Allowed(), "api.allow.kinds"),
        (TO_AWS, Allowed(), "api.allow.kinds"),
        (CLUSTER, Allowed(), "api.allow.kinds"),
        ({**CLUSTER, "kubeconfig": "/etc/kube/config"}, Allowed(["kubernetes"]), "kubeconfig: that path"),
        ({**TO_VAULT, "caFile": "/etc/shadow"}, BELOW, "caFile: that path is not allowed"),
        ({**TO_VAULT, "auth": {"method": "managed-identity"}}, Allowed(), "auth is not allowed"),
        (TO_HOOK, Allowed(), "file: that path is not allowed"),
        ({**TO_HOOK, "secret": {"env": "HOME"}}, BELOW, "env: what only this host knows"),
        ({**TO_HOOK, "secret": {"credential": "x"}}, BELOW, "credential: what only this host knows"),
        ({**TO_HOOK, "url": "https://169.254.169.254/x"}, BELOW, "url: 169.254.169.254 is not allowed"),
        ({**TO_HOOK, "url": "https://[::ffff:10.0.0.1]/x"}, BELOW, "is not allowed"),
        ({**TO_VAULT, "endpoint": "https://10.0.0.1"}, Allowed(hosts=["10.0.0.2"]), "endpoint: 10.0.0.1"),
        ({**TO_AWS, "endpoint": "https://aws.example"}, Allowed(["aws-secrets-manager"]), "endpoint: aws.example"),
        (TO_KV, Allowed(["vault"]), "endpoint: vault.example is not allowed"),
        ({**CLUSTER, "endpoint": "https://evil.example"}, Allowed(["kubernetes"]), "endpoint: evil.example"),
        ({**TO_SITE, "endpoint": "https://evil.example"}, Allowed(), "endpoint: evil.example"),
    ],
)
def test_what_reaches_further_waits_for_the_operators_leave(
    destination: dict[str, Any], allowed: Allowed, why: str
) -> None:
    assert why in reached(destination, allowed)


@pytest.mark.parametrize(
    ("destination", "allowed"),
    [
        (TO_FILE, Allowed(["file"], ["/run/rotator"])),
        (TO_FILE, Allowed(["file"], ["/run/rotator/x.env"])),
        ({"kind": "exec", "command": ["/bin/true"]}, Allowed(["exec"])),
        (TO_AWS, Allowed(["aws-secrets-manager"])),
        ({**TO_AWS, "endpoint": "https://aws.example"}, Allowed(["aws-secrets-manager"], (), ["aws.example"])),
        (TO_HOOK, BELOW),
        (TO_SITE, Allowed()),
        (TO_KV, Allowed(["vault"], (), ["vault.example"])),
        ({**TO_HOOK, "url": "https://10.0.0.1/x"}, Allowed((), ["/run/rotator"], ["10.0.0.0/8"])),
        ({**TO_VAULT, "auth": {"method": "managed-identity"}}, Allowed(["azure-key-vault"])),
    ],
)
def test_what_the_operator_lets_it_reach_it_may(destination: dict[str, Any], allowed: Allowed) -> None:
    assert reached(destination, allowed) == ""


TOLD = {"kind": "webhook", "url": "https://hooks.example/x", "secret": {"file": "/run/rotator/hook"}}


@pytest.mark.parametrize(
    ("hook", "allowed", "why"),
    [
        (TOLD, BELOW, "hooks of the kind webhook are not allowed through the API (none; api.allow.kinds)"),
        (TOLD, Allowed(["exec"], ["/run/rotator"]), "(exec; api.allow.kinds)"),
        (TOLD, Allowed(["webhook"]), "api.allow.paths"),
        ({**TOLD, "url": "https://10.0.0.1/"}, Allowed(["webhook"], ["/run/rotator"]), "api.allow.hosts"),
    ],
)
def test_a_hook_waits_for_the_operators_leave(hook: dict[str, Any], allowed: Allowed, why: str) -> None:
    (line,) = refused(allowed, hooks=[hook])
    assert why in line


def test_a_hook_that_the_operator_lets_it_have_is_written_as_it_was() -> None:
    allowed = Allowed(["webhook"], ["/run/rotator"])
    rotation = rotation_from({**VALUES, "hooks": [TOLD]}, CONTOSO, allowed)
    assert [rule.kind for rule in rotation.hooks] == ["webhook"]
    assert rotation_from(values_of(rotation), CONTOSO, allowed) == rotation


def test_every_option_that_names_a_file_is_known_to_be_one() -> None:
    models = [*map(options_of, KINDS), *map(hook_options_of, HOOK_KINDS)]
    found = {alias for model in models for alias in _files(model)}
    assert found <= FILES
    assert {"caFile", "kubeconfig", "clientKey", "tokenFile"} <= found


def _files(model: type[BaseModel]) -> set[str]:
    """The names of options of the type FilePath, in blocks within it too."""
    (rule,) = get_args(FilePath)[1:]
    found: set[str] = set()
    for name, field in model.model_fields.items():
        parts = [field.annotation, *field.metadata, *_within(field.annotation)]
        found |= {field.alias or name} if any(each is rule for each in parts) else set()
        for each in parts:
            found |= _files(each) if isinstance(each, type) and issubclass(each, BaseModel) else set()
    return found


def _within(annotation: object) -> list[object]:
    return [one for each in get_args(annotation) for one in (each, *_within(each))]


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
