"""Has this tenant said, to us and just now, who this person is? Every check of an id token of Entra."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from rotator.web.auth.azure_tokens import issued
from rotator.web.auth.keyring import Keyring
from rotator.web.refusals import Unauthorized

_REQUIRED = ("exp", "nbf", "iat", "iss", "aud", "tid", "oid", "sub", "nonce")


async def checked_person(
    jwt: str, keyring: Keyring, *, tenant_id: str, client_id: str, nonce: str
) -> Mapping[str, Any]:
    """The claims of an id token that holds. Raises Unauthorized with the one reason why not; Unavailable without keys.

    https://learn.microsoft.com/entra/identity-platform/id-tokens: signature, times, tenant and issuer are checked as
    for any token; then that it is for us, that it answers what this browser has begun, and that it is an id token.
    """
    claims = await issued(jwt, keyring, tenant_id=tenant_id, required=_REQUIRED)
    if claims["aud"] != client_id or claims.get("azp", client_id) != client_id:
        raise Unauthorized("The id token is for another application")
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise Unauthorized("The id token answers another sign-in")
    if claims.get("ver") != "2.0" or not claims["iss"].endswith("/v2.0"):
        raise Unauthorized("The id token is not of version 2")
    if not isinstance(claims["oid"], str) or not claims["oid"] or "scp" in claims or claims.get("idtyp") == "app":
        raise Unauthorized("The token is no id token of a person")
    return claims


def texts_of(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """A claim that is a list of texts; what is none is left out."""
    held = claims.get(name)
    return frozenset(each for each in held if isinstance(each, str) and each) if isinstance(held, list) else frozenset()


def points_to_groups(claims: Mapping[str, Any]) -> bool:
    """The person is in more groups than a token holds, so that it names none."""
    names = claims.get("_claim_names")
    return (isinstance(names, dict) and "groups" in names) or claims.get("hasgroups") in {True, "true"}
