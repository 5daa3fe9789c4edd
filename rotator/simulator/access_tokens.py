"""What does an access token say, for whom is it, and is this one ours?"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar

from rotator.simulator.aadsts import sign_in_refusal
from rotator.simulator.model import ServicePrincipal
from rotator.simulator.people import User
from rotator.simulator.signing import Signer
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json

GRAPH = "https://graph.microsoft.com"

_GRAPHS = frozenset(
    {
        GRAPH,
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "00000003-0000-0000-c000-000000000000",
    }
)
_OTHER_RESOURCES = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://graph.windows.net",
        "https://vault.azure.net",
        "https://storage.azure.com",
    }
)
_LIFETIME = 3599
_LONG_LIFETIME = 86399
_BACKDATED = 300
_REUSE = 300
_REMEMBERED = 4096

#: Application Administrator: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Resource(NamedTuple):
    """Whom a token is for."""

    audience: str
    version: int


class Wish(NamedTuple):
    """What decides the content of a token: equal wishes within five minutes share one signature."""

    client_id: str
    resource: Resource
    proof: str
    long_lived: bool
    roles: frozenset[str]


class AccessTokens:
    """Issues and reads the access tokens of one tenant; they live in real time, whatever the tenant's clock says."""

    def __init__(self, tenant: Tenant, signer: Signer, *, real_now: Callable[[], datetime], base_url: str) -> None:
        self.tenant = tenant
        self.signer = signer
        self.real_now = real_now
        self.base_url = base_url
        self._made: dict[Wish, tuple[str, int]] = {}
        self._read: dict[str, Json] = {}

    def resource(self, name: str) -> Resource:
        """Whom a scope or `resource` names. Raises `SignInRefusal` (AADSTS500011) when the tenant does not know it."""
        plain = name.rstrip("/")
        if plain in _GRAPHS or self._is_local(plain):
            return Resource(name, 1)
        if plain in _OTHER_RESOURCES:
            return Resource(name, 1)
        for application in self.tenant.applications.values():
            if (
                name == application.client_id
                or name in application.identifier_uris
                or name == f"api://{application.client_id}"
            ):
                version = application.token_version or 1
                return Resource(application.client_id if version > 1 else name, version)
        raise sign_in_refusal(500011, resource=name, tenant=self.tenant.domain)

    def issue(
        self, principal: ServicePrincipal, resource: Resource, *, proof: str, long_lived: bool
    ) -> tuple[str, int]:
        """A token and the seconds it still lives; `proof` is `1` for a secret, `2` for an assertion."""
        wish = Wish(principal.client_id, resource, proof, long_lived, frozenset(principal.roles))
        now = int(self.real_now().timestamp())
        lifetime = _LONG_LIFETIME if long_lived else _LIFETIME
        token, issued = self._made.get(wish, ("", 0))
        if not token or not 0 <= now - issued < _REUSE:
            token, issued = self.signer.sign(self._claims(wish, principal, now)), now
            _remember(self._made, wish, (token, issued))
        return token, issued + lifetime - now

    def issue_delegated(
        self, user: User, principal: ServicePrincipal, resource: Resource, *, scopes: list[str], long_lived: bool
    ) -> tuple[str, int]:
        """A token that acts in a person's name, and the seconds it lives."""
        now = int(self.real_now().timestamp())
        wish = Wish(principal.client_id, resource, "1", long_lived, frozenset())
        claims = self._claims(wish, principal, now)
        del claims["roles"]
        of_user = {"idtyp": "user", "oid": user.object_id, "sub": user.object_id, "upn": user.name}
        roles = [ADMINISTRATOR] if user.administers else []
        token = self.signer.sign({**claims, **of_user, "scp": " ".join(scopes), "wids": roles})
        return token, _LONG_LIFETIME if long_lived else _LIFETIME

    def read(self, token: str) -> Json | None:
        """The claims of a token of ours, be it expired or not; None for any other text."""
        claims = self._read.get(token)
        if claims is None:
            claims = self.signer.verify(token)
            if claims is not None:
                _remember(self._read, token, claims)
        return claims

    def is_graph(self, audience: str) -> bool:
        """Whether a token for that audience opens Graph."""
        plain = audience.rstrip("/")
        return plain in _GRAPHS or self._is_local(plain)

    def issuer(self, version: int) -> str:
        """The `iss` of tokens of version 1 or 2."""
        tenant_id = self.tenant.tenant_id
        return f"{self.base_url}/{tenant_id}/v2.0" if version > 1 else f"https://sts.windows.net/{tenant_id}/"

    def _claims(self, wish: Wish, principal: ServicePrincipal, now: int) -> Json:
        version = wish.resource.version
        issuer = self.issuer(version)
        client = (
            {"azp": wish.client_id, "azpacr": wish.proof}
            if version > 1
            else {"appid": wish.client_id, "appidacr": wish.proof}
        )
        capable = {"xms_cc": ["CP1"]} if wish.long_lived else {}
        return {
            "aud": wish.resource.audience,
            "iss": issuer,
            "iat": now - _BACKDATED,
            "nbf": now - _BACKDATED,
            "exp": now + (_LONG_LIFETIME if wish.long_lived else _LIFETIME),
            "app_displayname": principal.display_name,
            "idp": issuer,
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": self.tenant.tenant_id,
            "roles": sorted(wish.roles) if self.is_graph(wish.resource.audience) else [],
            "uti": self.tenant.new_id().replace("-", "")[:22],
            "ver": f"{version}.0",
            **client,
            **capable,
        }

    def _is_local(self, name: str) -> bool:
        return name == self.base_url or name.startswith(("https://localhost:", "https://127.0.0.1:"))


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
