"""What does Graph's beta tell of the last use of each credential?"""

import base64
from collections.abc import Iterator
from datetime import datetime

from rotator.simulator.graph_call import LIST, Call, Route
from rotator.simulator.model import Application, Certificate, Holder, Password
from rotator.simulator.odata import page_of
from rotator.simulator.refusals import GraphRefusal, bad_request
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json, SimResponse, graph_time

_PATH = "reports/appCredentialSignInActivities"
_RIGHT = "AuditLog.Read.All"


def _last_uses(call: Call) -> SimResponse:
    """Only what has signed in at all, and only where the tenant has the licence for sign-in reports."""
    if call.version != "beta":
        raise bad_request("Resource not found for the segment 'reports'.", "BadRequest")
    call.require_any(_RIGHT)
    if not call.tenant.premium:
        text = "Neither tenant is B2C or tenant doesn't have premium license"
        raise GraphRefusal(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", text)
    page = page_of(_used(call.tenant), call.query, show=lambda row: row)
    extra = {"@odata.nextLink": f"{call.root}/{_PATH}?$skiptoken={page.next_token}"} if page.next_token else {}
    return call.collection(_PATH, page.items, extra)


def _used(tenant: Tenant) -> Iterator[Json]:
    holders: list[Holder] = [*tenant.applications.values(), *tenant.principals.values()]
    for holder in holders:
        held: list[Password | Certificate] = [*holder.passwords, *holder.certificates]
        yield from (_row(holder, each, each.signed_in_at) for each in held if each.signed_in_at is not None)


def _row(holder: Holder, held: Password | Certificate, at: datetime) -> Json:
    # https://learn.microsoft.com/graph/api/resources/appcredentialsigninactivity?view=graph-rest-beta
    is_application = isinstance(holder, Application)
    origin = "application" if is_application else "servicePrincipal"
    return {
        "id": base64.b64encode(f"{held.key_id}|{origin}".encode()).decode(),
        "keyId": held.key_id,
        "keyType": "clientSecret" if isinstance(held, Password) else "certificate",
        "keyUsage": "verify",
        "appId": holder.client_id,
        "appObjectId": holder.object_id if is_application else None,
        "servicePrincipalObjectId": None if is_application else holder.object_id,
        "credentialOrigin": origin,
        "expirationDateTime": graph_time(held.expires_at),
        "signInActivity": {"lastSignInDateTime": graph_time(at), "lastSignInRequestId": None},
    }


ROUTES = {f"GET {_PATH}": Route("listCredentialSignIns", _last_uses, LIST)}
