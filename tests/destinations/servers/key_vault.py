"""A key vault of a test: challenge, versions in pages, soft delete, rights; as the REST reference of version 7 tells.

https://learn.microsoft.com/rest/api/keyvault/secrets
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from tests.destinations.servers.answering import Reply, Request, Server

TOKEN = "eyJ0-vault-token"
_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_PAGE = 2
LIST, SET, UPDATE, DELETE, RECOVER = "readMetadata", "setSecret", "update", "delete", "recover"


@dataclass
class Kept:
    """A secret by its name: its versions, oldest first."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    deleted: bool = False
    #: So many looks show it as still being recovered.
    recovering: int = 0


class FakeVault(Server):
    """`rights` are those of whoever bears `token`; the clock of the vault stands still unless told."""

    def __init__(self) -> None:
        super().__init__(self._answer_to)
        self.secrets: dict[str, Kept] = {}
        self.token = TOKEN
        self.rights = {LIST, SET, UPDATE, DELETE, RECOVER}
        self.now = 1_770_000_000
        self.slow_recovery = 0
        self.resource = "https://vault.azure.net"
        self._operations = {
            "GET secrets * versions": (LIST, self._versions),
            "PUT secrets *": (SET, self._set),
            "PATCH secrets * *": (UPDATE, self._update),
            "DELETE secrets *": (DELETE, self._delete),
            "POST deletedsecrets * recover": (RECOVER, self._recover),
        }

    def put(self, name: str, text: str, **facts: Any) -> dict[str, Any]:
        """As somebody in the portal."""
        attributes = {"enabled": True, "created": self.now, "updated": self.now, **facts.pop("attributes", {})}
        version = {"id": secrets.token_hex(16), "value": text, "attributes": attributes, "tags": {}, **facts}
        self.secrets.setdefault(name.lower(), Kept()).versions.append(version)
        return version

    def latest(self, name: str) -> dict[str, Any]:
        return self.secrets[name.lower()].versions[-1]

    def shown(self) -> dict[str, str]:
        return {name: kept.versions[-1]["value"] for name, kept in self.secrets.items() if not kept.deleted}

    def _answer_to(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            challenge = f'Bearer authorization="https://login.example/{"1" * 8}", resource="{self.resource}"'
            return Reply(401, _error("Unauthorized", "no token"), {"WWW-Authenticate": challenge})
        parts = [request.method, *request.path.strip("/").split("/")]
        for shape, (right, work) in self._operations.items():
            method, *steps = shape.split()
            names = [part for step, part in zip(steps, parts[1:], strict=False) if step == "*"]
            if len(steps) + 1 == len(parts) and all(
                a in {"*", b} for a, b in zip([method, *steps], parts, strict=True)
            ):
                return self._guarded(right, work, "/".join(names), request)
        return Reply(404, _error("NotFound", "no such operation"))

    def _guarded(self, right: str, work: Any, name: str, request: Request) -> Reply:
        if right not in self.rights:
            body = _error("Forbidden", f"Caller is not authorized to perform action on resource: {right}/action")
            body["error"]["innererror"] = {"code": "ForbiddenByRbac"}
            return Reply(403, body)
        answered: Reply = work(name, request)
        return answered

    def _versions(self, name: str, request: Request) -> Reply:
        kept = self.secrets.get(name.lower(), Kept())
        if kept.recovering:
            kept.recovering -= 1
            return Reply(200, {"value": [], "nextLink": None})
        rows = [] if kept.deleted else sorted(kept.versions, key=lambda each: str(each["id"]))
        skip = int(request.query.get("$skiptoken", "0"))
        more = f"{self.url}{request.path}?api-version=7.6&$skiptoken={skip + _PAGE}"
        shown = [self._without_text(name, row) for row in rows[skip : skip + _PAGE]]
        return Reply(200, {"value": shown, "nextLink": more if skip + _PAGE < len(rows) else None})

    def _set(self, name: str, request: Request) -> Reply:
        body = request.json
        kept = self.secrets.get(name.lower())
        if not _NAME.fullmatch(name) or not isinstance(body.get("value"), str):
            return Reply(400, _error("BadParameter", "The request URI contains an invalid name"))
        if len(body["value"]) > 25_000:
            return Reply(413, _error("RequestEntityTooLarge", "too large"))
        if kept and kept.deleted:
            answer = _error("Conflict", f"Secret {name} is currently in a deleted but recoverable state")
            answer["error"]["innererror"] = {"code": "ObjectIsDeletedButRecoverable"}
            return Reply(409, answer)
        made = self.put(name, body["value"], tags=body.get("tags") or {}, attributes=body.get("attributes") or {})
        return Reply(200, {**self._without_text(name, made), "value": body["value"]})

    def _update(self, path: str, request: Request) -> Reply:
        name, _, version = path.partition("/")
        rows = self.secrets.get(name.lower(), Kept()).versions
        found = next((row for row in rows if row["id"] == version), None)
        if found is None:
            return Reply(
                404, _error("SecretNotFound", f"A secret with (name/id) {path} was not found in this key vault")
            )
        found["attributes"] |= request.json.get("attributes") or {}
        if "tags" in request.json:
            found["tags"] = request.json["tags"]
        return Reply(200, self._without_text(name, found))

    def _delete(self, name: str, _request: Request) -> Reply:
        kept = self.secrets.get(name.lower())
        if kept is None or kept.deleted:
            return Reply(404, _error("SecretNotFound", f"A secret with (name/id) {name} was not found"))
        kept.deleted = True
        return Reply(
            200, {"recoveryId": f"{self.url}/deletedsecrets/{name}", **self._without_text(name, kept.versions[-1])}
        )

    def _recover(self, name: str, _request: Request) -> Reply:
        kept = self.secrets[name.lower()]
        kept.deleted, kept.recovering = False, self.slow_recovery
        return Reply(200, self._without_text(name, kept.versions[-1]))

    def _without_text(self, name: str, row: dict[str, Any]) -> dict[str, Any]:
        shown = {key: value for key, value in row.items() if key != "value"}
        return shown | {"id": f"{self.url}/secrets/{name}/{row['id']}"}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
