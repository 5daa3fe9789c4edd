"""How are the pods that use a Secret told? Their workload is rolled out anew, as `kubectl rollout restart` does."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rotator.destinations.hooks.options import Hook, HookOptions
from rotator.destinations.kubernetes_api import Cluster, ClusterOptions, is_object_name
from rotator.errors import RotatorError
from rotator.options import Rule, refuse

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Credential, Rotation

_KINDS = {"deployment": "deployments", "statefulset": "statefulsets", "daemonset": "daemonsets"}
_MERGE = {"Content-Type": "application/merge-patch+json"}
_HINTS = {
    403: "Bind a Role with patch on that workload (apiGroups: [apps])",
    404: "Check namespace and name of the workload",
}


def _workloads(value: object) -> tuple[str, ...]:
    allowed = "a list such as [deployment/billing-api]: deployment, statefulset or daemonset, and a name"
    rows = value if isinstance(value, list | tuple) else ()
    found = [re.fullmatch(r"([a-z]+)/(.+)", row) for row in rows if isinstance(row, str)]
    good = [each for each in found if each and each[1] in _KINDS and is_object_name(each[2])]
    return tuple(rows) if rows and len(good) == len(rows) <= 20 else refuse(value, allowed)


class Options(ClusterOptions, HookOptions):
    """Which workloads."""

    restart: Annotated[
        tuple[str, ...], Rule(_workloads, {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 20})
    ] = Field(description="Workloads to roll out anew: deployment/NAME, statefulset/NAME, daemonset/NAME.")

    def name(self) -> str:
        return f"kubernetes:{self.within(','.join(self.restart))}"

    def open(self, rotation: Rotation, surroundings: Surroundings) -> Hook:
        return _Workloads(self, rotation, surroundings)

    def patience(self) -> timedelta:
        return self.timeout * len(self.restart) + timedelta(seconds=5)


class _Workloads:
    """The key id stands in an annotation of the pods, so being told twice of one credential restarts nothing twice."""

    def __init__(self, options: Options, rotation: Rotation, surroundings: Surroundings) -> None:
        self._workloads = options.restart
        self._cluster = Cluster(options, options.name(), surroundings, hints=_HINTS)
        self._annotation = f"entra-rotator/{rotation.id}"

    async def check(self) -> None:
        """The same, without doing it: the API server says whether it would."""
        await self._patch("check", "check", {"dryRun": "All"})

    async def tell(self, credential: Credential) -> None:
        """Returns when the API server has taken note; the pods are replaced by and by."""
        await self._patch("hook", credential.key_id, {})

    async def _patch(self, operation: str, key_id: str, params: dict[str, str]) -> None:
        """All of them, also when one is refused; the first refusal is told."""
        body = json.dumps({"spec": {"template": {"metadata": {"annotations": {self._annotation: key_id}}}}})
        problems: list[RotatorError] = []
        try:
            for workload in self._workloads:
                kind, _, name = workload.partition("/")
                path = f"/apis/apps/v1/namespaces/{self._cluster.namespace(operation)}/{_KINDS[kind]}/{name}"
                try:
                    await self._cluster.ask(operation, "PATCH", path, headers=_MERGE, content=body, params=params)
                except RotatorError as problem:
                    problems.append(problem)
        finally:
            await self._cluster.close()
        if problems:
            raise problems[0]
