"""How does an API server behave as far as a delivery can tell? Secrets, server-side apply, field managers, rights.

Only maps of texts are kept (data, labels, annotations), so a field is a pair of a map and a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.destinations.servers.answering import Reply, Request, Server

TOKEN = "service-account-token"
_SECRETS = re.compile(r"/api/v1/namespaces/([^/]+)/secrets(?:/([^/]+))?")
_WORKLOADS = re.compile(r"/apis/apps/v1/namespaces/([^/]+)/(deployments|statefulsets|daemonsets)/([^/]+)")
_ONLY_METADATA = "as=PartialObjectMetadata"
Field = tuple[str, str]


@dataclass
class Object:
    """`owners`: (manager, operation) -> the fields it has set last."""

    fields: dict[Field, str] = field(default_factory=dict)
    owners: dict[tuple[str, str], set[Field]] = field(default_factory=dict)
    version: int = 0
    immutable: bool = False


class Kubernetes(Server):
    """The namespace `payments`; `rights` are verbs on secrets that the token has."""

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.secrets: dict[str, Object] = {}
        self.rights = {"get", "create", "patch", "delete"}
        self.tokens = {TOKEN}
        self.restarted: dict[str, str] = {}
        self._versions = 100

    def edit(self, name: str, changes: Mapping[Field, str | None], manager: str = "kubectl-edit") -> None:
        """As somebody would with an update: what changes is theirs from then on."""
        there = self.secrets.setdefault(name, Object())
        for each, text in changes.items():
            if there.fields.get(each) == text:
                continue
            for owned in there.owners.values():
                owned.discard(each)
            there.fields.pop(each, None)
            if text is not None:
                there.fields[each] = text
                there.owners.setdefault((manager, "Update"), set()).add(each)
        self._touch(there)

    def _touch(self, there: Object) -> None:
        self._versions += 1
        there.version = self._versions

    def _handle(self, request: Request) -> Reply:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _status(401, "Unauthorized", "Unauthorized")
        if request.path.endswith("/selfsubjectaccessreviews"):
            verb = request.json["spec"]["resourceAttributes"]["verb"]
            return Reply(201, {"status": {"allowed": verb in self.rights}})
        found = _SECRETS.fullmatch(request.path)
        if found is None:
            return self._workload(request)
        namespace, name = found.groups()
        verb = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[request.method]
        if verb not in self.rights:
            return _status(403, "Forbidden", f'secrets "{name}" is forbidden: User "rotator" cannot {verb} resource')
        if namespace != "payments" and request.method == "POST":
            return _status(404, "NotFound", f'namespaces "{namespace}" not found')
        answers = {"get": self._get, "create": self._create, "patch": self._patch, "delete": self._delete}
        return answers[verb](name or "", request) if namespace == "payments" else _missing(name or "")

    def _get(self, name: str, request: Request) -> Reply:
        there = self.secrets.get(name)
        only_metadata = _ONLY_METADATA in request.headers.get("accept", "")
        return Reply(200, _plain(name, there, only_metadata=only_metadata)) if there else _missing(name)

    def _create(self, _name: str, request: Request) -> Reply:
        name = request.json["metadata"]["name"]
        if name in self.secrets:
            return _status(409, "AlreadyExists", f'secrets "{name}" already exists')
        self.edit(name, _fields(request.json), request.query.get("fieldManager", "unknown"))
        return Reply(201, _plain(name, self.secrets[name]))

    def _patch(self, name: str, request: Request) -> Reply:
        there, asked = self.secrets.get(name), json.loads(request.body)
        if there is None:
            return _missing(name)
        if there.immutable:
            return _status(422, "Invalid", f'Secret "{name}" is invalid: data: Forbidden: field is immutable')
        if asked["metadata"].get("resourceVersion", str(there.version)) != str(there.version):
            return _status(
                409, "Conflict", "the object has been modified; please apply your changes to the latest version"
            )
        if request.headers["content-type"] == "application/merge-patch+json":
            self.edit(name, _fields(asked), "unknown")
            return Reply(200, _plain(name, there))
        return self._apply(name, there, request)

    def _apply(self, name: str, there: Object, request: Request) -> Reply:
        wanted = {each: text for each, text in _fields(json.loads(request.body)).items() if text is not None}
        me = (request.query["fieldManager"], "Apply")
        theirs = {
            each
            for owner, owned in there.owners.items()
            for each in owned
            if owner != me and each in wanted and there.fields[each] != wanted[each]
        }
        if theirs and request.query.get("force") != "true":
            return _status(409, "Conflict", f"Apply failed with {len(theirs)} conflict")
        gone = there.owners.get(me, set()) - set(wanted)
        for owned in there.owners.values():
            owned.difference_update(theirs)
        there.owners[me] = set(wanted)
        for each in gone:
            if not any(each in owned for owned in there.owners.values()):
                there.fields.pop(each, None)
        there.fields |= wanted
        self._touch(there)
        return Reply(200, _plain(name, there))

    def _delete(self, name: str, request: Request) -> Reply:
        there = self.secrets.get(name)
        if there is None:
            return _missing(name)
        if request.json["preconditions"]["resourceVersion"] != str(there.version):
            return _status(409, "Conflict", "the ResourceVersion in the precondition does not match")
        del self.secrets[name]
        return Reply(200, {"status": "Success"})

    def _workload(self, request: Request) -> Reply:
        found = _WORKLOADS.fullmatch(request.path)
        if found is None or found[3] == "lost":
            return _missing(request.path)
        if request.query.get("dryRun") == "All":
            return Reply(200, {})
        annotations = json.loads(request.body)["spec"]["template"]["metadata"]["annotations"]
        self.restarted[f"{found[2]}/{found[3]}"] = json.dumps(annotations)
        return Reply(200, {})


def _fields(asked: Mapping[str, Any]) -> dict[Field, str | None]:
    metadata = asked["metadata"]
    maps = {"data": asked.get("data"), "labels": metadata.get("labels"), "annotations": metadata.get("annotations")}
    return {(kind, name): text for kind, texts in maps.items() for name, text in (texts or {}).items()}


def _plain(name: str, there: Object, *, only_metadata: bool = False) -> dict[str, Any]:
    maps: dict[str, dict[str, str]] = {"data": {}, "labels": {}, "annotations": {}}
    for (kind, each), text in there.fields.items():
        maps[kind][each] = text
    managed = [
        {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": _owned(owned)}
        for (manager, operation), owned in there.owners.items()
        if owned
    ]
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "payments",
        "resourceVersion": str(there.version),
        "managedFields": managed,
    }
    metadata |= {kind: maps[kind] for kind in ("labels", "annotations") if maps[kind]}
    data = {} if only_metadata or not maps["data"] else {"data": maps["data"]}
    return {"kind": "PartialObjectMetadata" if only_metadata else "Secret", "metadata": metadata, **data}


def _owned(owned: set[Field]) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        kind: {f"f:{name}": {} for each, name in owned if each == kind} for kind, _ in owned
    }
    above = {f"f:{kind}": {".": {}, **names} for kind, names in kinds.items() if kind != "data"}
    data = {"f:data": kinds["data"]} if "data" in kinds else {}
    return {**data, **({"f:metadata": above} if above else {})}


def _missing(name: str) -> Reply:
    return _status(404, "NotFound", f'secrets "{name}" not found')


def _status(code: int, reason: str, message: str) -> Reply:
    return Reply(code, {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code})
