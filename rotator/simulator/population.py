"""Who lives in a fresh tenant?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from rotator.simulator.model import Application
from rotator.simulator.propagation import Propagation
from rotator.simulator.tenant import Tenant

ADMIN_NAME = "rotator"
ADMIN_ROLES = ("Application.ReadWrite.OwnedBy", "Policy.Read.All")

_AGE = timedelta(days=1)
_NAMES = (
    "Billing API", "Order Desk", "Shipping", "Customer Portal", "Reporting", "Payroll", "Search", "Mail Gateway",
    "Ledger", "Warehouse", "Identity Sync", "Data Lake",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Population:
    """The client that administers, its secret, and the applications that it owns."""

    admin: Application
    admin_secret: str
    applications: tuple[Application, ...]


def populate(tenant: Tenant, *, applications: int = 3, roles: Iterable[str] = ADMIN_ROLES) -> Population:
    """Make a client with these Graph permissions and a settled secret, which owns itself and the applications."""
    later, tenant.propagation = tenant.propagation, Propagation()
    admin = tenant.create_application(ADMIN_NAME, age=_AGE)
    _, secret = tenant.passwords.add(admin, display_name="made with the tenant")
    tenant.propagation = later
    tenant.grant(admin.client_id, *roles)
    made = tuple(tenant.create_application(_name(number), age=_AGE) for number in range(applications))
    for application in (admin, *made):
        own(tenant, application, admin)
    return Population(admin, secret, made)


def own(tenant: Tenant, application: Application, admin: Application) -> None:
    """Make the client an owner of an application and of its service principal. Raises `KeyError` when it has none."""
    admin_principal = tenant.find_principal(admin.client_id)
    if admin_principal is None:
        raise KeyError(admin.client_id)
    tenant.add_owner(application.object_id, admin_principal.object_id)
    principal = tenant.find_principal(application.client_id)
    if principal is not None:
        tenant.add_owner(principal.object_id, admin_principal.object_id)


def _name(number: int) -> str:
    name = _NAMES[number % len(_NAMES)]
    return name if number < len(_NAMES) else f"{name} {number // len(_NAMES) + 1}"
