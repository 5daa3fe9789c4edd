"""An Azure DevOps of a test: one project with a variable group and a service connection, whose secrets stay hidden."""

from __future__ import annotations

import base64
from typing import Any

from tests.destinations.servers.answering import Reply, Request, Server

PAT = "devops-personal-access-token"
ENTRA = "eyJ0-devops-token"
PROJECT_ID = "2f9d3c5e-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
ME, STRANGER = "7d8e9f00-0000-4000-8000-00000000000a", "7d8e9f00-0000-4000-8000-00000000000b"
_REFERENCE = {"projectReference": {"id": PROJECT_ID, "name": "Payments"}, "name": "billing"}


class DevOps(Server):
    """`values` are what pipelines get; answers show no secret."""

    def __init__(self) -> None:
        super().__init__(self._answer_to)
        self.values: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.by, self.changes = STRANGER, 0
        self.may_administer = True
        self.group_type = "Vsts"
        self.key = "key-of-before"
        self.endpoint: dict[str, Any] = {
            "id": "9a8b7c6d-0000-4000-8000-000000000001",
            "name": "azure-prod",
            "type": "azurerm",
            "description": "Deploys to production",
            "data": {"subscriptionId": "s"},
            "authorization": {
                "scheme": "ServicePrincipal",
                "parameters": {"tenantid": "t", "serviceprincipalid": "p", "authenticationType": "spnKey"},
            },
            "serviceEndpointProjectReferences": [_REFERENCE],
        }

    def put(self, name: str, text: str, *, hidden: bool = False) -> None:
        """As somebody in the web page."""
        self.values[name] = text
        self.hidden |= {name} if hidden else set()
        self._changed(STRANGER)

    def _changed(self, by: str) -> None:
        self.by, self.changes = by, self.changes + 1

    def _answer_to(self, request: Request) -> Reply:
        basic = base64.b64encode(f":{PAT}".encode()).decode()
        if request.headers.get("authorization") not in {f"Basic {basic}", f"Bearer {ENTRA}"}:
            return Reply(203, b"<html>Sign in to your account</html>", {"Content-Type": "text/html"})
        path = request.path
        if path == "/contoso/_apis/connectionData":
            return Reply(200, {"authenticatedUser": {"id": ME}})
        if path.startswith("/contoso/_apis/permissions/"):
            known = request.query["tokens"].startswith((f"Library/{PROJECT_ID}/", f"endpoints/{PROJECT_ID}/"))
            return Reply(200, {"count": 1, "value": [known and self.may_administer]})
        if "variablegroups" in path:
            return self._group(request)
        if "serviceendpoint" in path:
            return self._endpoint(request)
        return Reply(404, {"message": "The controller for path was not found"})

    def _group(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/contoso/Payments/_apis/distributedtask/variablegroups":
                groups = [self._shown()] if request.query["groupName"] == "billing" else []
                return Reply(200, {"count": len(groups), "value": groups})
            case "PUT", "/contoso/_apis/distributedtask/variablegroups/12":
                assert request.json["variableGroupProjectReferences"] == [_REFERENCE]
                self._take(request.json["variables"])
                return Reply(200, self._shown())
        return Reply(404, {"message": f"no {request.path}"})

    def _take(self, rows: dict[str, dict[str, Any]]) -> None:
        before = self.values
        self.values = {n: before.get(n, "") if r.get("value") is None else r["value"] for n, r in rows.items()}
        self.hidden = {name for name, row in rows.items() if row.get("isSecret")}
        self._changed(ME)

    def _shown(self) -> dict[str, Any]:
        rows = {
            name: {"value": None, "isSecret": True} if name in self.hidden else {"value": text}
            for name, text in self.values.items()
        }
        stamp = {"modifiedBy": {"id": self.by}, "modifiedOn": f"2026-03-01T10:00:{self.changes:02}Z"}
        names = {"id": 12, "name": "billing", "type": self.group_type, "variables": rows}
        return {**names, **stamp, "variableGroupProjectReferences": [_REFERENCE]}

    def _endpoint(self, request: Request) -> Reply:
        if request.method == "GET":
            rows = [self.endpoint] if request.query["endpointNames"] == self.endpoint["name"] else []
            return Reply(200, {"count": len(rows), "value": rows})
        body = request.json
        self.key = body["authorization"]["parameters"].pop("serviceprincipalkey", None) or self.key
        self.endpoint = body
        return Reply(200, body)
