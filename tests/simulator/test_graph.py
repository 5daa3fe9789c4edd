"""Does Graph list, page, filter, permit and batch as the real one does?"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.simulator.caller import BASE, Caller


async def test_pages_link_to_the_next_until_all_are_seen(caller: Caller) -> None:
    await caller.control("POST", "applications", {"displayName": "more", "count": 20})
    seen: list[str] = []
    path: str | None = "applications?$top=7&$select=id"
    while path:
        page = (await caller.graph("GET", path)).json()
        assert len(page["value"]) <= 7
        seen += [entry["id"] for entry in page["value"]]
        path = page.get("@odata.nextLink", "").removeprefix(f"{BASE}/v1.0/") or None
    assert len(seen) == len(set(seen)) == 24


@pytest.mark.parametrize("top", ["0", "1000", "many"])
async def test_a_senseless_page_size_is_refused(caller: Caller, top: str) -> None:
    assert (await caller.graph("GET", f"applications?$top={top}")).status_code == 400


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ("displayName eq 'Shipping'", {"Shipping"}),
        ("startswith(displayName,'Bill')", {"Billing API"}),
        ("startswith(displayName, 'bill') or displayName eq 'order desk'", {"Billing API", "Order Desk"}),
        ("displayName eq 'Shipping' and signInAudience eq 'AzureADMyOrg'", {"Shipping"}),
        ("identifierUris/any(s:s eq 'api://shipping')", {"Shipping"}),
        ("displayName eq 'nobody''s'", set()),
    ],
)
async def test_filters_find_what_they_name(caller: Caller, filter_: str, names: set[str]) -> None:
    shipping = caller.simulation.population.applications[2]
    shipping.identifier_uris.append("api://shipping")
    answer = await caller.graph("GET", f"applications?$filter={quote(filter_)}")
    assert {entry["displayName"] for entry in answer.json()["value"]} == names


async def test_a_filter_that_nobody_understands_is_refused(caller: Caller) -> None:
    answer = await caller.graph("GET", "applications?$filter=displayName%20resembles%20x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_BadRequest")


async def test_an_application_is_found_by_client_id_in_filter_and_path(caller: Caller) -> None:
    listed = await caller.graph("GET", f"applications?$filter=appId%20eq%20'{caller.client_id}'&$select=id")
    assert listed.json()["value"] == [{"id": caller.application}]
    keyed = await caller.graph("GET", f"applications(appId='{caller.client_id}')?$select=id,appId")
    assert keyed.json()["id"] == caller.application
    added = await caller.graph("POST", f"applications(appId='{caller.client_id}')/addPassword", {})
    assert added.status_code == 200


async def test_counting_works_beside_and_instead_of_listing(caller: Caller) -> None:
    listed = await caller.graph("GET", "applications?$count=true&$top=1", ConsistencyLevel="eventual")
    assert (listed.json()["@odata.count"], len(listed.json()["value"])) == (4, 1)
    assert (await caller.graph("GET", "applications/$count")).text == "4"


async def test_an_unknown_application_is_not_found(caller: Caller) -> None:
    answer = await caller.graph("GET", "applications/00000000-0000-4000-8000-000000000000")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "Request_ResourceNotFound")


async def test_an_unknown_operation_and_a_broken_body_are_bad_requests(caller: Caller) -> None:
    assert (await caller.graph("POST", f"applications/{caller.application}/explode", {})).status_code == 400
    url = f"{BASE}/v1.0/applications/{caller.application}/addPassword"
    answer = await caller.http.post(url, content=b"{", headers=caller.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


async def test_who_is_no_owner_may_read_but_not_write(caller: Caller) -> None:
    added = await caller.add_password()
    await caller.control("POST", "owners", {"application": caller.application, "remove": True})
    assert await caller.listed() == [added["keyId"]]
    for path, body in (("addPassword", {}), ("removePassword", {"keyId": added["keyId"]})):
        answer = await caller.graph("POST", f"applications/{caller.application}/{path}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
    await caller.control("POST", "owners", {"application": caller.client_id})
    await caller.remove_password(added["keyId"])
    assert await caller.listed() == []


async def test_whether_ownership_suffices_to_list_can_be_chosen(caller: Caller) -> None:
    assert (await caller.graph("GET", "applications")).status_code == 200
    await caller.control("POST", "settings", {"ownedByLists": False})
    assert (await caller.graph("GET", "applications")).status_code == 403
    assert (await caller.graph("GET", f"applications/{caller.application}")).status_code == 200


@pytest.mark.parametrize(
    "content", [b"[]", b"null", b'{"passwordCredential": "x"}', b'{"passwordCredential": {"endDateTime": 5}}', b"\xff"]
)
async def test_a_body_of_the_wrong_shape_is_a_bad_request(caller: Caller, content: bytes) -> None:
    await caller.sign_in()
    url = f"{BASE}/v1.0/applications/{caller.application}/addPassword"
    answer = await caller.http.post(url, content=content, headers=caller.headers)
    assert (answer.status_code, await caller.listed()) == (400, [])


async def test_the_wide_permission_needs_no_ownership(caller: Caller) -> None:
    await caller.control("POST", "owners", {"application": caller.application, "remove": True})
    admin = caller.simulation.population.admin.client_id
    await caller.control("POST", "clients", {"clientId": admin, "grant": ["Application.ReadWrite.All"]})
    await caller.add_password()
    assert len(await caller.listed()) == 1


async def test_owners_are_listed_added_and_removed_through_graph(caller: Caller) -> None:
    tenant = caller.simulation.entra.tenant
    other = tenant.find_principal(caller.client_id)
    assert other is not None
    path = f"applications/{caller.application}/owners"
    reference = {"@odata.id": f"{BASE}/v1.0/directoryObjects/{other.object_id}"}
    assert (await caller.graph("POST", f"{path}/$ref", reference)).status_code == 204
    assert (await caller.graph("POST", f"{path}/$ref", reference)).status_code == 400
    owners = (await caller.graph("GET", path)).json()["value"]
    assert other.object_id in {owner["id"] for owner in owners}
    assert (await caller.graph("DELETE", f"{path}/{other.object_id}/$ref")).status_code == 204
    assert len((await caller.graph("GET", path)).json()["value"]) == 1


async def test_a_client_sees_what_it_owns_and_may(caller: Caller) -> None:
    admin = caller.simulation.population.admin
    owned = await caller.graph("GET", f"servicePrincipals(appId='{admin.client_id}')/ownedObjects?$select=id")
    assert caller.application in {entry["id"] for entry in owned.json()["value"]}
    roles = await caller.graph("GET", f"servicePrincipals(appId='{admin.client_id}')/appRoleAssignments")
    assert "18a4783c-866b-4cc7-a460-3d5e5662c884" in {entry["appRoleId"] for entry in roles.json()["value"]}


async def test_policies_need_a_permission_of_their_own(caller: Caller) -> None:
    assert (await caller.graph("GET", "policies/defaultAppManagementPolicy")).status_code == 200
    admin = caller.simulation.population.admin.client_id
    await caller.control("POST", "clients", {"clientId": admin, "withdraw": ["Policy.Read.All"]})
    await caller.sign_in()
    assert (await caller.graph("GET", "policies/defaultAppManagementPolicy")).status_code == 403


async def test_passwords_cannot_be_patched_in(caller: Caller) -> None:
    body = {"passwordCredentials": [{"displayName": "sneaked in"}]}
    answer = await caller.graph("PATCH", f"applications/{caller.application}", body)
    assert (answer.status_code, await caller.listed()) == (400, [])
    assert (
        await caller.graph("PATCH", f"applications/{caller.application}", {"displayName": "new"})
    ).status_code == 204
    assert (await caller.graph("GET", f"applications/{caller.application}")).json()["displayName"] == "new"


async def test_whoever_makes_an_application_owns_it(caller: Caller) -> None:
    made = (await caller.graph("POST", "applications", {"displayName": "made"})).json()
    assert (await caller.graph("POST", f"applications/{made['id']}/addPassword", {})).status_code == 200
    assert (await caller.graph("DELETE", f"applications/{made['id']}")).status_code == 204
    assert (await caller.graph("GET", f"applications/{made['id']}")).status_code == 404


async def test_a_batch_answers_each_item_alone_and_fails_what_depends_on_a_failure(caller: Caller) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    requests = [
        {"id": "1", "method": "GET", "url": f"/applications/{caller.application}?$select=id"},
        {"id": "2", "method": "GET", "url": f"/applications/{missing}"},
        {"id": "3", "method": "GET", "url": "/organization", "dependsOn": ["2"]},
        {"id": "4", "method": "GET", "url": "/organization", "dependsOn": ["1"]},
    ]
    answer = await caller.graph("POST", "$batch", {"requests": requests})
    assert {one["id"]: one["status"] for one in answer.json()["responses"]} == {"1": 200, "2": 404, "3": 424, "4": 200}
    assert answer.json()["responses"][0]["body"]["id"] == caller.application
    assert (await caller.graph("POST", "$batch", {"requests": requests * 6})).status_code == 400


async def test_every_answer_says_when_and_for_which_request(caller: Caller) -> None:
    answer = await caller.graph("GET", f"applications/{caller.application}", **{"client-request-id": "mine"})
    assert answer.headers["client-request-id"] == "mine"
    assert answer.headers["date"] == "Sun, 01 Mar 2026 10:00:00 GMT"
    assert {"request-id", "x-ms-ags-diagnostic", "x-ms-resource-unit"} <= set(answer.headers)
    refused = await caller.graph("GET", "applications/none", **{"client-request-id": "mine"})
    inner = refused.json()["error"]["innerError"]
    assert (inner["client-request-id"], inner["request-id"]) == ("mine", refused.headers["request-id"])
