"""What does Graph do with `/servicePrincipals`, `/organization` and `/me`?"""

from rotator.simulator.graph_applications import add_owner, add_password, owner_list, remove_owner, remove_password
from rotator.simulator.graph_call import (
    DIRECTORY_READ,
    LIST,
    NO_CONTENT,
    READ,
    WRITE,
    WRITE_ALL,
    WRITE_OWNED,
    Call,
    Route,
)
from rotator.simulator.graph_json import application_json, principal_json
from rotator.simulator.model import ServicePrincipal
from rotator.simulator.odata import page_of, select
from rotator.simulator.refusals import GraphRefusal, bad_request
from rotator.simulator.wire import Json, SimResponse, graph_time, json_response

_KIND = "servicePrincipals"
#: https://learn.microsoft.com/graph/api/user-checkmembergroups: "up to a maximum of 20 groups per request".
_MOST_GROUPS = 20
_GRAPH_PRINCIPAL = "00000003-0000-0000-c000-000000000001"
ROLE_IDS = {
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
}


def _get(call: Call) -> SimResponse:
    call.require_read()
    return call.entity(_KIND, select(_show(call, call.principal()), call.query))


def _list(call: Call) -> SimResponse:
    call.require_read()
    alive = (one for one in call.tenant.principals.values() if one.deleted_at is None)
    page = page_of(alive, call.query, show=lambda principal: _show(call, principal))
    extra: Json = {}
    if page.next_token:
        rest = "&".join(part for part in call.request.query.split("&") if "skiptoken" not in part.lower())
        extra["@odata.nextLink"] = (
            f"{call.root}/servicePrincipals?{rest}{'&' if rest else ''}$skiptoken={page.next_token}"
        )
    return call.collection(_KIND, [select(fields, call.query) for fields in page.items], extra)


def _create(call: Call) -> SimResponse:
    call.require_any(WRITE_ALL, WRITE_OWNED)
    client_id = call.body.get("appId")
    if not client_id:
        msg = "Property appId is required and was not given."
        raise bad_request(msg)
    principal = call.tenant.create_principal(str(client_id).lower())
    principal.owners.append(call.caller.principal_id)
    return call.entity(_KIND, _show(call, principal), 201)


def _delete(call: Call) -> SimResponse:
    principal = call.principal()
    call.require_write(principal.owners)
    call.tenant.delete_principal(principal.object_id)
    return NO_CONTENT


def _owned(call: Call) -> SimResponse:
    call.require_read()
    principal, now = call.principal(), call.tenant.now()
    applications = [
        one for one in call.tenant.applications.values() if principal.object_id in one.owners and one.deleted_at is None
    ]
    values = [
        {"@odata.type": "#microsoft.graph.application"} | select(application_json(one, now), call.query)
        for one in applications
    ]
    return call.collection("directoryObjects", values)


def _roles(call: Call) -> SimResponse:
    call.require_read()
    principal = call.principal()
    values: list[Json] = [
        {
            "id": f"{principal.object_id}-{role}",
            "appRoleId": ROLE_IDS.get(role, "00000000-0000-0000-0000-000000000000"),
            "createdDateTime": graph_time(principal.created_at),
            "principalDisplayName": principal.display_name,
            "principalId": principal.object_id,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": "Microsoft Graph",
            "resourceId": _GRAPH_PRINCIPAL,
        }
        for role in sorted(principal.roles)
    ]
    return call.collection("appRoleAssignments", values)


def _owners(call: Call) -> SimResponse:
    call.require_read()
    return owner_list(call, call.principal())


def _show(call: Call, principal: ServicePrincipal) -> Json:
    return principal_json(principal, call.tenant.now(), tenant_id=call.tenant.tenant_id)


def _organization(call: Call) -> SimResponse:
    call.require_any("Organization.Read.All", DIRECTORY_READ, "Application.Read.All", WRITE_ALL, WRITE_OWNED)
    tenant = call.tenant
    domain = {"capabilities": "Email", "isDefault": True, "isInitial": True, "name": tenant.domain, "type": "Managed"}
    value = {
        "id": tenant.tenant_id,
        "displayName": "Simulated tenant",
        "tenantType": "AAD",
        "verifiedDomains": [domain],
    }
    return call.collection("organization", [select(value, call.query)])


def _me(_: Call) -> SimResponse:
    raise GraphRefusal(400, "BadRequest", "/me request is only valid with delegated authentication flow.")


def _check_groups(call: Call) -> SimResponse:
    """Which of the groups named the person is in, directly or not; User.Read suffices for his own."""
    user = call.tenant.people.users.get(call.caller.principal_id)
    if user is None:
        return _me(call)
    call.require_any("User.Read", DIRECTORY_READ)
    asked = call.body.get("groupIds")
    if not isinstance(asked, list) or not 0 < len(asked) <= _MOST_GROUPS:
        raise bad_request("Invalid number of group ids: 1 to 20 are allowed.")
    found = [each for each in asked if each in user.groups]
    return json_response(200, {"@odata.context": f"{call.root}/$metadata#Collection(Edm.String)", "value": found})


ROUTES = {
    "GET servicePrincipals": Route("listServicePrincipals", _list, LIST),
    "POST servicePrincipals": Route("createServicePrincipal", _create, WRITE),
    "GET servicePrincipals/*": Route("getServicePrincipal", _get, READ),
    "DELETE servicePrincipals/*": Route("deleteServicePrincipal", _delete, WRITE),
    "POST servicePrincipals/*/addPassword": Route(
        "addPassword", lambda call: add_password(call, call.principal()), WRITE
    ),
    "POST servicePrincipals/*/removePassword": Route(
        "removePassword", lambda call: remove_password(call, call.principal()), WRITE
    ),
    "GET servicePrincipals/*/ownedObjects": Route("listOwnedObjects", _owned, LIST),
    "GET servicePrincipals/*/appRoleAssignments": Route("listAppRoleAssignments", _roles, LIST),
    "GET servicePrincipals/*/owners": Route("listOwners", _owners, LIST),
    "POST servicePrincipals/*/owners/$ref": Route("addOwner", lambda call: add_owner(call, call.principal()), WRITE),
    "DELETE servicePrincipals/*/owners/*/$ref": Route(
        "removeOwner", lambda call: remove_owner(call, call.principal()), WRITE
    ),
    "GET organization": Route("getOrganization", _organization, READ),
    "GET me": Route("getMe", _me, READ),
    "POST me/checkMemberGroups": Route("checkMemberGroups", _check_groups, READ),
}
