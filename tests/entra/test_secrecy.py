"""Can a secret be found in anything the adapter raises, shows or logs (law L11)?"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from rotator.domain.model import Secret
from rotator.entra.graph_models import PasswordAnswer
from rotator.errors import RotatorError
from tests.entra.connecting import Connected

CANARY = "Abc8Q~canary-canary-canary-canary-canary"
FAULTS: list[dict[str, Any]] = [
    {"status": 401, "code": 7000215, "message": f"Invalid client secret {CANARY} provided."},
    {"status": 400, "body": {"error": CANARY, "error_description": CANARY, "error_codes": []}},
    {"status": 400, "body": {"error": "invalid_client", "error_codes": [1], "error_description": f"not {CANARY}"}},
    {"status": 429},
    {"status": 500, "body": CANARY},
    {"status": 200, "body": CANARY},
    {"hang": True},
    {"reset": True},
]


def behind(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that stands behind it, shown in a traceback or not."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def shown(error: BaseException) -> str:
    """Everything a log, a debugger or a person could see of an error, httpx's request behind it included."""
    parts = ["".join(traceback.format_exception(error))]
    for each in behind(error):
        parts += [str(each), repr(each), repr(vars(each)), repr(getattr(each, "hint", ""))]
        for holder in (each, getattr(each, "response", None)):
            parts.append(repr(getattr(getattr(holder, "_request", None), "content", b"")))
    return "\n".join(parts)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in ("azure", "httpx", "httpcore", "msal", "kiota", "microsoft_kiota", "rotator", "h2", "hpack"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_failed_sign_in_tells_nothing_of_the_secret(
    near: Connected, everything_logged: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    near.directory._login._secret_of = _canary
    near.fault(match="^token", **fault)
    for call in (near.directory.sign_in(), near.add(), near.directory.registration(near.application)):
        with pytest.raises(RotatorError) as caught:
            await call
        assert CANARY not in shown(caught.value)
    if "message" not in fault and "body" not in fault:
        assert CANARY not in everything_logged.text


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_failed_proof_tells_nothing_of_the_secret(near: Connected, fault: dict[str, Any]) -> None:
    near.fault(match="^token", **fault)
    proof = await near.directory.prove(near.client_id, Secret(CANARY))
    assert CANARY not in repr(proof)


async def test_a_whole_life_leaves_no_secret_in_the_logs(
    near: Connected, everything_logged: pytest.LogCaptureFixture
) -> None:
    issued = await near.add()
    await near.directory.prove(near.client_id, issued.text)
    await near.directory.prove(near.client_id, Secret(CANARY))
    await near.directory.remove_password(near.object_id, issued.key_id)
    for text in (issued.text.reveal(), CANARY, near.simulation.population.admin_secret):
        assert text not in everything_logged.text
    assert issued.text.reveal() not in repr(issued)


@pytest.mark.parametrize("fault", [{"status": 503}, {"hang": True}, {"reset": True}, {"status": 403}], ids=str)
async def test_a_failed_graph_request_tells_nothing_of_the_token(near: Connected, fault: dict[str, Any]) -> None:
    token = await near.directory._login.token()
    near.fault(match="Password|getApplication", **fault)
    key = "00000000-0000-4000-8000-000000000000"
    calls = (
        near.add(),
        near.directory.registration(near.application),
        near.directory.remove_password(near.object_id, key),
    )
    for call in calls:
        with pytest.raises(RotatorError) as caught:
            await call
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert token not in shown(caught.value)


def test_a_made_password_shows_no_text() -> None:
    made = PasswordAnswer(key_id="1", secret=Secret(CANARY))
    assert CANARY not in repr(made)


async def _canary() -> Secret:
    return Secret(CANARY)
