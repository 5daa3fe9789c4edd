"""What does each refusal of the token endpoint say, by its AADSTS number?"""

from typing import NamedTuple

from rotator.simulator.refusals import SignInRefusal

TRANSIENT = 90033
THROTTLED = 90055


class _Kind(NamedTuple):
    error: str
    status: int
    text: str


_KINDS = {
    50011: _Kind(
        "invalid_request",
        400,
        "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for the "
        "application '{client}'.",
    ),
    50027: _Kind("invalid_request", 400, "JWT token is invalid or malformed."),
    50057: _Kind("invalid_grant", 400, "The user account is disabled."),
    50173: _Kind(
        "invalid_grant",
        400,
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have "
        "changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date (before "
        "which tokens are not valid) for this user is '{since}'.",
    ),
    53003: _Kind("access_denied", 400, "Access has been blocked by Conditional Access policies."),
    54005: _Kind(
        "invalid_grant",
        400,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh "
        "token.",
    ),
    65001: _Kind(
        "invalid_grant",
        400,
        "The user or administrator has not consented to use the application with ID '{client}' named '{name}'. Send an "
        "interactive authorization request for this user and resource.",
    ),
    70000: _Kind("invalid_grant", 400, "Provided grant is invalid or malformed."),
    70003: _Kind("unsupported_grant_type", 400, "The app requested an unsupported grant type '{grant}'."),
    70008: _Kind(
        "invalid_grant",
        400,
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive "
        "authorization request for this user and resource.",
    ),
    70011: _Kind(
        "invalid_scope",
        400,
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
        "'scope' is not valid. The scope {scope} is not valid.",
    ),
    70021: _Kind(
        "invalid_client",
        401,
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion"
        " Subject: '{subject}'. Assertion Audience: '{audience}'.",
    ),
    90002: _Kind(
        "invalid_request",
        400,
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
    ),
    THROTTLED: _Kind("temporarily_unavailable", 429, "The server has received too many requests. Try again later."),
    TRANSIENT: _Kind("temporarily_unavailable", 503, "A transient error has occurred. Please try again."),
    500112: _Kind(
        "invalid_grant",
        400,
        "The reply address '{redirect}' does not match the reply address provided when requesting Authorization code.",
    ),
    501481: _Kind(
        "invalid_grant",
        400,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    500011: _Kind(
        "invalid_resource", 400, "The resource principal named {resource} was not found in the tenant named {tenant}."
    ),
    700016: _Kind(
        "unauthorized_client",
        400,
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You may have sent your authentication request to the wrong tenant.",
    ),
    700082: _Kind(
        "invalid_grant",
        400,
        "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for "
        "90.00:00:00.",
    ),
    700021: _Kind(
        "invalid_client", 401, "Client assertion application identifier doesn't match 'client_id' parameter."
    ),
    700023: _Kind("invalid_client", 401, "Client assertion audience claim does not match Realm issuer: '{audience}'."),
    700024: _Kind("invalid_client", 401, "Client assertion is not within its valid time range."),
    700025: _Kind(
        "invalid_client", 401, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
    ),
    700027: _Kind("invalid_client", 401, "Client assertion failed signature validation. [Reason - {reason}]"),
    900144: _Kind("invalid_request", 400, "The request body must contain the following parameter: '{parameter}'."),
    1002012: _Kind(
        "invalid_scope",
        400,
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
        "/.default suffixed to the resource identifier (application ID URI).",
    ),
    7000112: _Kind("unauthorized_client", 400, "Application '{client}'({name}) is disabled."),
    7000215: _Kind(
        "invalid_client",
        401,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
        "the client secret ID, for a secret added to app '{client}'.",
    ),
    7000218: _Kind(
        "invalid_client",
        401,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    7000222: _Kind(
        "invalid_client",
        401,
        "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys "
        "for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
        "https://aka.ms/certCreds.",
    ),
    7000229: _Kind(
        "unauthorized_client",
        400,
        "The client application {client} is missing service principal in the tenant {tenant}.",
    ),
}


class _Facts(dict[str, str]):
    """A fault made on request knows no facts: their places stay visible."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def sign_in_refusal(number: int, *, status: int | None = None, text: str | None = None, **facts: str) -> SignInRefusal:
    """The refusal with that number; one that is not in the table reads like a transient error."""
    kind = _KINDS.get(number, _KINDS[TRANSIENT])
    words = text or kind.text.format_map(_Facts(facts))
    return SignInRefusal(number, words, error=kind.error, status=status or kind.status)


def usual_status(number: int) -> int:
    """The HTTP status that goes with that number."""
    return _KINDS.get(number, _KINDS[TRANSIENT]).status
