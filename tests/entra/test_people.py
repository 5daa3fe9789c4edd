"""Are people sent to the right cloud to sign in, and is what comes back asked for over the configured network?"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import TypeAdapter

from rotator.domain.model import Secret
from rotator.entra.clouds import CLOUDS, Endpoints, endpoints
from rotator.entra.options import Cloud
from rotator.entra.people import People, consent_url
from rotator.errors import DirectoryUnavailable, PermissionDenied, SignInRefused
from rotator.network import Network
from rotator.references import ALLOW_LITERALS, Reference
from rotator.simulator.server import Running
from rotator.simulator.wire import SimRequest, SimResponse
from tests.entra.connect_proxy import connect_proxy

TENANT, CLIENT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
BACK = "https://rotator.example.com/sign-in/entra/return"
VERIFIER = "v" * 43
ASKED = {"redirect_uri": BACK, "state": "s", "nonce": "n", "challenge": "c"}
MANY = [f"00000000-0000-4000-8000-{n:012}" for n in range(45)]


def people(cloud: Endpoints, network: Network | None = None, *, client: str = CLIENT, secret: str = "") -> People:
    return People(
        cloud,
        network or Network(environment={}),
        tenant_id=TENANT,
        client_id=client,
        client_secret=reference(secret) if secret else None,
        has_groups=True,
    )


def reference(said: object) -> Reference:
    return TypeAdapter(Reference).validate_python(said, context={ALLOW_LITERALS: True})


@pytest.mark.parametrize("name", [*CLOUDS, "airgap"])
def test_each_cloud_has_its_own_sign_in_and_its_own_graph(name: str) -> None:
    own = Cloud.model_validate(
        {"authority": "https://login.airgap.example", "graph": "https://graph.airgap.example/v1.0"}
    )
    cloud = endpoints(name, {"airgap": own})
    url = urlsplit(people(cloud).sign_in_url(**ASKED))
    assert url._replace(query="").geturl() == f"{cloud.authority}/{TENANT}/oauth2/v2.0/authorize"
    asked = {key: values[0] for key, values in parse_qs(url.query).items()}
    root = cloud.graph.removesuffix("/v1.0")
    assert asked == {
        "client_id": CLIENT,
        "response_type": "code",
        "response_mode": "query",
        "redirect_uri": BACK,
        "scope": f"openid profile {root}/User.Read",
        "state": "s",
        "nonce": "n",
        "code_challenge": "c",
        "code_challenge_method": "S256",
    }
    out = people(cloud).sign_out_url(BACK)
    assert out.startswith(f"{cloud.authority}/{TENANT}/oauth2/v2.0/logout?post_logout_redirect_uri=https%3A%2F%2Frot")
    consent = consent_url(cloud, TENANT, CLIENT, redirect_uri=BACK, state="s", challenge="c")
    assert parse_qs(urlsplit(consent).query)["scope"] == [f"{cloud.scope} offline_access"]


def simulated(running: Running) -> Endpoints:
    ready = running.ready
    return Endpoints("simulated", ready.authority, ready.graph, ready.scope, ready.caFile)


def signed_in(running: Running, network: Network, groups: list[str]) -> tuple[People, Secret]:
    """The application, and what a person has brought back from Entra."""
    simulation = running.simulation
    admin = simulation.population.admin
    admin.redirect_uris, admin.delegated = [BACK], ["User.Read"]
    simulation.entra.tenant.people.named().groups = groups
    made = People(
        simulated(running),
        network,
        tenant_id=running.ready.tenantId,
        client_id=admin.client_id,
        client_secret=reference(simulation.population.admin_secret),
        has_groups=True,
    )
    url = urlsplit(made.sign_in_url(**{**ASKED, "challenge": VERIFIER}).replace("=S256", "=plain"))
    answer = simulation.entra.handle(SimRequest("GET", url.path, url.query))
    assert isinstance(answer, SimResponse)
    back = urlsplit(dict(answer.headers)["location"])
    return made, Secret(parse_qs(back.query)["code"][0])


async def test_all_of_it_goes_through_the_proxy_and_groups_are_asked_for_twenty_at_a_time(running: Running) -> None:
    async with connect_proxy() as proxy:
        network = Network(proxy=proxy.address, environment={})
        made, code = signed_in(running, network, [*MANY[:3], MANY[44]])
        id_token, access = await made.redeem(code, redirect_uri=BACK, verifier=Secret(VERIFIER))
        assert running.simulation.entra.tokens.signer.verify(id_token.reveal())
        assert await made.groups_of(access, MANY) == {*MANY[:3], MANY[44]}
        asked = [each for each in running.simulation.entra.log.entries if each.operation == "checkMemberGroups"]
        assert len(asked) == 3
        host = running.ready.authority.removeprefix("https://")
        assert set(proxy.targets) == {host}


async def test_what_graph_refuses_is_said_with_what_to_grant(running: Running) -> None:
    network = Network(environment={})
    made, code = signed_in(running, network, [])
    _, access = await made.redeem(code, redirect_uri=BACK, verifier=Secret(VERIFIER))
    faults = running.simulation.entra.faults
    faults.add({"match": "checkMemberGroups", "status": 403, "times": 1})
    with pytest.raises(PermissionDenied, match=r"delegated permission User\.Read") as refused:
        await made.groups_of(access, MANY)
    faults.add({"match": "checkMemberGroups", "status": 200, "body": {"value": "x"}, "times": 1})
    with pytest.raises(DirectoryUnavailable, match="reading a person's groups"):
        await made.groups_of(access, MANY)
    faults.add({"match": "checkMemberGroups", "reset": True, "times": 1})
    with pytest.raises(DirectoryUnavailable) as silent:
        await made.groups_of(access, MANY)
    for problem in (refused.value, silent.value):
        assert access.reveal() not in f"{problem!r} {problem.__cause__!r}"


async def test_a_code_that_brings_no_id_token_signs_nobody_in(running: Running) -> None:
    made, code = signed_in(running, Network(environment={}), [])
    body = {"token_type": "Bearer", "expires_in": 60, "access_token": "x"}
    running.simulation.entra.faults.add({"match": "^token", "status": 200, "times": 1, "body": body})
    with pytest.raises(SignInRefused, match="sign-in to the dashboard: the code brought no id token"):
        await made.redeem(code, redirect_uri=BACK, verifier=Secret(VERIFIER))


async def test_a_secret_that_is_not_there_and_an_authority_that_is_not_there_are_told() -> None:
    missing = reference({"env": "ROTATOR_TEST_NO_SUCH_VARIABLE"})
    nowhere = Endpoints("nowhere", "https://127.0.0.1:1", "https://127.0.0.1:1/v1.0", "https://127.0.0.1:1/.default")
    absent = People(
        nowhere, Network(environment={}), tenant_id=TENANT, client_id=CLIENT, client_secret=missing, has_groups=False
    )
    with pytest.raises(SignInRefused, match="ROTATOR_TEST_NO_SUCH_VARIABLE"):
        await absent.redeem(Secret("c"), redirect_uri=BACK, verifier=Secret(VERIFIER))
    with pytest.raises(DirectoryUnavailable) as silent:
        await people(nowhere, secret="s3cr3t-text").redeem(Secret("c0de-text"), redirect_uri=BACK, verifier=Secret("v"))
    assert not any(each in repr(silent.value) for each in ("s3cr3t-text", "c0de-text"))
    assert silent.value.__cause__ is None
