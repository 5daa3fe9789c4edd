"""What does a workload on Azure get from the metadata service, or from App Service?"""

from urllib.parse import parse_qsl

from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.model import ServicePrincipal
from rotator.simulator.refusals import SignInRefusal
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json, SimRequest, SimResponse, json_response


class ManagedIdentity:
    """The instance metadata service (IMDS) and the App Service endpoint; whoever reaches them is the identity."""

    def __init__(self, tenant: Tenant, tokens: AccessTokens) -> None:
        self.tenant = tenant
        self.tokens = tokens
        self.client_ids: list[str] = []
        """The identities of the machine; the first is the one used when none is named."""

    def imds(self, request: SimRequest) -> SimResponse:
        """`GET /metadata/identity/oauth2/token` with `Metadata: true`."""
        if request.headers.get("metadata", "").lower() != "true":
            return _error(400, "invalid_request", "Required metadata header not specified")
        return self._token(request)

    def app_service(self, request: SimRequest) -> SimResponse:
        """`GET $IDENTITY_ENDPOINT` with `X-IDENTITY-HEADER`."""
        if not request.headers.get("x-identity-header"):
            return _error(401, "unauthorized", "X-IDENTITY-HEADER is missing")
        return self._token(request)

    def _token(self, request: SimRequest) -> SimResponse:
        query = dict(parse_qsl(request.query))
        if not query.get("resource"):
            return _error(400, "invalid_request", "Required query variable 'resource' is missing")
        principal = self._principal(query)
        if principal is None:
            return _error(400, "invalid_request", "Identity not found")
        try:
            resource = self.tokens.resource(query["resource"])
        except SignInRefusal as refusal:
            return _error(400, refusal.error, f"AADSTS{refusal.number}: {refusal.text}")
        token, lifetime = self.tokens.issue(principal, resource, proof="2", long_lived=False)
        now = int(self.tokens.real_now().timestamp())
        body: Json = {
            "access_token": token,
            "client_id": principal.client_id,
            "expires_in": str(lifetime),
            "expires_on": str(now + lifetime),
            "ext_expires_in": str(lifetime),
            "not_before": str(now),
            "resource": query["resource"],
            "token_type": "Bearer",
        }
        return json_response(200, body)

    def _principal(self, query: dict[str, str]) -> ServicePrincipal | None:
        wanted = query.get("client_id")
        for client_id in self.client_ids:
            principal = self.tenant.find_principal(client_id)
            named = query.get("object_id") or query.get("principal_id")
            if principal is None or (wanted and wanted != client_id) or (named and named != principal.object_id):
                continue
            return principal
        return None


def _error(status: int, error: str, text: str) -> SimResponse:
    return json_response(status, {"error": error, "error_description": text})
