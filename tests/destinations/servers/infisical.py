"""An Infisical of a test: machine identities, one project, folders, batches; as observed on a running server."""

from __future__ import annotations

import secrets
from typing import Any

from tests.destinations.servers.answering import Reply, Request, Server

PROJECT = "0d8c9a2e-6f0b-4a1c-8d7e-5b3a1f2c4d6e"
IDENTITY = "5b1f9c70-0f3e-4b52-9d6a-7c8e2a1b3d4f"
CLIENT_SECRET = "infisical-client-secret"
AZURE_TOKEN = "eyJ0-azure-token"


class Infisical(Server):
    """Secrets by folder and name. A batch is carried out whole or not at all."""

    def __init__(self) -> None:
        super().__init__(self._answer_to)
        self.folders: dict[tuple[str, str], dict[str, dict[str, Any]]] = {("prod", "/"): {}, ("prod", "/billing"): {}}
        self.tokens: set[str] = set()
        self.logins = 0
        self.rights = {"describe", "edit"}
        self.approval = False
        self.capitals = False

    def put(self, name: str, text: str, folder: str = "/billing") -> None:
        """As somebody in the web page: comment and metadata stay."""
        rows = self.folders["prod", folder]
        old = rows.get(name, {"version": 0, "secretMetadata": []})
        rows[name] = {**old, "secretKey": name, "secretValue": text, "version": old["version"] + 1, "type": "shared"}

    def _answer_to(self, request: Request) -> Reply:
        if request.path.startswith("/api/v1/auth/"):
            return self._login(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _refused(403, "TokenError", "Your token is invalid")
        where = request.query if request.method == "GET" else request.json
        folder = self.folders.get((where.get("environment", ""), where.get("secretPath", "/")))
        if where.get("projectId") != PROJECT or folder is None:
            return _refused(404, "NotFound", "Folder not found")
        if ("describe" if request.method == "GET" else "edit") not in self.rights:
            return _refused(403, "PermissionDenied", "You are not allowed to edit secrets")
        if request.method == "GET":
            return Reply(200, {"secrets": [_hidden(row) for row in folder.values()], "imports": []})
        return self._change(request, folder) if request.method == "PATCH" else self._delete(request, folder)

    def _login(self, request: Request) -> Reply:
        given = request.json
        by_azure = given.get("identityId") == IDENTITY and given.get("jwt") == AZURE_TOKEN
        known = given.get("clientId") == IDENTITY and given.get("clientSecret") == CLIENT_SECRET
        if not (by_azure if "azure-auth" in request.path else known):
            return _refused(401, "UnauthorizedError", "Invalid credentials")
        self.logins += 1
        token = f"eyJ0-{secrets.token_hex(8)}"
        self.tokens.add(token)
        return Reply(200, {"accessToken": token, "expiresIn": 600, "accessTokenMaxTTL": 600, "tokenType": "Bearer"})

    def _change(self, request: Request, folder: dict[str, dict[str, Any]]) -> Reply:
        wanted, mode = request.json["secrets"], request.json.get("mode", "failOnNotFound")
        if mode == "failOnNotFound" and any(each["secretKey"] not in folder for each in wanted):
            return _refused(404, "NotFound", "Secret not found")
        if self.approval:
            return Reply(200, {"approval": {"id": "1", "slug": "waits"}})
        for each in wanted:
            name = each["secretKey"].upper() if self.capitals else each["secretKey"]
            old = folder.get(name, {"version": 0, "secretMetadata": []})
            folder[name] = {**old, **each, "secretKey": name, "version": old["version"] + 1, "type": "shared"}
        return Reply(200, {"secrets": [_hidden(folder[name]) for name in folder]})

    def _delete(self, request: Request, folder: dict[str, dict[str, Any]]) -> Reply:
        names = [each["secretKey"] for each in request.json["secrets"]]
        if any(name not in folder for name in names):
            return _refused(404, "NotFound", "Secret not found")
        gone = [_hidden(folder.pop(name)) for name in names]
        return Reply(200, {"secrets": gone})


def _hidden(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "secretValue": "<hidden-by-infisical>", "secretValueHidden": True}


def _refused(status: int, error: str, message: str) -> Reply:
    return Reply(status, {"reqId": "req-1", "statusCode": status, "error": error, "message": message})
