"""What does Graph do with app management policies?"""

from rotator.simulator.graph_call import LIST, NO_CONTENT, READ, WRITE, Call, Route
from rotator.simulator.policies import AppManagementPolicy
from rotator.simulator.refusals import bad_request, not_found
from rotator.simulator.wire import SimResponse

_READERS = ("Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Policy.ReadWrite.ApplicationConfiguration")
_WRITER = "Policy.ReadWrite.ApplicationConfiguration"
_KIND = "policies/appManagementPolicies"


def _default(call: Call) -> SimResponse:
    call.require_any(*_READERS)
    return call.entity("policies/defaultAppManagementPolicy", call.tenant.default_policy.as_default_json())


def _patch_default(call: Call) -> SimResponse:
    call.require_any(_WRITER)
    policy = call.tenant.default_policy
    policy.enabled = bool(call.body.get("isEnabled", policy.enabled))
    restrictions = call.body.get("applicationRestrictions") or {}
    policy.restrictions = list(restrictions.get("passwordCredentials", policy.restrictions))
    call.tenant.changed()
    return NO_CONTENT


def _list(call: Call) -> SimResponse:
    call.require_any(*_READERS)
    return call.collection(_KIND, [policy.as_json() for policy in call.tenant.policies.values()])


def _get(call: Call) -> SimResponse:
    call.require_any(*_READERS)
    policy = call.tenant.policies.get(call.ids[0])
    if policy is None:
        raise not_found(call.ids[0])
    return call.entity(_KIND, policy.as_json())


def _create(call: Call) -> SimResponse:
    call.require_any(_WRITER)
    if not call.body.get("displayName"):
        msg = "Property displayName is required and was not given."
        raise bad_request(msg)
    restrictions = (call.body.get("restrictions") or {}).get("passwordCredentials", [])
    policy = AppManagementPolicy(
        call.tenant.new_id(),
        call.body["displayName"],
        enabled=bool(call.body.get("isEnabled", True)),
        restrictions=list(restrictions),
    )
    call.tenant.policies[policy.policy_id] = policy
    call.tenant.changed()
    return call.entity(_KIND, policy.as_json(), 201)


def _of_application(call: Call) -> SimResponse:
    call.require_any(*_READERS)
    known = call.tenant.policies
    values = [known[policy_id].as_json() for policy_id in call.application().policies if policy_id in known]
    return call.collection("appManagementPolicies", values)


def _assign(call: Call) -> SimResponse:
    call.require_any(_WRITER)
    policy_id = str(call.body.get("@odata.id", "")).rstrip("/").rpartition("/")[2]
    if policy_id not in call.tenant.policies:
        raise not_found(policy_id)
    # Graph takes one policy per application: the newest assignment replaces the last.
    call.application().policies = [policy_id]
    call.tenant.changed()
    return NO_CONTENT


ROUTES = {
    "GET policies/defaultAppManagementPolicy": Route("getDefaultPolicy", _default, READ),
    "PATCH policies/defaultAppManagementPolicy": Route("patchDefaultPolicy", _patch_default, WRITE),
    "GET policies/appManagementPolicies": Route("listPolicies", _list, LIST),
    "POST policies/appManagementPolicies": Route("createPolicy", _create, WRITE),
    "GET policies/appManagementPolicies/*": Route("getPolicy", _get, READ),
    "GET applications/*/appManagementPolicies": Route("listPoliciesOfApplication", _of_application, LIST),
    "POST applications/*/appManagementPolicies/$ref": Route("assignPolicy", _assign, WRITE),
}
