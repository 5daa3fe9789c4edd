"""Which applications, service principals and policies does the tenant hold, and what may be done to them?

Pure: time and randomness are passed in, nothing is read or written elsewhere. Not for several threads at once.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from rotator.simulator.model import Application, FederatedCredential, Holder, ServicePrincipal
from rotator.simulator.passwords import PasswordBook
from rotator.simulator.people import People
from rotator.simulator.policies import DEFAULT_POLICY_ID, AppManagementPolicy
from rotator.simulator.propagation import Propagation
from rotator.simulator.refusals import bad_request, not_found
from rotator.simulator.wire import Json, graph_time, stamp_time

_FEDERATED_LIMIT = 20


class Tenant:
    """One Entra tenant.

    `now` is the tenant's time (aware, UTC). Equal seeds and equal calls give equal ids, secrets and hesitations.
    `version` grows with every change, so that whoever saves the state knows when to.
    """

    def __init__(self, *, now: Callable[[], datetime], random: Random, tenant_id: str | None = None) -> None:
        self.now = now
        self.random = random
        self.tenant_id = tenant_id or self.new_id()
        self.domain = "simulated.onmicrosoft.com"
        self.propagation = Propagation()
        self.applications: dict[str, Application] = {}
        self.principals: dict[str, ServicePrincipal] = {}
        self.default_policy = AppManagementPolicy(
            DEFAULT_POLICY_ID, "Default app management tenant policy", enabled=False
        )
        self.policies: dict[str, AppManagementPolicy] = {}
        self.issuers: dict[str, list[Json]] = {}
        """Foreign issuers that federated credentials may name, with their public keys as JWK."""
        self.owned_by_lists = True
        """Whether Application.ReadWrite.OwnedBy suffices to list applications; Microsoft's pages disagree."""
        self.premium = True
        """Whether the tenant has the licence for sign-in reports."""
        self.version = 0
        self.passwords = PasswordBook(self)
        self.people = People(self)
        self._application_ids: dict[str, str] = {}
        self._principal_ids: dict[str, str] = {}

    def new_id(self) -> str:
        """A fresh UUID of version 4 out of the seeded randomness."""
        bits = self.random.getrandbits(128)
        text = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def changed(self) -> None:
        """Say that the state is another one now."""
        self.version += 1

    def create_application(
        self,
        display_name: str,
        *,
        audience: str = "AzureADMyOrg",
        with_principal: bool = True,
        age: timedelta = timedelta(),
    ) -> Application:
        """Register an application; `age` dates it back, so that even a stale read sees it."""
        application = Application(
            object_id=self.new_id(),
            client_id=self.new_id(),
            display_name=display_name,
            audience=audience,
            created_at=self.now() - age,
            sequence=self.version,
        )
        self.put_application(application)
        if with_principal:
            self.create_principal(application.client_id, age=age)
        return application

    def create_principal(self, client_id: str, *, age: timedelta = timedelta()) -> ServicePrincipal:
        """Give an application its presence in the tenant. Raises `GraphRefusal` when it has one or does not exist."""
        application = self.find_application(client_id)
        if application is None:
            msg = f"The appId '{client_id}' of the service principal does not reference a valid application object."
            raise bad_request(msg)
        if client_id in self._principal_ids:
            msg = (
                f"The service principal cannot be created as the service principal name {client_id} is already in use."
            )
            raise bad_request(msg, "Request_MultipleObjectsWithSameKeyValue")
        principal = ServicePrincipal(
            object_id=self.new_id(),
            client_id=client_id,
            display_name=application.display_name,
            created_at=self.now() - age,
            sequence=self.version,
        )
        self.put_principal(principal)
        return principal

    def put_application(self, application: Application) -> None:
        """Add an application that is complete already."""
        self.applications[application.object_id] = application
        self._application_ids[application.client_id] = application.object_id
        self.changed()

    def put_principal(self, principal: ServicePrincipal) -> None:
        """Add a service principal that is complete already."""
        self.principals[principal.object_id] = principal
        self._principal_ids[principal.client_id] = principal.object_id
        self.changed()

    def application(self, object_id: str) -> Application:
        """The application with that object id. Raises `GraphRefusal` (404)."""
        application = self.applications.get(object_id)
        if application is None or application.deleted_at is not None:
            raise not_found(object_id)
        return application

    def principal(self, object_id: str) -> ServicePrincipal:
        """The service principal with that object id. Raises `GraphRefusal` (404)."""
        principal = self.principals.get(object_id)
        if principal is None or principal.deleted_at is not None:
            raise not_found(object_id)
        return principal

    def find_application(self, client_id: str) -> Application | None:
        """The application with that client id, if it exists."""
        application = self.applications.get(self._application_ids.get(client_id, ""))
        return application if application is not None and application.deleted_at is None else None

    def find_principal(self, client_id: str) -> ServicePrincipal | None:
        """The service principal of the application with that client id, if it exists."""
        principal = self.principals.get(self._principal_ids.get(client_id, ""))
        return principal if principal is not None and principal.deleted_at is None else None

    def delete_application(self, object_id: str) -> None:
        """Delete an application and its service principal; its secrets stop signing in. Raises `GraphRefusal`."""
        application = self.application(object_id)
        application.deleted_at = self.now()
        principal = self.find_principal(application.client_id)
        if principal is not None:
            self.delete_principal(principal.object_id)
        self.changed()

    def delete_principal(self, object_id: str) -> None:
        """Delete a service principal. Raises `GraphRefusal` (404)."""
        principal = self.principal(object_id)
        principal.deleted_at = self.now()
        self._principal_ids.pop(principal.client_id, None)
        self.changed()

    def seen_at(self) -> datetime:
        """The moment whose state a read made now shows."""
        return self.propagation.seen_at(self.now(), self.random)

    def holder(self, object_id: str) -> Holder:
        """The application or service principal with that object id. Raises `GraphRefusal` (404)."""
        return self.applications[object_id] if object_id in self.applications else self.principal(object_id)

    def add_owner(self, object_id: str, owner_id: str) -> None:
        """Make a service principal or a user an owner. Raises `GraphRefusal`: either is unknown, or it is one."""
        if owner_id not in self.people.users:
            self.principal(owner_id)
        owners = self.holder(object_id).owners
        if owner_id in owners:
            msg = "One or more added object references already exist for the following modified properties: 'owners'."
            raise bad_request(msg)
        owners.append(owner_id)
        self.changed()

    def remove_owner(self, object_id: str, owner_id: str) -> None:
        """Take ownership away. Raises `GraphRefusal` (404) when it is no owner."""
        owners = self.holder(object_id).owners
        if owner_id not in owners:
            raise not_found(owner_id)
        owners.remove(owner_id)
        self.changed()

    def grant(self, client_id: str, *roles: str) -> None:
        """Give Graph permissions (app roles) to a client; tokens issued before do not have them. Raises `KeyError`."""
        self.principals[self._principal_ids[client_id]].roles.update(roles)
        self.changed()

    def withdraw(self, client_id: str, *roles: str) -> None:
        """Take Graph permissions away; tokens issued before keep them. Raises `KeyError`."""
        self.principals[self._principal_ids[client_id]].roles.difference_update(roles)
        self.changed()

    def disable(self, client_id: str, *, disabled: bool = True) -> None:
        """Keep a client from signing in (AADSTS7000112), or let it again. Raises `KeyError`."""
        self.principals[self._principal_ids[client_id]].enabled = not disabled
        self.changed()

    def propagate(self, change: Json) -> None:
        """Set delay, flap, removalLag, staleReads as the control address takes them. Raises `ValueError`."""
        self.propagation = self.propagation.merged(change)
        self.changed()

    def policies_of(self, application: Application) -> Iterator[AppManagementPolicy]:
        """The policies that bind it: those assigned, else the tenant's default."""
        assigned = [self.policies[policy_id] for policy_id in application.policies if policy_id in self.policies]
        yield from assigned or [self.default_policy]

    def federate(
        self, object_id: str, *, name: str, issuer: str, subject: str, audiences: list[str]
    ) -> FederatedCredential:
        """Trust an issuer's assertions about a subject. Raises `GraphRefusal` when full or not unique."""
        application = self.application(object_id)
        if len(application.federated) >= _FEDERATED_LIMIT:
            msg = f"The maximum number of federated identity credentials ({_FEDERATED_LIMIT}) was reached."
            raise bad_request(msg)
        if any((one.issuer, one.subject) == (issuer, subject) for one in application.federated):
            msg = "FederatedIdentityCredential with this combination of issuer and subject already exists."
            raise bad_request(msg)
        credential = FederatedCredential(self.new_id(), name, issuer, subject, audiences)
        application.federated.append(credential)
        self.changed()
        return credential

    def truth(self) -> list[Json]:
        """Per application: every credential, those removed but still accepted included, and whether it signs in now."""
        return [self._truth_of(application) for application in self.applications.values()]

    def _truth_of(self, application: Application) -> Json:
        principal = self.principals.get(self._principal_ids.get(application.client_id, ""))
        alive = application.deleted_at is None and principal is not None and principal.enabled
        now = self.now()
        return {
            "objectId": application.object_id,
            "clientId": application.client_id,
            "displayName": application.display_name,
            "deleted": application.deleted_at is not None,
            "owners": list(application.owners),
            "credentials": [
                {
                    "keyId": password.key_id,
                    "displayName": password.display_name,
                    "holder": "application" if holder is application else "servicePrincipal",
                    "hint": password.hint,
                    "createdDateTime": stamp_time(password.created_at),
                    "startDateTime": graph_time(password.starts_at),
                    "endDateTime": graph_time(password.expires_at),
                    "listed": password.listed(now),
                    "signsIn": alive and password.signs_in(now),
                    "settled": now >= password.settled_at,
                }
                for holder in (application, principal)
                for password in (holder.passwords if holder is not None else ())
            ],
        }

    def settle(self) -> None:
        """Let everything agree with itself at once: no delay, no flapping, no lag, no stale reads from now on."""
        self.propagation = Propagation()
        self.changed()
