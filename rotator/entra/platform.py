"""How does this machine sign in to Azure by itself? By the identity that the platform gives it.

Workload identity where its variables are set, else a managed identity of App Service or of the virtual machine.
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from rotator.answers import parsed, shortened
from rotator.errors import DirectoryUnavailable, SignInRefused
from rotator.trouble import NO_ANSWER, described, remedy

_METADATA: Final = "http://169.254.169.254"
_AUTHORITY: Final = "https://login.microsoftonline.com"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_OPERATION: Final = "sign-in by the platform's identity"


async def platform_token(
    http: httpx.AsyncClient, local: httpx.AsyncClient, resource: str, environment: Mapping[str, str]
) -> str:
    """An access token for that resource, such as https://vault.azure.net. Raises SignInRefused, DirectoryUnavailable.

    `local` reaches what only this machine can, past any proxy.
    """
    if environment.get("AZURE_FEDERATED_TOKEN_FILE"):
        return await _by_federation(http, resource, environment)
    client_id = {"client_id": environment["AZURE_CLIENT_ID"]} if environment.get("AZURE_CLIENT_ID") else {}
    endpoint, secret = environment.get("IDENTITY_ENDPOINT"), environment.get("IDENTITY_HEADER")
    if endpoint and secret:
        asked = {"resource": resource, "api-version": "2019-08-01", **client_id}
        return await _token(local, "GET", endpoint, params=asked, headers={"X-IDENTITY-HEADER": secret})
    host = environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _METADATA
    asked = {"resource": resource, "api-version": "2018-02-01", **client_id}
    address = f"{host.rstrip('/')}/metadata/identity/oauth2/token"
    return await _token(local, "GET", address, params=asked, headers={"Metadata": "true"})


async def _by_federation(http: httpx.AsyncClient, resource: str, environment: Mapping[str, str]) -> str:
    names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SignInRefused(_OPERATION, f"${missing[0]} is not set")
    tenant, client, file = (environment[name] for name in names)
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "scope": f"{resource}/.default",
        "client_assertion_type": _ASSERTION,
        "client_assertion": _assertion(file),
    }
    authority = environment.get("AZURE_AUTHORITY_HOST") or _AUTHORITY
    return await _token(http, "POST", f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token", data=form)


def _assertion(file: str) -> str:
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SignInRefused(_OPERATION, f"the token file {file} cannot be read") from None


async def _token(http: httpx.AsyncClient, method: str, address: str, **request: Any) -> str:
    host = httpx.URL(address).host
    try:
        answer = await http.request(method, address, **request)
    except NO_ANSWER as exc:
        error = DirectoryUnavailable(_OPERATION, described(exc, host), hint=remedy(exc))
    else:
        body = parsed(answer.content)
        token = body.get("access_token")
        if answer.status_code == 200 and isinstance(token, str) and token:
            return token
        if answer.status_code == 429 or answer.status_code >= 500:
            raise DirectoryUnavailable(_OPERATION, f"{host} answered {answer.status_code}", status=answer.status_code)
        said = shortened(str(body.get("error_description") or body.get("error") or ""))
        raise SignInRefused(_OPERATION, f"{host} answered {answer.status_code}: {said}", status=answer.status_code)
    raise error
