"""How does Google's Secret Manager answer? Secrets with annotations and etags, versions by number, tokens that end."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from tests.destinations.servers.answering import Reply, Request, Server

PROJECT = "contoso-prod"
RIGHTS = (
    "secretmanager.secrets.get",
    "secretmanager.secrets.update",
    "secretmanager.versions.add",
    "secretmanager.versions.get",
)
_STATES = {"disable": "DISABLED", "destroy": "DESTROYED", "enable": "ENABLED"}


@dataclass
class Kept:
    """One secret."""

    annotations: dict[str, str] = field(default_factory=dict)
    replication: dict[str, Any] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    changes: int = 0

    @property
    def etag(self) -> str:
        return f'"{self.changes:x}"'


class FakeGoogle(Server):
    """The sign-in of a service account, and one project's secrets."""

    def __init__(self) -> None:
        self.secrets: dict[str, Kept] = {}
        self.tokens = 0
        self.rights = set(RIGHTS)
        super().__init__(self._take)

    def service_account(self) -> dict[str, str]:
        """The content of its key file."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "client_email": f"rotator@{PROJECT}.iam.gserviceaccount.com",
            "private_key": _private_key(),
            "private_key_id": "1",
            "token_uri": f"{self.url}/token",
        }

    def federation(self, token_file: str) -> dict[str, Any]:
        """The configuration of workload identity federation, with a token in a file."""
        pool = "projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
        return {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{pool}",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.url}/sts",
            "credential_source": {"file": token_file},
        }

    def shown(self) -> dict[str, str]:
        """What readers of the latest versions get."""
        live = {name: kept for name, kept in self.secrets.items() if kept.states and kept.states[-1] == "ENABLED"}
        return {name: kept.versions[-1] for name, kept in live.items()}

    def put(self, name: str, text: str) -> None:
        kept = self.secrets.setdefault(name, Kept())
        kept.versions.append(text)
        kept.states.append("ENABLED")

    def _take(self, request: Request) -> Reply:
        if request.path in {"/token", "/sts"}:
            return self._signed_in(request) if request.path == "/token" else self._federated(request)
        if request.headers.get("authorization") != f"Bearer token-{self.tokens}":
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        below = f"/v1/projects/{PROJECT}/secrets"
        if not request.path.startswith(below):
            return _error(403, "PERMISSION_DENIED", f"Permission denied on resource project {request.path[13:]}.")
        name, _, rest = request.path[len(below) :].lstrip("/").partition("/")
        name, _, verb = name.partition(":")
        if not name:
            return self._made(request) if request.method == "POST" else Reply(200, {})
        kept = self.secrets.get(name)
        if kept is None:
            return _error(404, "NOT_FOUND", f"Secret [{name}] not found.")
        return self._version(name, kept, rest) if rest else self._secret(name, kept, verb, request)

    def _signed_in(self, request: Request) -> Reply:
        asked = dict(parse_qsl(request.body.decode()))
        assert asked["grant_type"].endswith("jwt-bearer")
        claims = json.loads(base64.urlsafe_b64decode(asked["assertion"].split(".")[1] + "=="))
        assert claims["iss"].startswith("rotator@")
        self.tokens += 1
        return Reply(200, {"access_token": f"token-{self.tokens}", "expires_in": 3600, "token_type": "Bearer"})

    def _federated(self, request: Request) -> Reply:
        asked = dict(parse_qsl(request.body.decode()))
        if asked["subject_token"] != "a token of the cluster":
            return Reply(400, {"error": "invalid_grant", "error_description": "It was not issued there."})
        self.tokens += 1
        told = {"access_token": f"token-{self.tokens}", "expires_in": 3600, "token_type": "Bearer"}
        return Reply(200, told | {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})

    def _made(self, request: Request) -> Reply:
        name = request.query["secretId"]
        if name in self.secrets:
            return _error(409, "ALREADY_EXISTS", f"Secret [{name}] already exists.")
        kept = self.secrets[name] = Kept(request.json.get("annotations", {}), request.json.get("replication", {}))
        return self._told(name, kept)

    def _secret(self, name: str, kept: Kept, verb: str, request: Request) -> Reply:
        if verb == "testIamPermissions":
            return Reply(200, {"permissions": sorted(self.rights & set(request.json["permissions"]))})
        if verb == "addVersion":
            self.put(name, base64.b64decode(request.json["payload"]["data"]).decode())
            return self._version(name, kept, "versions/latest")
        etag = request.json.get("etag") if request.body else request.query.get("etag")
        if etag not in {None, kept.etag}:
            return _error(409, "ABORTED", "The etag does not match.")
        if request.method == "DELETE":
            del self.secrets[name]
            return Reply(200, {})
        if request.method == "PATCH":
            assert request.query["updateMask"] == "annotations"
            kept.annotations, kept.changes = request.json["annotations"], kept.changes + 1
        return self._told(name, kept)

    def _version(self, name: str, kept: Kept, rest: str) -> Reply:
        number, _, verb = rest.removeprefix("versions/").partition(":")
        at = len(kept.versions) if number == "latest" else int(number)
        if not 1 <= at <= len(kept.versions):
            return _error(404, "NOT_FOUND", f"Secret Version [{rest}] not found.")
        if verb:
            if kept.states[at - 1] == "DESTROYED":
                return _error(400, "FAILED_PRECONDITION", "It is destroyed.")
            kept.states[at - 1] = _STATES[verb]
        full = f"projects/{PROJECT}/secrets/{name}/versions/{at}"
        return Reply(200, {"name": full, "state": kept.states[at - 1]})

    def _told(self, name: str, kept: Kept) -> Reply:
        told = {"name": f"projects/{PROJECT}/secrets/{name}", "etag": kept.etag, "replication": kept.replication}
        return Reply(200, told | ({"annotations": kept.annotations} if kept.annotations else {}))


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": status, "status": code, "message": message}})


@cache
def _private_key() -> str:
    """One for all accounts of this process, and a short one: to read a long one takes longer than most tests."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
