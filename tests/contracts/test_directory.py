"""What does the port `Directory` promise? Held against the real SDKs, over HTTPS and over a transport in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.domain.model import Application, Secret
from rotator.errors import (
    ApplicationNotFound,
    DirectoryError,
    DirectoryThrottled,
    DirectoryUnavailable,
    OutcomeUnknown,
    PermissionDenied,
    PolicyRefused,
    RequestRefused,
    SignInRefused,
    TooManyCredentials,
)
from rotator.ports import Directories, Directory
from tests.entra.connecting import NAME, Connected, in_process, over_https

WAYS = {"https": over_https, "in process": in_process}

FAULTS: dict[str, dict[str, Any]] = {
    "409": {"status": 409},
    "429 with Retry-After": {"status": 429, "headers": {"Retry-After": "7"}},
    "429 without Retry-After": {"status": 429},
    "429 with a huge Retry-After": {"status": 429, "headers": {"Retry-After": "864000"}},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503, "headers": {"Retry-After": "7"}},
    "504": {"status": 504},
    "hang": {"hang": True},
    "reset": {"reset": True},
}
WAITS = {
    "429 with Retry-After": timedelta(seconds=7),
    "429 without Retry-After": None,
    "429 with a huge Retry-After": timedelta(hours=1),
}


@pytest.fixture(params=list(WAYS))
async def there(request: pytest.FixtureRequest) -> AsyncIterator[Connected]:
    async with WAYS[request.param]() as connected:
        yield connected


@pytest.fixture
async def near() -> AsyncIterator[Connected]:
    async with in_process() as connected:
        yield connected


def as_ports(connected: Connected) -> tuple[Directories, Directory]:
    """Mypy holds the adapter against the ports here."""
    return connected.directories, connected.directory


async def test_an_application_is_found_by_either_id(there: Connected) -> None:
    by_object = await there.directory.registration(there.application)
    by_client = await there.directory.registration(Application(there.application.tenant_id, client_id=there.client_id))
    assert by_object == by_client
    assert by_object.application == Application(
        there.application.tenant_id, there.object_id, there.client_id, "Billing API"
    )
    assert by_object.room_for is None


async def test_the_whole_life_of_a_secret(there: Connected) -> None:
    asked = datetime.now(UTC) + timedelta(days=63)
    issued = await there.directory.add_password(there.object_id, display_name=NAME, expires_at=asked)
    assert issued.display_name == NAME
    assert abs(issued.expires_at - asked) < timedelta(milliseconds=1)
    assert issued.starts_at.tzinfo is not None
    assert issued.text.reveal().startswith(issued.hint)
    proof = await there.directory.prove(there.client_id, issued.text)
    assert proof.accepted
    listed = (await there.directory.registration(there.application)).credentials
    assert [(each.key_id, each.display_name, each.hint) for each in listed] == [(issued.key_id, NAME, issued.hint)]
    await there.directory.remove_password(there.object_id, issued.key_id)
    assert (await there.directory.registration(there.application)).credentials == ()
    proof = await there.directory.prove(there.client_id, issued.text)
    assert (proof.accepted, proof.secret_refused, proof.code) == (False, True, "7000215")


async def test_removing_what_is_gone_is_success(there: Connected) -> None:
    issued = await there.add()
    await there.directory.remove_password(there.object_id, issued.key_id)
    await there.directory.remove_password(there.object_id, issued.key_id)
    assert there.requests("removePassword") == 2


async def test_an_unknown_application_is_named_with_what_to_check(there: Connected) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(ApplicationNotFound, match=f"Check `objectId`.*{nowhere}"):
        await there.directory.registration(replace(there.application, object_id=nowhere))
    with pytest.raises(ApplicationNotFound):
        await there.directory.add_password(nowhere, display_name=NAME, expires_at=datetime.now(UTC))


async def test_a_denied_permission_names_both_remedies(there: Connected) -> None:
    await there.directory.registration(there.application)
    tenant = there.simulation.entra.tenant
    ourselves = tenant.find_principal(there.simulation.population.admin.client_id)
    assert ourselves is not None
    tenant.remove_owner(there.object_id, ourselves.object_id)
    with pytest.raises(PermissionDenied) as caught:
        await there.add()
    assert str(caught.value) == (
        "Graph refused addPassword: Authorization_RequestDenied. Make the service principal 'rotator' an owner of "
        "'Billing API' or grant Application.ReadWrite.OwnedBy."
    )
    assert there.held() == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 400, "message": "Invalid value specified for property 'endDateTime'."}, RequestRefused),
        ({"status": 400, "code": "CredentialInvalidLifetimeAsPerAppPolicy", "message": "too long"}, PolicyRefused),
        ({"status": 400, "code": "CredentialTypeNotAllowedAsPerAppPolicy", "message": "not allowed"}, PolicyRefused),
        ({"status": 400, "code": "TooManyAppPasswords", "message": "Not allowed to add 3"}, TooManyCredentials),
        ({"status": 400, "code": "Directory_QuotaExceeded", "message": "The limit"}, TooManyCredentials),
        ({"status": 401}, SignInRefused),
        ({"status": 403}, PermissionDenied),
        ({"status": 404}, ApplicationNotFound),
    ],
)
async def test_a_refusal_of_the_table_is_certain(
    near: Connected, fault: dict[str, Any], error: type[Exception]
) -> None:
    near.fault(match="addPassword", **fault)
    with pytest.raises(error) as caught:
        await near.add()
    assert not isinstance(caught.value, OutcomeUnknown)
    assert near.requests("addPassword") == 1
    assert near.held() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400},  # "there are concurrent requests on the same object"
        {"status": 400, "code": "SomethingNew", "message": "unheard of"},
        {"status": 403, "body": "<html>blocked by the proxy</html>"},
        {"status": 404, "body": {"message": "no such route"}},
        {"status": 408, "code": "RequestTimeout", "message": "too slow"},
        {"status": 412, "code": "Request_BadRequest", "message": "a code with a status it does not have"},
        {"status": 200, "body": {"displayName": NAME}},
        {"status": 200, "body": "<html>all is well</html>"},
        {"status": 204, "body": ""},
        {"status": 302, "body": "", "headers": {"location": "https://localhost/v1.0/elsewhere"}},
    ],
)
async def test_whatever_is_not_in_the_table_is_unknown(near: Connected, fault: dict[str, Any]) -> None:
    near.fault(match="addPassword", when="after", **fault)
    with pytest.raises(OutcomeUnknown):
        await near.add()
    assert near.requests("addPassword") == 1
    assert near.held() == [NAME]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_L4_no_layer_repeats_add_password(there: Connected, fault: str, when: str) -> None:
    there.fault(match="^addPassword", when=when, **FAULTS[fault])
    with pytest.raises(OutcomeUnknown) as caught:
        await there.add()
    assert caught.value.retry_after == WAITS.get(fault, timedelta(seconds=7) if fault == "503" else None)
    assert there.requests("addPassword") == 1
    assert there.held() == ([NAME] if when == "after" else [])


async def test_L4_a_claims_challenge_does_not_repeat_add_password(there: Connected) -> None:
    there.fault(match="^addPassword", challenge=True, times=1)
    with pytest.raises(SignInRefused):
        await there.add()
    assert there.requests("addPassword") == 1
    assert (await there.add()).display_name == NAME


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_removal_is_open_and_may_be_repeated(there: Connected, fault: str, when: str) -> None:
    issued = await there.add()
    there.fault(match="^removePassword", when=when, times=1, **FAULTS[fault])
    with pytest.raises(DirectoryThrottled if fault in WAITS else DirectoryUnavailable) as caught:
        await there.directory.remove_password(there.object_id, issued.key_id)
    if isinstance(caught.value, DirectoryThrottled):
        assert caught.value.retry_after == WAITS[fault]
    assert there.held() == ([] if when == "after" else [NAME])
    await there.directory.remove_password(there.object_id, issued.key_id)
    assert there.held() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_without_a_token_nothing_is_sent(there: Connected, fault: str, when: str) -> None:
    there.fault(match="^token", when=when, times=1, **FAULTS[fault])
    expected: type[DirectoryError] = DirectoryThrottled if fault in WAITS else DirectoryUnavailable
    if fault == "409":
        expected = DirectoryUnavailable
    with pytest.raises(expected):
        await there.add()
    assert there.requests("token") == 1
    assert there.requests("addPassword") == 0
    assert (await there.add()).display_name == NAME


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_read_may_be_repeated(there: Connected, fault: str) -> None:
    there.fault(match="^getApplication", times=1, **FAULTS[fault])
    with pytest.raises(DirectoryThrottled if fault in WAITS else DirectoryUnavailable) as caught:
        await there.directory.registration(there.application)
    assert caught.value.retryable
    assert (await there.directory.registration(there.application)).application.object_id == there.object_id


@pytest.mark.parametrize("fault", FAULTS)
async def test_graph_is_left_alone_for_as_long_as_it_asks(there: Connected, fault: str) -> None:
    there.fault(match="^getApplication", times=1, **FAULTS[fault])
    before = there.clock.monotonic()
    with pytest.raises(DirectoryError):
        await there.directory.registration(there.application)
    quiet = there.directory.quiet_until()
    if fault not in WAITS:
        assert quiet is None
        return
    assert quiet is not None
    wanted = (WAITS[fault] or timedelta(seconds=10)).total_seconds()
    assert before + wanted <= quiet <= there.clock.monotonic() + wanted


async def test_a_sign_in_that_is_throttled_leaves_graph_as_it_is(there: Connected) -> None:
    there.fault(match="^token", times=1, status=429)
    with pytest.raises(DirectoryThrottled):
        await there.directory.registration(there.application)
    assert there.directory.quiet_until() is None


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_proof_that_gets_no_verdict_is_no_proof(there: Connected, fault: str) -> None:
    there.fault(match="^token", times=1, **FAULTS[fault])
    proof = await there.directory.prove(there.client_id, Secret("whatever it is"))
    assert (proof.accepted, proof.secret_refused) == (False, False)
    assert proof.code


async def test_a_refused_token_is_renewed_once_for_a_read(there: Connected) -> None:
    there.fault(match="^getApplication", status=401, times=1)
    assert (await there.directory.registration(there.application)).application.name == "Billing API"
    assert there.requests("token") == 2
    there.fault(match="^getApplication", status=401, times=2)
    with pytest.raises(SignInRefused):
        await there.directory.registration(there.application)
    assert there.requests("getApplication") == 4


async def test_a_claims_challenge_is_answered_once(there: Connected) -> None:
    await there.directory.sign_in()
    there.fault(match="^getApplication", challenge=True, times=1)
    assert (await there.directory.registration(there.application)).application.name == "Billing API"
    assert there.requests("token") == 2


async def test_a_cancelled_add_password_ends_in_cancellation() -> None:
    async with over_https() as there:
        await there.directory.sign_in()
        there.fault(match="^addPassword", when="after", hang=True)
        task = asyncio.create_task(there.add())
        await asyncio.wait({task}, timeout=0.2)
        assert there.requests("addPassword") == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert there.held() == [NAME]


async def test_writes_to_one_application_are_sent_one_after_the_other() -> None:
    async with over_https() as there:
        await there.directory.sign_in()
        there.simulation.entra.latency = 0.3
        adding = [asyncio.create_task(there.add(f"{NAME}-{number}")) for number in range(3)]
        await asyncio.wait(adding, timeout=0.15)
        assert there.requests("addPassword") == 1
        other = there.simulation.population.applications[1].object_id
        adding.append(asyncio.create_task(there.add(object_id=other)))
        await asyncio.wait(adding, timeout=0.1)
        assert there.requests("addPassword") == 2
        there.simulation.entra.latency = 0
        assert len({each.key_id for each in await asyncio.gather(*adding)}) == 4


async def test_an_application_for_personal_accounts_has_room_for_two(near: Connected) -> None:
    near.simulation.population.applications[0].audience = "AzureADandPersonalMicrosoftAccount"
    assert (await near.directory.registration(near.application)).room_for == 2
    await near.add()
    await near.add()
    with pytest.raises(TooManyCredentials, match="personal accounts"):
        await near.add()


async def test_entra_time_is_the_date_of_the_last_answer(near: Connected) -> None:
    assert near.directory.entra_time() is None
    await near.directory.sign_in()
    seen = near.directory.entra_time()
    assert seen == (near.clock.now(), near.clock.monotonic())
