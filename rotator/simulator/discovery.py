"""Where do clients find the simulator's endpoints and public keys?"""

from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.wire import Json, SimResponse, json_response


def openid_configuration(tokens: AccessTokens, version: int) -> SimResponse:
    """The discovery document of version 1 or 2."""
    root = f"{tokens.base_url}/{tokens.tenant.tenant_id}"
    oauth = f"{root}/oauth2/v2.0" if version > 1 else f"{root}/oauth2"
    body: Json = {
        "token_endpoint": f"{oauth}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{root}/discovery/{'v2.0/' if version > 1 else ''}keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": tokens.issuer(version),
        "authorization_endpoint": f"{oauth}/authorize",
        "device_authorization_endpoint": f"{oauth}/devicecode",
        "end_session_endpoint": f"{oauth}/logout",
        "tenant_region_scope": "EU",
        "cloud_instance_name": _host(tokens.base_url),
        "cloud_graph_host_name": _host(tokens.base_url),
        "msgraph_host": _host(tokens.base_url),
    }
    return json_response(200, body)


def keys(tokens: AccessTokens) -> SimResponse:
    """The public keys that sign access tokens."""
    return json_response(200, tokens.signer.jwks(tokens.issuer(2)))


def instance_discovery(tokens: AccessTokens) -> SimResponse:
    """What MSAL asks before it trusts an authority that it does not know."""
    host, root = _host(tokens.base_url), f"{tokens.base_url}/{tokens.tenant.tenant_id}"
    body = {
        "tenant_discovery_endpoint": f"{root}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }
    return json_response(200, body)


def _host(url: str) -> str:
    return url.partition("://")[2]
