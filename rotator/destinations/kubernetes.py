"""How is a credential delivered to a Secret of Kubernetes? By server-side apply, beside the keys of others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rotator.destinations.kubernetes_api import Cluster, ClusterOptions, is_object_name
from rotator.destinations.kubernetes_secret import Seen, applied, manager_of, without
from rotator.destinations.marks import Mark, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.options import KindOptions
from rotator.destinations.sidecar import Seat, differs_in_token_alone
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import Rule, refuse
from rotator.ports import Placed

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation
    from rotator.ports import Destination, Parcel

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
#: The whole object without its data; https://kubernetes.io/docs/reference/using-api/api-concepts/
_METADATA_ONLY = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_MERGE = {"Content-Type": "application/merge-patch+json"}
_HINTS = {
    404: "Make the namespace first",
    422: "A Secret with immutable: true cannot be changed; name another",
}
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def _secret_name(value: object) -> str:
    allowed = "a name such as billing-credentials: a-z, 0-9, '-' and '.', at most 253 characters"
    return str(value) if is_object_name(value) else refuse(value, allowed)


class Options(ClusterOptions, KindOptions):
    """Which Secret of which cluster."""

    secret: Annotated[str, Rule(_secret_name, {"type": "string", "maxLength": 253})] = Field(
        description="The name of the Secret; made when there is none."
    )

    def place(self) -> str:
        return f"kubernetes:{self.within(self.secret)}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)
        return KubernetesDestination(
            self.secret, seat, names, cluster=Cluster(self, seat.place, surroundings, hints=_HINTS)
        )

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        bad = sorted(name for name in set(names.values()) if not _KEY.fullmatch(name) or name in {".", ".."})
        allowed = "letters, digits, '-', '_' and '.', at most 253 characters"
        return super().name_problems(names) + [f"names: {name!r} is not allowed ({allowed})" for name in bad]


class KubernetesDestination:
    """One rotation's keys of one Secret."""

    def __init__(self, name: str, seat: Seat, names: Mapping[str, str], *, cluster: Cluster) -> None:
        self._name = name
        self._seat = seat
        self._names = dict(names)
        self._cluster = cluster

    async def check(self) -> None:
        """Asks the API server what we may do; writes nothing."""
        missing = [verb for verb in ("get", "patch") if not await self._may(verb)]
        if "get" not in missing and await self._seen("check", _METADATA_ONLY) is None and not await self._may("create"):
            missing.append("create")
        if missing:
            where = f"secrets {self._name!r} in namespace {self._cluster.namespace('check')!r}"
            hint = "Bind a Role with get and patch on secrets of that name, and with create on secrets if there is none"
            raise DestinationRefused(self._seat.place, "check", f"we may not {', '.join(missing)} {where}", hint=hint)

    async def read(self) -> Placed | None:
        """The version covers our texts as they stand; none is fetched while nobody else has written our keys."""
        beside = await self._seen("read", _METADATA_ONLY)
        if beside is None:
            return None
        untouched = beside.untouched(self._seat)
        if untouched is not None:
            return untouched
        seen = await self._seen("read")
        return seen.shared().placed(self._seat) if seen else None

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """Follows the very object that was looked at: when anybody changes it in between, nothing is written."""
        seen = await self._seen("write")
        shared = (seen or Seen()).shared()
        former = shared.mine(self._seat)
        refuse_stale(former.marker if former else None, parcel.marker, destination=self._seat.place)
        mark = Mark(parcel.marker, self._seat.names, made=former.made if former else seen is None)
        wanted = shared.having(texts(parcel, self._names), mark)
        if not differs_in_token_alone(shared, wanted):
            refuse_changed(shared.placed(self._seat), over, destination=self._seat.place)
        if seen is None or wanted != shared or not seen.untouched(self._seat):
            version = (seen or await self._made()).version
            await self._apply(applied(wanted, mark, parcel, seat=self._seat, name=self._name, version=version))
        placed = await self.read()
        if placed is None:
            raise DestinationUnavailable(self._seat.place, "write", "what was written was taken away again at once")
        return placed

    async def remove(self, *, over: Placed) -> None:
        """A Secret that we made goes when nothing else is in it."""
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._seat.place)
        seen = await self._seen("remove")
        shared = (seen or Seen()).shared()
        now, mine = shared.placed(self._seat), shared.mine(self._seat)
        if now is not None:
            refuse_changed(now, over, destination=self._seat.place, operation="remove")
        if seen is None or mine is None:
            return
        left = await self._ask("remove", "PATCH", headers=_MERGE, content=json.dumps(without(mine, seen)))
        if mine.made and not left.data and not left.shared().marks:
            await self._delete(left)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._cluster.close()

    async def _may(self, verb: str) -> bool:
        attributes = {"verb": verb, "resource": "secrets", "namespace": self._cluster.namespace("check")}
        if verb != "create":  # a Role cannot name what is still to be made
            attributes["name"] = self._name
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = await self._cluster.ask("check", "POST", _REVIEWS, json=body)
        return (answer.json.get("status") or {}).get("allowed") is True

    async def _seen(self, operation: str, headers: Mapping[str, str] | None = None) -> Seen | None:
        answer = await self._cluster.ask(operation, "GET", self._path(operation), wanted={404}, headers=headers)
        return None if answer.status == 404 else Seen.of(answer.json)

    async def _made(self) -> Seen:
        """An empty Secret: only one writer can make it, and the one who did goes on from its version."""
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self._name}, "type": "Opaque"}
        path = self._path("write").rpartition("/")[0]
        params = {"fieldManager": manager_of(self._seat.rotation_id)}
        answer = await self._cluster.ask("write", "POST", path, wanted={409}, json=body, params=params)
        self._refuse_overtaken("write", answer.status)
        return Seen.of(answer.json)

    async def _apply(self, body: Mapping[str, Any]) -> None:
        params = {"fieldManager": manager_of(self._seat.rotation_id), "force": "true"}
        hide = [Secret(text) for text in body["data"].values()]
        await self._ask("write", "PATCH", headers=_APPLY, content=json.dumps(body), params=params, hide=hide)

    async def _ask(self, operation: str, method: str, **request: Any) -> Seen:
        answer = await self._cluster.ask(operation, method, self._path(operation), wanted={409}, **request)
        self._refuse_overtaken(operation, answer.status)
        return Seen.of(answer.json)

    async def _delete(self, seen: Seen) -> None:
        """Without the right to, an empty Secret stays; so it does when somebody has put something in by now."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": seen.version}}
        path = self._path("remove")
        await self._cluster.ask("remove", "DELETE", path, wanted={403, 404, 409}, json=body)

    def _refuse_overtaken(self, operation: str, status: int) -> None:
        if status == 409:
            refuse_changed(None, Placed(None, "another"), destination=self._seat.place, operation=operation)

    def _path(self, operation: str) -> str:
        return f"/api/v1/namespaces/{self._cluster.namespace(operation)}/secrets/{self._name}"
