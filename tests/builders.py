"""What does a plain, valid value look like? Each builder gives one; a test changes only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rotator.domain.model import (
    Application,
    Attempt,
    ConnectionHealth,
    Credential,
    CredentialState,
    Delivery,
    DestinationRule,
    Entry,
    Facts,
    IssueIntent,
    Lease,
    Mode,
    Request,
    Rotation,
    Standing,
    Switches,
)
from rotator.domain.schedule import Schedule
from tests.fakes import START

TENANT = "11111111-1111-4111-8111-111111111111"
OBJECT = "22222222-2222-4222-8222-222222222222"
CLIENT = "33333333-3333-4333-8333-333333333333"
KEY = "44444444-4444-4444-8444-444444444444"
MAPPING = {"clientId": "BILLING_CLIENT_ID", "clientSecret": "BILLING_CLIENT_SECRET"}


def an_application(**changes: Any) -> Application:
    return replace(Application(TENANT, OBJECT, CLIENT, "Billing API"), **changes)


def an_embedded_destination(**changes: Any) -> DestinationRule:
    return replace(DestinationRule("embedded", "embedded", names=dict(MAPPING)), **changes)


def a_file_destination(path: str = "/run/rotator/billing.env", **changes: Any) -> DestinationRule:
    rule = DestinationRule(f"file:{path}", "file", names=dict(MAPPING), options={"path": path, "format": "dotenv"})
    return replace(rule, **changes)


def a_rotation(**changes: Any) -> Rotation:
    """Every 30 days at 02:30 UTC to the embedded store; one whole secret lives 63 days."""
    plain = Rotation(
        id="rotation-1",
        name="billing-api",
        connection="contoso",
        application=an_application(),
        schedule=Schedule(30, 2, 30),
        lifetime=timedelta(days=63),
        margin=timedelta(days=3),
        destinations=(an_embedded_destination(),),
        mapping=dict(MAPPING),
    )
    return replace(plain, **changes)


def rotations(count: int, **changes: Any) -> list[Rotation]:
    """So many of them, each on an application of its own: `rotation-1` named `api-1` and so on."""
    return [
        a_rotation(
            id=f"rotation-{n}",
            name=f"api-{n}",
            application=an_application(object_id=f"object-{n}", client_id=f"client-{n}"),
            **changes,
        )
        for n in range(1, count + 1)
    ]


def a_credential(**changes: Any) -> Credential:
    """The current one, issued by us at START."""
    plain = Credential(
        key_id=KEY,
        rotation_id="rotation-1",
        application=an_application(),
        display_name="rotator/abcd2345/attempt-1.1-wxyz/billing-api",
        starts_at=START,
        expires_at=START + timedelta(days=63),
        state=CredentialState.CURRENT,
        hint="abc",
        attempt_id="attempt-1",
        has_text=True,
        issued_at=START,
        promoted_at=START,
    )
    return replace(plain, **changes)


def an_attempt(**changes: Any) -> Attempt:
    plain = Attempt(
        id="attempt-1",
        rotation_id="rotation-1",
        mode=Mode.ROTATE,
        reason="NEVER_ROTATED",
        manual=True,
        started_at=START,
        application=an_application(),
        mapping=dict(MAPPING),
    )
    return replace(plain, **changes)


def an_intent(**changes: Any) -> IssueIntent:
    name = "rotator/abcd2345/attempt-1.1-wxyz/billing-api"
    return replace(IssueIntent("rotation-1", "attempt-1", 1, name, START), **changes)


def an_entry(**changes: Any) -> Entry:
    return replace(Entry("rotation-1", "attempt-1", "preflight", "intent", START), **changes)


def a_delivery(**changes: Any) -> Delivery:
    return replace(Delivery("rotation-1", "embedded", "embedded", key_id=KEY, version="1", token=1), **changes)


def a_request(**changes: Any) -> Request:
    return replace(Request("request-1", "rotation-1", "rotate", START, by="tests"), **changes)


def a_lease(**changes: Any) -> Lease:
    return replace(Lease(TENANT, OBJECT, "node-1", 1, START + timedelta(minutes=2)), **changes)


def some_facts(rotation: Rotation | None = None, *, created_at: datetime = START, **changes: Any) -> Facts:
    """A rotation that was defined at `created_at` and has done nothing yet."""
    rotation = rotation or a_rotation()
    plain = Facts(rotation, Switches(created_at), Standing(rotation.id), ConnectionHealth(rotation.connection))
    return replace(plain, **changes)
