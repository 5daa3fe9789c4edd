"""How does a person let the administrator's application act in his name in a test?"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from rotator.simulator.access_tokens import GRAPH
from rotator.simulator.simulation import Simulation
from rotator.simulator.wire import SimRequest, SimResponse

BACK = "https://rotator.example/callback"
SCOPE = f"{GRAPH}/.default offline_access"


def allow(simulation: Simulation) -> None:
    """The tenant lets the application change applications in people's names, who come back to BACK."""
    admin = simulation.population.admin
    admin.redirect_uris, admin.delegated = [BACK], ["Application.ReadWrite.All"]


def code(simulation: Simulation, scope: str = SCOPE) -> str:
    """What the browser brings back."""
    allow(simulation)
    asked = {"client_id": simulation.population.admin.client_id, "response_type": "code", "redirect_uri": BACK}
    path = f"/{simulation.entra.tenant.tenant_id}/oauth2/v2.0/authorize"
    answer = simulation.entra.handle(SimRequest("GET", path, urlencode({**asked, "scope": scope})))
    assert isinstance(answer, SimResponse)
    location = dict(answer.headers)["location"]
    return parse_qs(urlsplit(location).query)["code"][0]


def refresh_token(simulation: Simulation) -> str:
    """What an application was given for a code."""
    allow(simulation)
    people = simulation.entra.tenant.people
    return people.add_refresh_token(people.named().object_id, simulation.population.admin.client_id, SCOPE.split())


def uses(simulation: Simulation) -> list[int]:
    """How often each refresh token was used, oldest first."""
    return [each.used for each in simulation.entra.tenant.people.refresh_tokens.values()]
