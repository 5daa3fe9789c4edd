"""What does Azure Resource Manager say to a tenant without subscriptions?"""

from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json, SimRequest, SimResponse, json_response


def answer_resource_manager(tenant: Tenant, tokens: AccessTokens, request: SimRequest) -> SimResponse:
    """The few calls of the Azure CLI at sign-in and `az cloud register`; 404 for everything else."""
    if request.method == "GET" and request.path == "/subscriptions":
        return json_response(200, {"value": [], "count": {"type": "Total", "value": 0}})
    if request.method == "GET" and request.path == "/tenants":
        value = {"id": f"/tenants/{tenant.tenant_id}", "tenantId": tenant.tenant_id, "displayName": "Simulated tenant"}
        return json_response(200, {"value": [value]})
    if request.method == "GET" and request.path == "/metadata/endpoints":
        return json_response(200, _endpoints(tokens))
    message = f"No operation answers {request.method} {request.path}."
    return json_response(404, {"error": {"code": "NotFound", "message": message}})


def _endpoints(tokens: AccessTokens) -> Json:
    """What `az cloud register --endpoint-resource-manager` reads; a suffix that is absent falls back by itself."""
    url = tokens.base_url
    return {
        "name": "simulated",
        "resourceManager": url,
        "portal": url,
        "gallery": url,
        "graphAudience": f"{url}/",
        "microsoftGraphResourceId": f"{url}/",
        "suffixes": {},
        "authentication": {
            "loginEndpoint": url,
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
    }
