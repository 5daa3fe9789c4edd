"""What do apps in Azure ask for beyond the contract: rights asked of Azure, slots, references that are kept, hooks?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rotator.destinations import parse_options
from rotator.destinations.hooks import Runner
from rotator.domain.model import HookRule
from rotator.errors import ConfigError, DestinationRefused, DestinationUnavailable
from rotator.ports import HookResult
from tests.builders import a_credential, a_rotation
from tests.destinations.places import FIRST, a_parcel
from tests.destinations.places_azure import ContainerAppPlace, SitePlace
from tests.destinations.servers.answering import Fault, Reply, Request
from tests.destinations.servers.azure_arm import APP, SITE, SLOT

LIST, WRITE = "Microsoft.Web/sites/config/list/action", "Microsoft.Web/sites/config/write"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SitePlace]:
    here = SitePlace(tmp_path, "azure-app-service")
    async with here.living():
        yield here


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[ContainerAppPlace]:
    here = ContainerAppPlace(tmp_path, "azure-app-service")
    async with here.living():
        yield here


async def told(site: SitePlace, **options: Any) -> HookResult:
    rule = HookRule("it", "azure-app-service", {"endpoint": site.server.url, "resourceId": SITE, **options})
    return await Runner(site.surroundings()).run(a_rotation(hooks=(rule,)), "it", a_credential())


async def test_the_scope_is_that_of_the_address(site: SitePlace) -> None:
    await site.open().read()
    assert set(site.azure.given) == {f"{site.server.url}/.default"}


async def test_a_token_that_azure_refuses_is_fetched_anew(site: SitePlace) -> None:
    site.azure.value, site.azure.next = "stale", site.server.token
    assert await site.open().read() is None


async def test_all_names_and_the_mark_change_in_one_request(site: SitePlace) -> None:
    await site.open().write(a_parcel(), over=None)
    assert [method for method, _ in site.server.asked].count("PUT") == 1


async def test_a_slot_is_a_place_of_its_own(site: SitePlace) -> None:
    await site.open(resourceId=SLOT).write(a_parcel(), over=None)
    assert site.shows() == {}
    assert site.server.settings[SLOT]["BILLING_CLIENT_SECRET"] == FIRST


@pytest.mark.parametrize(
    ("allowed", "refused", "missing"),
    [
        (["*/read"], [], f"{LIST}, {WRITE}"),
        ([LIST], [], WRITE),
        (["*"], ["microsoft.web/sites/config/*"], f"{LIST}, {WRITE}"),
    ],
)
async def test_check_names_the_role_and_the_actions_that_are_missing(
    site: SitePlace, allowed: list[str], refused: list[str], missing: str
) -> None:
    site.server.allowed, site.server.refused = allowed, refused
    with pytest.raises(DestinationRefused, match=f"we may not {missing} there") as caught:
        await site.open().check()
    assert "Website Contributor" in caught.value.hint


async def test_whoever_may_not_ask_for_rights_is_checked_by_a_listing(site: SitePlace) -> None:
    asking = Fault(lambda request: "/permissions" in request.path, reply=site.refusal(403))
    site.server.faults.append(asking)
    await site.open().check()
    site.server.faults.append(Fault(reply=site.refusal(403)))
    with pytest.raises(DestinationRefused, match="403"):
        await site.open().check()


async def test_check_asks_for_the_rights_on_the_slot(site: SitePlace) -> None:
    site.server.allowed = ["Microsoft.Web/sites/config/*"]
    with pytest.raises(DestinationRefused, match="sites/slots/config/write"):
        await site.open(resourceId=SLOT).check()


async def test_a_writer_that_came_between_is_noticed_afterwards(site: SitePlace) -> None:
    answer = site.server.handle

    def racing(request: Request) -> Reply:
        """Somebody replaces all settings right after us, with what he had read before."""
        before = dict(site.server.settings[SITE])
        answered = answer(request)
        if request.method == "PUT":
            site.server.settings[SITE] = before
        return answered

    site.server.handle = racing
    with pytest.raises(DestinationUnavailable, match="does not show what was just written"):
        await site.open().write(a_parcel(), over=None)


async def test_references_of_a_container_app_to_a_key_vault_stay_as_they_are(app: ContainerAppPlace) -> None:
    reference = {"name": "other", "keyVaultUrl": "https://contoso.vault.azure.net/secrets/other", "identity": "system"}
    app.server.secrets = [dict(reference)]
    await app.open().write(a_parcel(), over=None)
    assert reference in app.server.secrets
    assert len(app.server.secrets) == 4


async def test_a_container_app_that_shows_the_old_secrets_for_a_while_is_tried_again(app: ContainerAppPlace) -> None:
    app.server.lag = 3
    with pytest.raises(DestinationUnavailable, match="does not show"):
        await app.open().write(a_parcel(), over=None)
    app.server.lag = 0
    placed = await app.open().write(a_parcel(), over=await app.open().read())
    assert placed.marker == a_parcel().marker


async def test_a_cloud_of_ones_own_needs_an_address(site: SitePlace) -> None:
    site.azure.name = "airgap"
    with pytest.raises(DestinationRefused, match="'airgap' is not known") as caught:
        await site.open(endpoint=None).read()
    assert caught.value.hint == "Set endpoint"


@pytest.mark.parametrize("resource", ["", "billing", f"{SITE}/config", f"{SITE}/../x", SITE.replace("sites", "plans")])
def test_what_is_no_app_is_refused_at_load(resource: str) -> None:
    with pytest.raises(ConfigError, match="the id of an app"):
        parse_options("azure-app-service", {"resourceId": resource}, where="x")


def test_names_follow_the_kind_of_app() -> None:
    site, app = (parse_options("azure-app-service", {"resourceId": each}, where="x") for each in (SITE, APP))
    mapping = {"clientSecret": "BILLING_SECRET"}
    assert app.default_names(mapping) == {"clientSecret": "billing-secret"}
    assert site.default_names(mapping) == mapping
    assert "lower-case" in app.name_problems(mapping)[0]
    assert "'1ST' is not allowed" in site.name_problems({"clientSecret": "1ST"})[0]


@pytest.mark.parametrize(
    ("action", "done"), [("refresh", "/config/configreferences/appsettings/refresh"), ("restart", "/restart")]
)
async def test_a_hook_refreshes_references_or_restarts(site: SitePlace, action: str, done: str) -> None:
    assert await told(site, action=action) == HookResult("it", done=True)
    assert site.server.done == [done]


async def test_a_hook_that_fails_says_why(site: SitePlace) -> None:
    site.server.faults.append(Fault(reply=Reply(403, {"error": {"code": "AuthorizationFailed", "message": "no"}})))
    result = await told(site)
    assert not result.done
    assert "403: AuthorizationFailed: no" in result.message


@pytest.mark.parametrize(("action", "missing"), [("refresh", "config/write"), ("restart", "restart/action")])
async def test_a_hooks_rights_are_checked_beforehand(site: SitePlace, action: str, missing: str) -> None:
    site.server.allowed = ["*/read"]
    rule = HookRule("it", "azure-app-service", {"endpoint": site.server.url, "resourceId": SITE, "action": action})
    with pytest.raises(DestinationRefused, match=missing):
        await Runner(replace(site.surroundings())).check(a_rotation(hooks=(rule,)), "it")
