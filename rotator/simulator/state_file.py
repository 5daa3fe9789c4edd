"""How does a simulated tenant survive a restart of the simulator?"""

import base64
import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from rotator.simulator.certificates import write_private
from rotator.simulator.model import Application, ServicePrincipal
from rotator.simulator.people import RefreshToken, User
from rotator.simulator.policies import AppManagementPolicy
from rotator.simulator.population import Population
from rotator.simulator.propagation import Propagation
from rotator.simulator.signing import RsaSigner
from rotator.simulator.simulation import Simulation, SimulatorOptions, make_simulation
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json

_FORMAT = 1
_Record = TypeVar("_Record")


class StateDirectory:
    """Keeps one simulation in a directory, or finds the one kept there."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "tenant.json"
        self._key = directory / "signing-key.pem"
        self._saved_version = -1

    def signer(self) -> RsaSigner:
        """The signing key kept there; made when there is none. Raises `ValueError` for a file that is no RSA key."""
        if self._key.exists():
            return RsaSigner.from_pem(self._key.read_bytes())
        signer = RsaSigner()
        write_private(self._key, signer.as_pem())
        return signer

    def open(self, options: SimulatorOptions, *, real_now: Callable[[], datetime]) -> Simulation:
        """The simulation kept there, whose time went on meanwhile, or a fresh one. Raises `ValueError`, `KeyError`."""
        state = read(self._path)
        if state is None:
            return make_simulation(options, real_now=real_now, signer=self.signer())
        away = (real_now() - datetime.fromisoformat(state["realNow"])) * options.time_scale
        return make_simulation(
            options,
            real_now=real_now,
            signer=self.signer(),
            start=datetime.fromisoformat(state["now"]) + away,
            people=lambda tenant: restore(tenant, state),
        )

    def save(self, simulation: Simulation) -> None:
        """Write the state when it has changed since the last time."""
        if simulation.entra.tenant.version != self._saved_version:
            self._saved_version = simulation.entra.tenant.version
            save(simulation, self._path)


def save(simulation: Simulation, path: Path) -> None:
    """Write everything that a restart must not lose. It holds the admin's secret: only its owner may read it."""
    tenant, population = simulation.entra.tenant, simulation.population
    state = {
        "format": _FORMAT,
        "tenantId": tenant.tenant_id,
        "version": tenant.version,
        "now": tenant.now(),
        "realNow": simulation.entra.tokens.real_now(),
        "adminClientId": population.admin.client_id,
        "adminSecret": population.admin_secret,
        "managedIdentities": simulation.entra.managed_identity.client_ids,
        "propagation": asdict(tenant.propagation),
        "nameCut": tenant.passwords.name_cut,
        "leadingDashes": tenant.passwords.leading_dashes,
        "issuers": tenant.issuers,
        "defaultPolicy": asdict(tenant.default_policy),
        "policies": [asdict(policy) for policy in tenant.policies.values()],
        "applications": [asdict(application) for application in tenant.applications.values()],
        "principals": [asdict(principal) for principal in tenant.principals.values()],
        "users": [asdict(user) for user in tenant.people.users.values()],
        "refreshTokens": [asdict(token) for token in tenant.people.refresh_tokens.values()],
    }
    write_private(path, json.dumps(state, default=_plain).encode())


def read(path: Path) -> Json | None:
    """What was saved, or None when nothing was. Raises `ValueError` for a file of another kind."""
    if not path.exists():
        return None
    state = json.loads(path.read_bytes())
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise ValueError(f"{path} is no state of this version of the simulator; remove it to start anew")
    return state


def restore(tenant: Tenant, state: Json) -> Population:
    """Bring what was saved back into an empty tenant."""
    tenant.tenant_id = state["tenantId"]
    for saved in state["applications"]:
        tenant.put_application(_build(Application, saved))
    for saved in state["principals"]:
        tenant.put_principal(_build(ServicePrincipal, saved))
    for saved in state.get("users", []):
        tenant.people.users[saved["object_id"]] = _build(User, saved)
    for saved in state.get("refreshTokens", []):
        tenant.people.refresh_tokens[saved["digest"]] = _build(RefreshToken, saved)
    for saved in state["policies"]:
        policy = _build(AppManagementPolicy, saved)
        tenant.policies[policy.policy_id] = policy
    tenant.default_policy = _build(AppManagementPolicy, state["defaultPolicy"])
    tenant.propagation = _build(Propagation, state["propagation"])
    tenant.passwords.name_cut = state["nameCut"]
    tenant.passwords.leading_dashes = state.get("leadingDashes", tenant.passwords.leading_dashes)
    tenant.issuers = state["issuers"]
    tenant.version = state["version"]
    # The same randomness again would make the same ids again.
    tenant.random.seed(f"{state['tenantId']} {state['version']}")
    admin = tenant.find_application(state["adminClientId"])
    if admin is None:
        raise ValueError("the administering application was deleted; remove the state directory to start anew")
    others = (one for one in tenant.applications.values() if one is not admin and one.deleted_at is None)
    return Population(admin, state["adminSecret"], tuple(others))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, set):
        return sorted(value)
    raise TypeError(type(value).__name__)


def _build(kind: type[_Record], saved: Json) -> _Record:
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in saved.items()})


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(hint, UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) in {list, tuple, set}:
        inner = get_args(hint)[0]
        return get_origin(hint)(_value(inner, one) for one in value)
    if hint is datetime:
        return datetime.fromisoformat(value)
    if hint is bytes:
        return base64.b64decode(value)
    return _build(hint, value) if is_dataclass(hint) and isinstance(hint, type) else value
