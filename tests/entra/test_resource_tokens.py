"""Does a sign-in for another service of Azure follow the connection, or the block that replaces it?"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from rotator.destinations.azure import AzureAuth
from rotator.errors import ConfigError, DirectoryUnavailable, RotatorError, SignInRefused
from rotator.simulator.server import Running
from tests.entra.connecting import SCOPE, cloud, connected_to, options

VAULT = "https://vault.azure.net/.default"


def claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


async def test_the_token_is_for_the_scope_and_as_the_connection(running: Running) -> None:
    async with connected_to(running) as there:
        seen = claims(await there.directories.tokens.token(SCOPE, connection="contoso"))
    assert seen["appid"] == running.simulation.population.admin.client_id


async def test_a_token_is_kept_until_it_is_renewed(running: Running) -> None:
    async with connected_to(running) as there:
        tokens = there.directories.tokens
        first = await tokens.token(SCOPE, connection="contoso")
        assert await tokens.token(SCOPE, connection="contoso") == first
        asked = there.requests("token")
        await tokens.renew(SCOPE, connection="contoso")
        await tokens.token(SCOPE, connection="contoso")
        assert there.requests("token") == asked + 1


async def test_a_block_of_its_own_replaces_how_the_connection_signs_in(running: Running, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(running.simulation.population.admin_secret)
    block = AzureAuth.model_validate(
        {
            "method": "client-secret",
            "clientId": running.simulation.population.admin.client_id,
            "clientSecret": {"file": str(tmp_path / "secret")},
        }
    )
    async with connected_to(running, "managed-identity") as there:
        token = await there.directories.tokens.token(SCOPE, connection="contoso", auth=block.credentials())
    assert claims(token)["appid"] == running.simulation.population.admin.client_id


async def test_a_refused_sign_in_is_told_without_the_secret(running: Running, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("wrong-8Q~secret")
    block = {"method": "client-secret", "clientId": running.simulation.population.admin.client_id}
    auth = AzureAuth.model_validate({**block, "clientSecret": {"file": str(tmp_path / "secret")}})
    async with connected_to(running) as there:
        with pytest.raises(SignInRefused) as caught:
            await there.directories.tokens.token(SCOPE, connection="contoso", auth=auth.credentials())
    assert "wrong-8Q" not in str(caught.value)


async def test_a_changed_connection_signs_in_anew(running: Running) -> None:
    async with connected_to(running) as there:
        await there.directories.tokens.token(SCOPE, connection="contoso")
        other = options(running.simulation, clientSecret="never-the-secret")
        await there.directories.replace({"contoso": other}, cloud(running.ready.authority, running.ready.caFile))
        with pytest.raises(SignInRefused):
            await there.directories.tokens.token(SCOPE, connection="contoso")


async def test_the_cloud_is_the_connections_and_an_unknown_connection_is_refused(running: Running) -> None:
    async with connected_to(running) as there:
        assert there.directories.tokens.cloud("contoso") == "simulated"
        with pytest.raises(ConfigError, match="not defined"):
            there.directories.tokens.cloud("nobody")


async def test_throttling_and_outages_may_be_tried_again(running: Running) -> None:
    async with connected_to(running) as there:
        there.fault(match="token", when="before", status=503)
        with pytest.raises(RotatorError) as caught:
            await there.directories.tokens.token(VAULT, connection="contoso")
    assert isinstance(caught.value, DirectoryUnavailable)
