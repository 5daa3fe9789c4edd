"""What does an id token say of a person, and of his groups and roles?"""

import base64
from hashlib import sha256

from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.model import Application
from rotator.simulator.people import User
from rotator.simulator.wire import Json

#: "To ensure that the token size doesn't exceed HTTP header size limits": 200 in a JWT, then a pointer in their place.
#: https://learn.microsoft.com/security/zero-trust/develop/configure-tokens-group-claims-app-roles
_MOST_GROUPS = 200
_LIFETIME = 3900
_BACKDATED = 300


def id_claims(user: User, application: Application, tokens: AccessTokens, *, nonce: str) -> Json:
    """The claims of a version 2 id token for that application."""
    now = int(tokens.real_now().timestamp()) - _BACKDATED
    claims: Json = {
        "aud": application.client_id,
        "iss": tokens.issuer(2),
        "iat": now,
        "nbf": now,
        "exp": now + _LIFETIME,
        "name": user.name.partition("@")[0].title(),
        "oid": user.object_id,
        "preferred_username": user.name,
        "sub": _pairwise(user, application),
        "tid": tokens.tenant.tenant_id,
        "uti": tokens.tenant.new_id().replace("-", "")[:22],
        "ver": "2.0",
    }
    if nonce:
        claims["nonce"] = nonce
    roles = user.app_roles.get(application.client_id, [])
    return {**claims, **({"roles": list(roles)} if roles else {}), **_groups(user, application, tokens)}


def _groups(user: User, application: Application, tokens: AccessTokens) -> Json:
    """Left out when there are none; a pointer to Azure AD Graph, as Entra still writes it, when there are too many."""
    if not application.group_claims or not user.groups:
        return {}
    if len(user.groups) <= _MOST_GROUPS:
        return {"groups": list(user.groups)}
    place = f"https://graph.windows.net/{tokens.tenant.tenant_id}/users/{user.object_id}/getMemberObjects"
    return {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": place}}}


def _pairwise(user: User, application: Application) -> str:
    """A subject of its own for each application, as `subject_types_supported` says."""
    mixed = sha256(f"{user.object_id} {application.client_id}".encode()).digest()
    return base64.urlsafe_b64encode(mixed).decode().rstrip("=")
