"""What does Graph do with `/applications`?"""

from datetime import datetime
from typing import Any

from rotator.simulator.graph_call import LIST, NO_CONTENT, READ, WRITE, WRITE_ALL, WRITE_OWNED, Call, Route
from rotator.simulator.graph_json import (
    application_json,
    federated_json,
    password_json,
    principal_json,
    read_certificate,
)
from rotator.simulator.model import Application, Certificate, Holder
from rotator.simulator.odata import page_of, parse_filter, select
from rotator.simulator.passwords import parse_key_id
from rotator.simulator.refusals import bad_request, not_found
from rotator.simulator.wire import Json, SimResponse, json_response, parse_time

_KIND = "applications"
#: An advanced query: https://learn.microsoft.com/graph/aad-advanced-queries
_OWNERLESS = "owners/$count eq 0"


def _get(call: Call) -> SimResponse:
    call.require_read()
    seen_at = call.tenant.seen_at()
    application = call.application(seen_at)
    return call.entity(_KIND, select(application_json(application, seen_at), call.query))


def _list(call: Call) -> SimResponse:
    call.require_list()
    seen_at = call.tenant.seen_at()
    query = {name: value for name, value in call.query.items() if value != _OWNERLESS}
    page = page_of(
        (one for one in _candidates(call) if _visible(one, seen_at)),
        query,
        show=lambda application: application_json(application, seen_at),
    )
    extra: Json = {}
    if call.query.get("$count", "").lower() == "true":
        extra["@odata.count"] = page.total
    if page.next_token:
        rest = "&".join(
            part
            for part in call.request.query.split("&")
            if not part.lower().startswith(("$skiptoken", "%24skiptoken"))
        )
        extra["@odata.nextLink"] = f"{call.root}/applications?{rest}{'&' if rest else ''}$skiptoken={page.next_token}"
    return call.collection(_KIND, [select(fields, call.query) for fields in page.items], extra)


def _candidates(call: Call) -> list[Application]:
    if call.query.get("$filter") == _OWNERLESS:
        if call.request.headers.get("consistencylevel") != "eventual" or call.query.get("$count") != "true":
            msg = "Operator: 'eq' on property 'owners/$count' needs the header ConsistencyLevel and $count."
            raise bad_request(msg, "Request_UnsupportedQuery")
        return [one for one in call.tenant.applications.values() if not one.owners]
    client_id = parse_filter(call.query["$filter"]).only("appId") if call.query.get("$filter") else None
    if client_id is None:
        return list(call.tenant.applications.values())
    application = call.tenant.find_application(client_id.lower())
    return [application] if application is not None else []


def _visible(application: Application, at: datetime) -> bool:
    return application.created_at <= at and (application.deleted_at is None or application.deleted_at > at)


def _delta(call: Call) -> SimResponse:
    call.require_list()
    seen_at = call.tenant.seen_at()
    values = [
        select(application_json(one, seen_at), call.query) | {"id": one.object_id}
        for one in call.tenant.applications.values()
        if _visible(one, seen_at)
    ]
    return call.collection(_KIND, values, {"@odata.deltaLink": f"{call.root}/applications/delta?$deltatoken=latest"})


def _count(call: Call) -> SimResponse:
    call.require_list()
    seen_at = call.tenant.seen_at()
    number = sum(_visible(one, seen_at) for one in call.tenant.applications.values())
    return SimResponse(200, (("content-type", "text/plain"),), str(number).encode())


def _create(call: Call) -> SimResponse:
    call.require_any(WRITE_ALL, WRITE_OWNED)
    name = call.body.get("displayName")
    if not name:
        msg = "Property displayName is required and was not given."
        raise bad_request(msg)
    if any("keyId" in entry for entry in call.body.get("passwordCredentials", ())):
        msg = "New password credentials must be generated with service actions."
        raise bad_request(msg)
    audience = call.body.get("signInAudience", "AzureADandPersonalMicrosoftAccount")
    application = call.tenant.create_application(name, audience=audience, with_principal=False)
    application.identifier_uris = list(call.body.get("identifierUris", ()))
    application.owners.append(call.caller.principal_id)
    texts = {}
    for entry in call.body.get("passwordCredentials", ()):
        password, text = call.tenant.passwords.add(application, **_wish(entry))
        texts[password.key_id] = text
    fields = application_json(application, call.tenant.now())
    for entry in fields["passwordCredentials"]:
        entry["secretText"] = texts[entry["keyId"]]
    return call.entity(_KIND, fields, 201)


def _patch(call: Call) -> SimResponse:
    application = call.application()
    call.require_write(application.owners)
    _refuse_new_passwords(call, application)
    if "keyCredentials" in call.body:
        application.certificates = _certificates(call, application)
    application.display_name = call.body.get("displayName", application.display_name)
    application.audience = call.body.get("signInAudience", application.audience)
    application.identifier_uris = list(call.body.get("identifierUris", application.identifier_uris))
    api = call.body.get("api") or {}
    application.token_version = api.get("requestedAccessTokenVersion", application.token_version)
    call.tenant.changed()
    return NO_CONTENT


def _refuse_new_passwords(call: Call, application: Application) -> None:
    known = {one.key_id for one in call.tenant.passwords.listed(application, call.tenant.now())}
    given = {entry.get("keyId") for entry in call.body.get("passwordCredentials", ())}
    if "passwordCredentials" in call.body and given != known:
        msg = "New password credentials must be generated with service actions."
        raise bad_request(msg)


