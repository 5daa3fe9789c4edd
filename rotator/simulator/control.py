"""How do tests and the demo change the simulated world, and see the truth about it?"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.simulator.clock import TenantClock
from rotator.simulator.model import Application
from rotator.simulator.policies import AppManagementPolicy
from rotator.simulator.population import own
from rotator.simulator.refusals import GraphRefusal
from rotator.simulator.wire import Answer, Json, SimRequest, SimResponse, json_response, stamp_time

if TYPE_CHECKING:
    from rotator.simulator.entra import Entra

PREFIX = "/_sim/"

_MAX_APPLICATIONS = 100_000
_SETTINGS = ("latency", "displayNameCut", "leadingDashes", "ownedByLists")


class Control:
    """Answers `/_sim/…` itself, without faults and log, and hands everything else to Entra.

    `admin` is whom new applications belong to unless told otherwise; without a `clock` time is not advanced from here.
    """

    def __init__(self, entra: "Entra", *, clock: TenantClock | None = None, admin: Application | None = None) -> None:
        self._entra = entra
        self._clock = clock
        self._admin = admin
        self._operations: dict[str, Callable[[Json], object]] = {
            "GET applications": lambda _: self._applications(),
            "POST applications": self._create_applications,
            "DELETE applications": self._delete_application,
            "POST owners": self._set_owner,
            "POST policies": self._set_policy,
            "POST clients": self._set_client,
            "POST users": self._set_user,
            "POST issuers": self._trust_issuer,
            "GET clock": lambda _: self._show_clock(),
            "POST clock": self._advance,
            "GET propagation": lambda _: entra.tenant.propagation.as_json(),
            "POST propagation": self._propagate,
            "GET faults": lambda _: [fault.as_json() for fault in entra.faults.rules],
            "POST faults": lambda body: entra.faults.add(body).as_json(),
            "DELETE faults": lambda _: entra.faults.clear(),
            "POST quotas": entra.throttle.set,
            "POST settings": self._set,
            "GET log": lambda _: [entry.as_json() for entry in entra.log.entries],
            "DELETE log": lambda _: entra.log.clear(),
            "GET truth": lambda _: entra.tenant.truth(),
        }

    def handle(self, request: SimRequest) -> Answer:
        """Answer a request, be it to the control address or to Entra."""
        if not request.path.startswith(PREFIX):
            return self._entra.handle(request)
        operation = self._operations.get(f"{request.method} {request.path.removeprefix(PREFIX)}")
        if operation is None:
            known = ", ".join(key.replace(" ", f" {PREFIX}", 1) for key in self._operations)
            return json_response(404, {"error": f"no such control operation (there are: {known})"})
        try:
            result = operation(json.loads(request.body or b"{}"))
        except GraphRefusal as refusal:
            return json_response(refusal.status, {"error": refusal.message})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return json_response(400, {"error": f"{type(error).__name__}: {error}"})
        return SimResponse(204) if result is None else json_response(200, result)

    def _applications(self) -> list[Json]:
        alive = (one for one in self._entra.tenant.applications.values() if one.deleted_at is None)
        return [_shown(application) for application in alive]

    def _create_applications(self, body: Json) -> list[Json]:
        """`{displayName, audience, count, age (seconds), withPrincipal, owned}`; `owned` false leaves the admin out."""
        count = int(body.get("count", 1))
        if not 1 <= count <= _MAX_APPLICATIONS:
            raise ValueError(f"count is {count} (allowed: 1 to {_MAX_APPLICATIONS})")
        made = [self._create_application(body, number) for number in range(count)]
        return [_shown(application) for application in made]

    def _create_application(self, body: Json, number: int) -> Application:
        name = body.get("displayName") or f"application {len(self._entra.tenant.applications) + 1}"
        application = self._entra.tenant.create_application(
            name if number == 0 else f"{name} {number + 1}",
            audience=body.get("audience", "AzureADMyOrg"),
            with_principal=body.get("withPrincipal", True),
            age=timedelta(seconds=body.get("age", 86400)),
        )
        if self._admin is not None and body.get("owned", True):
            own(self._entra.tenant, application, self._admin)
        return application

    def _delete_application(self, body: Json) -> None:
        self._entra.tenant.delete_application(self._application(body["application"]).object_id)

    def _set_owner(self, body: Json) -> None:
        """`{application, owner (client id or object id; default the admin) or user, remove}`."""
        tenant = self._entra.tenant
        application = self._application(body["application"])
        owner = body.get("owner") or (self._admin.client_id if self._admin else "")
        principal = tenant.find_principal(owner)
        owner_id = principal.object_id if principal else owner
        if body.get("user"):
            owner_id = tenant.people.owner(body["user"])
        if body.get("remove"):
            tenant.remove_owner(application.object_id, owner_id)
        elif owner_id not in application.owners:
            tenant.add_owner(application.object_id, owner_id)

    def _set_policy(self, body: Json) -> Json:
        """`{restrictions: […], isEnabled, application}`: without an application it is the default of the tenant."""
        tenant = self._entra.tenant
        restrictions, enabled = list(body["restrictions"]), bool(body.get("isEnabled", True))
        if "application" not in body:
            tenant.default_policy.restrictions, tenant.default_policy.enabled = restrictions, enabled
            tenant.changed()
            return tenant.default_policy.as_default_json()
        policy = AppManagementPolicy(
            tenant.new_id(), body.get("displayName", "policy"), enabled=enabled, restrictions=restrictions
        )
        tenant.policies[policy.policy_id] = policy
        self._application(body["application"]).policies = [policy.policy_id]
        tenant.changed()
        return policy.as_json()

    def _set_client(self, body: Json) -> None:
        """`{clientId, grant: […], withdraw: […], disabled, managedIdentity, redirectUris: […], delegated: […],
        publicClient, groupClaims}`.
        """
        tenant, client_id = self._entra.tenant, body["clientId"]
        application = self._application(client_id)
        application.redirect_uris = list(body.get("redirectUris", application.redirect_uris))
        application.delegated = list(body.get("delegated", application.delegated))
        application.public_client = bool(body.get("publicClient", application.public_client))
        application.group_claims = bool(body.get("groupClaims", application.group_claims))
        tenant.grant(client_id, *body.get("grant", ()))
        tenant.withdraw(client_id, *body.get("withdraw", ()))
        if "disabled" in body:
            tenant.disable(client_id, disabled=bool(body["disabled"]))
        if body.get("managedIdentity"):
            self._entra.managed_identity.client_ids.append(client_id)

    def _set_user(self, body: Json) -> Json:
        """`{name, administers, disabled, signOut, groups: […], appRoles: {clientId: […]}}`: made when there is none."""
        people = self._entra.tenant.people
        user = people.named(body.get("name", ""))
        user.administers = bool(body.get("administers", user.administers))
        user.enabled = not body.get("disabled", not user.enabled)
        user.groups = [str(each) for each in body.get("groups", user.groups)]
        user.app_roles = {name: list(roles) for name, roles in body.get("appRoles", user.app_roles).items()}
        if body.get("signOut"):
            people.sign_out(user)
        self._entra.tenant.changed()
        return {"objectId": user.object_id, "name": user.name}

    def _trust_issuer(self, body: Json) -> None:
        """`{issuer, jwks: {keys: […]}}`: assertions of this issuer can be checked from now on."""
        self._entra.tenant.issuers[body["issuer"]] = list(body["jwks"]["keys"])
        self._entra.tenant.changed()

    def _show_clock(self) -> Json:
        now = self._entra.tenant.now()
        return {"now": stamp_time(now), "scale": self._clock.scale if self._clock else 1.0}

    def _advance(self, body: Json) -> Json:
        if self._clock is None:
            raise ValueError("this simulator runs on the clock of its test")
        self._clock.advance(float(body["advance"]))
        self._entra.tenant.changed()
        return self._show_clock()

    def _propagate(self, body: Json) -> Json:
        self._entra.tenant.propagate(body)
        return self._entra.tenant.propagation.as_json()

    def _set(self, body: Json) -> Json:
        """`{latency: real seconds, displayNameCut: characters or null, leadingDashes: share, ownedByLists: false}`."""
        if unknown := set(body) - set(_SETTINGS):
            raise ValueError(f"unknown key {min(unknown)} (allowed: {', '.join(_SETTINGS)})")
        entra, tenant = self._entra, self._entra.tenant
        entra.latency = float(body.get("latency", entra.latency))
        tenant.passwords.name_cut = body.get("displayNameCut", tenant.passwords.name_cut)
        tenant.passwords.leading_dashes = float(body.get("leadingDashes", tenant.passwords.leading_dashes))
        tenant.owned_by_lists = bool(body.get("ownedByLists", tenant.owned_by_lists))
        return {
            "latency": entra.latency,
            "displayNameCut": tenant.passwords.name_cut,
            "leadingDashes": tenant.passwords.leading_dashes,
            "ownedByLists": tenant.owned_by_lists,
        }

    def _application(self, name: str) -> Application:
        """By object id, client id or display name."""
        tenant = self._entra.tenant
        by_name = (one for one in tenant.applications.values() if one.display_name == name and one.deleted_at is None)
        found = tenant.applications.get(name) or tenant.find_application(name) or next(by_name, None)
        if found is None:
            raise ValueError(f"no application has the object id, client id or name {name!r}")
        return found


def _shown(application: Application) -> Json:
    return {
        "objectId": application.object_id,
        "clientId": application.client_id,
        "displayName": application.display_name,
    }
