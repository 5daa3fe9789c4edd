"""Has this tenant issued this token, to a machine, for us? Every check of a JWT of Entra, cheapest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rotator.domain.access import SigningKeys
from rotator.web.auth.keyring import Keyring
from rotator.web.refusals import Unauthorized

#: Longer ones Entra does not make; nothing is done for them.
LONGEST = 16 * 1024
#: Entra's only algorithm. Naming others, or none, is what forgers do.
_ALGORITHM = "RS256"
#: Headers that bring a key along, or ask for more than we know.
_FOREIGN = frozenset({"jwk", "jku", "x5u", "x5c", "crit"})
_LEEWAY = 60
_LEAST_BITS = 2048
_REQUIRED = ("exp", "nbf", "iss", "aud", "tid", "oid")
#: Tokens for Graph are Graph's to read: a caller may have got one from any of his own clients.
GRAPH = frozenset(
    {
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://graph.windows.net",
        "00000003-0000-0000-c000-000000000000",
        "00000002-0000-0000-c000-000000000000",
    }
)


async def checked(jwt: str, keyring: Keyring, *, tenant_id: str, resource: str) -> Mapping[str, Any]:
    """The claims of a token that holds. Raises Unauthorized with the one reason why not; Unavailable without keys."""
    claims = await issued(jwt, keyring, tenant_id=tenant_id, required=_REQUIRED)
    _check_audience(claims, resource)
    _check_machine(claims)
    return claims


async def issued(jwt: str, keyring: Keyring, *, tenant_id: str, required: Sequence[str]) -> Mapping[str, Any]:
    """The claims of a token that the tenant has signed and that is within its times, for whomever; as `checked`."""
    key_id = _key_id(jwt)
    keys, key = await keyring.key(tenant_id, key_id)
    claims = _verified(jwt, key, required)
    _check_place(claims, keys, tenant_id)
    return claims


def principals_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """The ids that an allow-list may name it by: object id of the service principal, client id."""
    return frozenset(str(claims[name]).lower() for name in ("oid", "appid", "azp") if claims.get(name))


def _key_id(jwt: str) -> str:
    """The `kid` of a header that is acceptable so far; nothing of it is believed yet."""
    import jwt as pyjwt

    if len(jwt) > LONGEST or jwt.count(".") != 2:
        raise Unauthorized("The token is no signed JWT")
    try:
        header = pyjwt.get_unverified_header(jwt)
    except (pyjwt.PyJWTError, ValueError, RecursionError):
        raise Unauthorized("The token is no signed JWT") from None
    if header.get("alg") != _ALGORITHM:
        raise Unauthorized(f"The token is not signed with {_ALGORITHM}")
    if _FOREIGN & header.keys():
        raise Unauthorized("The token brings its own key along")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= 256:
        raise Unauthorized("The token names no signing key")
    return key_id


def _verified(jwt: str, key: dict[str, object], required: Sequence[str]) -> dict[str, Any]:
    """The claims, once signature and times hold."""
    import jwt as pyjwt
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    options: Any = {"require": list(required), "verify_aud": False, "verify_iss": False, "verify_iat": False}
    try:
        public = pyjwt.PyJWK.from_dict(key, algorithm=_ALGORITHM).key
        if not isinstance(public, RSAPublicKey) or public.key_size < _LEAST_BITS:
            raise Unauthorized("The tenant's signing key is too weak")
        claims: dict[str, Any] = pyjwt.decode(jwt, public, algorithms=[_ALGORITHM], options=options, leeway=_LEEWAY)
    except pyjwt.ExpiredSignatureError:
        raise Unauthorized("The token has expired") from None
    except pyjwt.ImmatureSignatureError:
        raise Unauthorized("The token is not valid yet") from None
    except pyjwt.MissingRequiredClaimError as problem:
        raise Unauthorized(f"The token has no {problem.claim}") from None
    except pyjwt.InvalidSignatureError:
        raise Unauthorized("The token's signature does not hold") from None
    except (pyjwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise Unauthorized("The token makes no sense") from None
    return claims


def _check_place(claims: Mapping[str, Any], keys: SigningKeys, tenant_id: str) -> None:
    if not isinstance(claims["tid"], str) or claims["tid"].lower() != tenant_id.lower():
        raise Unauthorized("The token is of another tenant")
    if claims["iss"] not in keys.issuers:
        raise Unauthorized("The token has another issuer than its tenant")


def _check_audience(claims: Mapping[str, Any], resource: str) -> None:
    audience = claims["aud"]
    if not isinstance(audience, str):
        raise Unauthorized("The token has more than one audience, or none")
    plain = audience.rstrip("/")
    if plain.lower() in GRAPH:
        raise Unauthorized("The token is for Microsoft Graph", hint="Ask for one for the resource of the identity.")
    # A v2 token for api://CLIENT-ID bears the bare client id.
    if plain not in {resource.rstrip("/"), resource.removeprefix("api://").rstrip("/")}:
        raise Unauthorized("The token is for another audience", hint="Ask for one for the resource of the identity.")


def _check_machine(claims: Mapping[str, Any]) -> None:
    """App-only: without scopes, of type app where that is told, and its subject is the service principal itself."""
    is_app = claims.get("idtyp", "app") == "app" and "scp" not in claims
    own = isinstance(claims["oid"], str) and claims.get("sub", claims["oid"]) == claims["oid"]
    if not (is_app and own and (claims.get("appid") or claims.get("azp"))):
        raise Unauthorized("The token is a person's, not a machine's")