def _certificates(call: Call, holder: Holder) -> list[Certificate]:
    known = {one.key_id: one for one in holder.certificates}
    kept: list[Certificate] = []
    for entry in call.body["keyCredentials"]:
        if entry.get("keyId") in known:
            kept.append(known[entry["keyId"]])
            continue
        try:
            kept.append(read_certificate(entry.get("keyId") or call.tenant.new_id(), entry))
        except (ValueError, KeyError, TypeError, AttributeError):
            msg = "Key credential is invalid: 'key' must be a base64 X.509 certificate."
            raise bad_request(msg) from None
    return kept


def _delete(call: Call) -> SimResponse:
    application = call.application()
    call.require_write(application.owners)
    call.tenant.delete_application(application.object_id)
    return NO_CONTENT


def add_password(call: Call, holder: Holder) -> SimResponse:
    """`addPassword` of an application or a service principal: the only answer with the secret's text."""
    call.require_write(holder.owners)
    entry = call.body.get("passwordCredential") or {}
    if not isinstance(entry, dict):
        raise bad_request("A 'passwordCredential' is an object.")
    password, text = call.tenant.passwords.add(holder, **_wish(entry))
    kind = "microsoft.graph.passwordCredential"
    return json_response(200, {"@odata.context": f"{call.root}/$metadata#{kind}"} | password_json(password, text))


def remove_password(call: Call, holder: Holder) -> SimResponse:
    """`removePassword` of an application or a service principal."""
    call.require_write(holder.owners)
    call.tenant.passwords.remove(holder, parse_key_id(call.body.get("keyId")))
    return NO_CONTENT


def _wish(entry: Json) -> dict[str, Any]:
    try:
        return {
            "display_name": entry.get("displayName"),
            "starts_at": parse_time(entry["startDateTime"]) if entry.get("startDateTime") else None,
            "expires_at": parse_time(entry["endDateTime"]) if entry.get("endDateTime") else None,
        }
    except (ValueError, TypeError, AttributeError):
        msg = "Cannot convert the literal to the expected type 'Edm.DateTimeOffset'."
        raise bad_request(msg) from None


def _owners(call: Call) -> SimResponse:
    call.require_read()
    return owner_list(call, call.application())


def owner_list(call: Call, holder: Holder) -> SimResponse:
    """The owners of an application or a service principal."""
    now = call.tenant.now()
    owners = [call.tenant.principals[owner] for owner in holder.owners if owner in call.tenant.principals]
    values = [
        {"@odata.type": "#microsoft.graph.servicePrincipal"} | principal_json(one, now, tenant_id=call.tenant.tenant_id)
        for one in owners
    ]
    values += [user.as_json() for owner in holder.owners if (user := call.tenant.people.users.get(owner))]
    return call.collection(
        "directoryObjects", [{"@odata.type": value["@odata.type"]} | select(value, call.query) for value in values]
    )


def add_owner(call: Call, holder: Holder) -> SimResponse:
    """Make the object that `@odata.id` names an owner."""
    call.require_write(holder.owners)
    reference = str(call.body.get("@odata.id", ""))
    call.tenant.add_owner(holder.object_id, reference.rstrip("/").rpartition("/")[2])
    return NO_CONTENT


def remove_owner(call: Call, holder: Holder) -> SimResponse:
    """Take ownership from the object that the path names."""
    call.require_write(holder.owners)
    call.tenant.remove_owner(holder.object_id, call.ids[1])
    return NO_CONTENT


def _federated(call: Call) -> SimResponse:
    call.require_read()
    return call.collection(
        "federatedIdentityCredentials", [federated_json(one) for one in call.application().federated]
    )


def _federate(call: Call) -> SimResponse:
    application = call.application()
    call.require_write(application.owners)
    body = call.body
    if not all(body.get(name) for name in ("name", "issuer", "subject", "audiences")):
        msg = "A federated identity credential needs name, issuer, subject and audiences."
        raise bad_request(msg)
    credential = call.tenant.federate(
        application.object_id,
        name=body["name"],
        issuer=body["issuer"],
        subject=body["subject"],
        audiences=list(body["audiences"]),
    )
    return call.entity("federatedIdentityCredentials", federated_json(credential), 201)


def _unfederate(call: Call) -> SimResponse:
    application = call.application()
    call.require_write(application.owners)
    found = [one for one in application.federated if call.ids[1] in {one.credential_id, one.name}]
    if not found:
        raise not_found(call.ids[1])
    application.federated.remove(found[0])
    call.tenant.changed()
    return NO_CONTENT


ROUTES = {
    "GET applications": Route("listApplications", _list, LIST),
    "POST applications": Route("createApplication", _create, WRITE),
    "GET applications/delta": Route("deltaApplications", _delta, LIST),
    "GET applications/$count": Route("countApplications", _count, READ),
    "GET applications/*": Route("getApplication", _get, READ),
    "PATCH applications/*": Route("patchApplication", _patch, WRITE),
    "DELETE applications/*": Route("deleteApplication", _delete, WRITE),
    "POST applications/*/addPassword": Route("addPassword", lambda call: add_password(call, call.application()), WRITE),
    "POST applications/*/removePassword": Route(
        "removePassword", lambda call: remove_password(call, call.application()), WRITE
    ),
    "GET applications/*/owners": Route("listOwners", _owners, LIST),
    "POST applications/*/owners/$ref": Route("addOwner", lambda call: add_owner(call, call.application()), WRITE),
    "DELETE applications/*/owners/*/$ref": Route(
        "removeOwner", lambda call: remove_owner(call, call.application()), WRITE
    ),
    "GET applications/*/federatedIdentityCredentials": Route("listFederatedCredentials", _federated, LIST),
    "POST applications/*/federatedIdentityCredentials": Route("addFederatedCredential", _federate, WRITE),
    "DELETE applications/*/federatedIdentityCredentials/*": Route("removeFederatedCredential", _unfederate, WRITE),
}
