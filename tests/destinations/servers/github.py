"""How does GitHub behave as far as a delivery can tell? Sealed secrets, variables, tokens, an App, and limits."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import jwt
from nacl.public import PrivateKey, SealedBox

from tests.destinations.servers.answering import Reply, Request, Server

TOKEN = "github_pat_example"
APP_ID = "12345"
_PATH = re.compile(
    r"/(repos/example/billing/actions|repos/example/billing/environments/prod|orgs/example/actions)"
    r"/(secrets|variables)(?:/([A-Z0-9_]+|public-key))?(/repositories)?"
)


@dataclass
class Shelf:
    """The secrets and variables of one owner; a secret is its text as GitHub would use it, and when it was written."""

    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    visibility: dict[str, str] = field(default_factory=dict)
    selected: dict[str, list[int]] = field(default_factory=dict)


class GitHub(Server):
    """A repository `example/billing` with an environment `prod`, in an organisation `example`."""

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.shelves: dict[str, Shelf] = {}
        self.key = PrivateKey.generate()
        self.tokens = {TOKEN}
        self.scopes = ""
        self.app_key = ""
        self.permissions = {"secrets": "write", "actions_variables": "write"}
        self.logins = 0
        self._seconds = 0

    @property
    def repository(self) -> Shelf:
        return self.shelf("repos/example/billing/actions")

    def shelf(self, path: str) -> Shelf:
        return self.shelves.setdefault(path, Shelf())

    def put(self, shelf: Shelf, name: str, text: str) -> None:
        """Each write is a second later than the last."""
        self._seconds += 1
        shelf.secrets[name] = (text, f"2026-03-01T10:{self._seconds // 60:02}:{self._seconds % 60:02}Z")

    def _handle(self, request: Request) -> Reply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.path.startswith("/app/") or request.path.endswith("/installation"):
            return self._app(request, token)
        if token not in self.tokens:
            return Reply(401, {"message": "Bad credentials"})
        found = _PATH.fullmatch(request.path)
        if found is None:
            return Reply(404, {"message": "Not Found"})
        shelf, kind, name = self.shelf(found[1]), found[2], found[3] or ""
        answer = (self._secret if kind == "secrets" else self._variable)(shelf, name, request)
        if found[4]:
            chosen = shelf.selected.get(name, [])
            answer = Reply(200, {"total_count": len(chosen), "repositories": [{"id": each} for each in chosen]})
        return Reply(answer.status, answer.body, {"X-OAuth-Scopes": self.scopes} if self.scopes else {})

    def _app(self, request: Request, token: str) -> Reply:
        try:
            claims = jwt.decode(token, self.app_key, ["RS256"], options={"verify_exp": False, "verify_iat": False})
        except jwt.PyJWTError:
            return Reply(401, {"message": "A JSON web token could not be decoded"})
        if claims["iss"] != APP_ID or claims["exp"] - claims["iat"] > 600:
            return Reply(401, {"message": "'Expiration time' claim ('exp') is too far in the future"})
        if request.path.endswith("/installation"):
            there = request.path in {"/repos/example/billing/installation", "/orgs/example/installation"}
            return Reply(200, {"id": 77}) if there else Reply(404, {"message": "Not Found"})
        if request.path != "/app/installations/77/access_tokens":
            return Reply(404, {"message": "Not Found"})
        self.logins += 1
        self.tokens.add(f"ghs_{self.logins}")
        return Reply(201, {"token": f"ghs_{self.logins}", "permissions": self.permissions})

    def _secret(self, shelf: Shelf, name: str, request: Request) -> Reply:
        if name == "public-key":
            return Reply(200, {"key_id": "key-1", "key": base64.b64encode(bytes(self.key.public_key)).decode()})
        if request.method == "PUT":
            return self._sealed(shelf, name, request.json)
        if name not in shelf.secrets:
            return Reply(404, {"message": "Not Found"})
        if request.method == "DELETE":
            del shelf.secrets[name]
            return Reply(204)
        visibility = {"visibility": shelf.visibility[name]} if name in shelf.visibility else {}
        return Reply(200, {"name": name, "updated_at": shelf.secrets[name][1], **visibility})

    def _sealed(self, shelf: Shelf, name: str, body: dict[str, Any]) -> Reply:
        if body.get("key_id") != "key-1":
            return Reply(422, {"message": "key_id is not the one of the public key"})
        text = SealedBox(self.key).decrypt(base64.b64decode(body["encrypted_value"])).decode()
        status = 204 if name in shelf.secrets else 201
        if shelf is self.shelves.get("orgs/example/actions"):
            shelf.visibility[name] = body["visibility"]
            shelf.selected[name] = body.get("selected_repository_ids", [])
        self.put(shelf, name, text)
        return Reply(status, {} if status == 201 else None)

    def _variable(self, shelf: Shelf, name: str, request: Request) -> Reply:
        if request.method == "POST":
            if request.json["name"] in shelf.variables:
                return Reply(409, {"message": "Already exists - Variable already exists"})
            shelf.variables[request.json["name"]] = request.json["value"]
            return Reply(201, {})
        if not name:
            return Reply(200, {"total_count": len(shelf.variables), "variables": []})
        if name not in shelf.variables:
            return Reply(404, {"message": "Not Found"})
        if request.method == "PATCH":
            shelf.variables[name] = request.json["value"]
        if request.method == "DELETE":
            del shelf.variables[name]
        return Reply(200, {"name": name, "value": shelf.variables[name]}) if request.method == "GET" else Reply(204)
