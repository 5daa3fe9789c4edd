"""How does Vault behave as far as a delivery can tell? KV versions 1 and 2, tokens that end, sign-ins, policies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.destinations.servers.answering import Reply, Request, Server

ROOT = "hvs.root-token"
READ_ONLY = "hvs.read-only-token"
ROLE_ID, SECRET_ID, JWT = "role-1", "secret-id-1", "header.payload.signature"
_RIGHTS = {"read": {"GET"}, "create": {"POST", "PUT"}, "update": {"POST", "PUT"}, "patch": {"PATCH"}}


@dataclass
class Versions:
    """One path of KV version 2; a version is None once it is deleted."""

    data: list[dict[str, Any] | None] = field(default_factory=list)
    custom: dict[str, str] = field(default_factory=dict)


@dataclass
class Token:
    seconds: int = 0
    ends_at: float | None = None
    renewable: bool = False
    writes: bool = True


class Vault(Server):
    """Mounts `secret` (version 2) and `kv` (version 1); `now` is its clock."""

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.two: dict[str, Versions] = {}
        self.one: dict[str, dict[str, Any]] = {}
        self.tokens = {ROOT: Token(), READ_ONLY: Token(writes=False)}
        self.namespace = ""
        self.now = 0.0
        self.lease, self.renewable = 3600, True
        self.logins = 0

    def put(self, path: str, data: dict[str, Any]) -> None:
        """As somebody else would write the whole secret of version 2."""
        self.two.setdefault(path, Versions()).data.append(data)

    def current(self, path: str) -> dict[str, Any]:
        versions = self.two.get(path, Versions()).data
        return dict(versions[-1] or {}) if versions else {}

    def _handle(self, request: Request) -> Reply:
        path = request.path.removeprefix("/v1/")
        if request.headers.get("x-vault-namespace", "") != self.namespace:
            return _errors(404, "namespace not found")
        if found := re.fullmatch(r"auth/(.+)/login", path):
            return self._login(found[1], request.json)
        token = self.tokens.get(request.headers.get("x-vault-token", ""))
        if token is None or (token.ends_at is not None and token.ends_at <= self.now):
            return _errors(403, "permission denied", "invalid token")
        if path.startswith(("auth/token/", "sys/")):
            return self._own(path, token, request)
        if not token.writes and request.method != "GET":
            return _errors(403, "1 error occurred:\n\t* permission denied\n\n")
        return self._secret(path, request)

    def _secret(self, path: str, request: Request) -> Reply:
        mounts = {"secret/data/": self._data, "secret/metadata/": self._metadata, "kv/": self._one}
        for mount, answer in mounts.items():
            if path.startswith(mount):
                return answer(path.removeprefix(mount), request)
        return _errors(404, f'no handler for route "{path}". route entry not found.')

    def _login(self, mount: str, body: dict[str, str]) -> Reply:
        self.logins += 1
        if mount == "approle" and (body.get("role_id"), body.get("secret_id")) != (ROLE_ID, SECRET_ID):
            return _errors(400, "invalid role or secret ID")
        if mount in {"kubernetes", "jwt"} and (body.get("role"), body.get("jwt")) != ("rotator", JWT):
            return _errors(403, "permission denied")
        if mount not in {"approle", "kubernetes", "jwt"}:
            return _errors(403, "permission denied")
        token = f"hvs.fetched-{self.logins}"
        self.tokens[token] = Token(self.lease, self.now + self.lease, self.renewable)
        told = {"client_token": token, "lease_duration": self.lease, "renewable": self.renewable}
        return Reply(200, {"auth": told})

    def _own(self, path: str, token: Token, request: Request) -> Reply:
        match path:
            case "auth/token/lookup-self":
                left = 0 if token.ends_at is None else token.ends_at - self.now
                return Reply(200, {"data": {"ttl": left, "renewable": token.renewable}})
            case "auth/token/renew-self":
                token.ends_at = self.now + token.seconds
                told = {"lease_duration": token.seconds, "renewable": token.renewable}
                return Reply(200, {"auth": told})
            case "sys/capabilities-self":
                granted = ["create", "patch", "read", "update"] if token.writes else ["read"]
                return Reply(200, dict.fromkeys(request.json["paths"], granted))
            case "sys/internal/ui/mounts/secret":
                return Reply(200, {"data": {"type": "kv", "options": {"version": "2"}}})
            case "sys/internal/ui/mounts/kv":
                return Reply(200, {"data": {"type": "kv", "options": None}})
        return _errors(403, "preflight capability check returned 403")

    def _one(self, name: str, request: Request) -> Reply:
        match request.method:
            case "GET":
                return Reply(200, {"data": self.one[name]}) if name in self.one else _errors(404)
            case "DELETE":
                self.one.pop(name, None)
            case _:
                self.one[name] = request.json
        return Reply(204)

    def _data(self, name: str, request: Request) -> Reply:
        versions = self.two.get(name, Versions()).data
        if request.method == "GET":
            n = int(request.query.get("version", 0)) or len(versions)
            if not 0 < n <= len(versions):
                return _errors(404)
            body = {"data": {"data": versions[n - 1], "metadata": {"version": n}}}
            return Reply(404 if versions[n - 1] is None else 200, body)
        if request.json.get("options", {}).get("cas", len(versions)) != len(versions):
            return _errors(400, "check-and-set parameter did not match the current version")
        self.put(name, request.json["data"])
        return Reply(200, {"data": {"version": len(self.two[name].data)}})

    def _metadata(self, name: str, request: Request) -> Reply:
        there = self.two.get(name)
        if request.method == "POST":
            self.two.setdefault(name, Versions()).custom = request.json["custom_metadata"]
            return Reply(204)
        if there is None:
            return _errors(404)
        if request.method == "DELETE":
            del self.two[name]
        if request.method == "PATCH":
            return _merged(there, request)
        return Reply(200, {"data": _described(there)}) if request.method == "GET" else Reply(204)


def _merged(there: Versions, request: Request) -> Reply:
    if request.headers["content-type"] != "application/merge-patch+json":
        return _errors(415, "unsupported media type")
    merged = {**there.custom, **request.json["custom_metadata"]}
    custom = {key: text for key, text in merged.items() if text is not None}
    if len(custom) > 64 or any(len(text.encode()) > 512 for text in custom.values()):
        return _errors(400, "custom_metadata validation failed")
    there.custom = custom
    return Reply(204)


def _described(there: Versions) -> dict[str, Any]:
    versions = {
        str(n): {"deletion_time": "2026-03-01T10:00:00Z" if data is None else "", "destroyed": False}
        for n, data in enumerate(there.data, 1)
    }
    custom = there.custom or None
    return {"current_version": len(there.data), "versions": versions or None, "custom_metadata": custom}


def _errors(status: int, *errors: str) -> Reply:
    return Reply(status, {"errors": list(errors)})
