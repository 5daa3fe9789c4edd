"""An Azure Resource Manager of a test: one site with a slot, one container app, and what the caller may do there."""

from __future__ import annotations

from typing import Any

from tests.destinations.servers.answering import Reply, Request, Server

TOKEN = "eyJ0-arm-token"
GROUP = f"/subscriptions/{'1' * 8}-{'1' * 4}-4{'1' * 3}-8{'1' * 3}-{'1' * 12}/resourceGroups/billing/providers"
SITE = f"{GROUP}/Microsoft.Web/sites/billing"
SLOT = f"{SITE}/slots/staging"
APP = f"{GROUP}/Microsoft.App/containerApps/billing"


class Arm(Server):
    """`allowed` are the actions of the caller's roles, `refused` their notActions."""

    def __init__(self) -> None:
        super().__init__(self._answer_to)
        self.token = TOKEN
        self.settings: dict[str, dict[str, str]] = {SITE: {}, SLOT: {}}
        self.secrets: list[dict[str, Any]] = []
        self.allowed = ["Microsoft.Web/sites/*", "Microsoft.App/*"]
        self.refused: list[str] = []
        #: So many listings after a change still show what was there before.
        self.lag = 0
        self._former: list[dict[str, Any]] = []
        self.done: list[str] = []

    def _answer_to(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _refused(401, "ExpiredAuthenticationToken", "The access token has expired")
        if "api-version" not in request.query:
            return _refused(400, "MissingApiVersionParameter", "The api-version query parameter is required")
        resource = next((each for each in (SLOT, SITE, APP) if request.path.startswith(each)), None)
        if resource is None:
            return _refused(404, "ResourceNotFound", "The Resource was not found")
        rest = request.path.removeprefix(resource)
        if rest == "/providers/Microsoft.Authorization/permissions":
            return Reply(200, {"value": [{"actions": self.allowed, "notActions": self.refused}]})
        return self._app(request, rest) if resource == APP else self._site(request, resource, rest)

    def _site(self, request: Request, resource: str, rest: str) -> Reply:
        match request.method, rest:
            case "POST", "/config/appsettings/list":
                return Reply(200, {"name": "appsettings", "properties": self.settings[resource]})
            case "PUT", "/config/appsettings":
                self.settings[resource] = dict(request.json["properties"])
                return Reply(200, {"name": "appsettings", "properties": self.settings[resource]})
            case "POST", "/config/configreferences/appsettings/refresh" | "/restart":
                self.done.append(rest)
                return Reply(200)
        return _refused(404, "NotFound", "no such operation")

    def _app(self, request: Request, rest: str) -> Reply:
        if (request.method, rest) == ("POST", "/listSecrets"):
            self.lag -= self.lag > 0
            return Reply(200, {"value": self._former if self.lag else self.secrets})
        if (request.method, rest) != ("PATCH", ""):
            return _refused(404, "NotFound", "no such operation")
        self._former = self.secrets
        self.secrets = list(request.json["properties"]["configuration"]["secrets"])
        return Reply(202)


def _refused(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})
