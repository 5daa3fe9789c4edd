"""Does a delivery to Azure sign in for real: a tenant's token, for the scope that the service itself asks for?"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

from rotator.simulator.server import Running
from tests.builders import a_rotation
from tests.destinations.places import NAMES, a_parcel
from tests.destinations.places_azure import KeyVaultPlace
from tests.destinations.servers.key_vault import FakeVault
from tests.entra.connecting import connected_to
from tests.simulated import tenant


async def test_a_key_vault_gets_the_token_of_the_connection_for_its_own_scope(tmp_path: Path) -> None:
    async with tenant() as running, connected_to(running) as there:
        place = KeyVaultPlace(tmp_path, "azure-key-vault")
        place.azure = there.directories.tokens  # type: ignore[assignment]  # the real ones
        place.server = FakeVault()
        place.server.start(tls=True)
        try:
            place.server.token = await there.directories.tokens.token(
                f"{place.server.resource}/.default", connection="contoso"
            )
            rotation = replace(a_rotation(mapping=dict(NAMES)), connection="contoso")
            here = place.open(rotation)
            written = await here.write(a_parcel(), over=None)
            await here.close()
        finally:
            place.server.close()
        assert written.marker == a_parcel().marker
        assert claims(place.server.token)["aud"] == place.server.resource
        assert claims(place.server.token)["appid"] == admin(running)


def claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def admin(running: Running) -> str:
    return running.simulation.population.admin.client_id
