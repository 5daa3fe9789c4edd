"""Are workloads rolled out anew, once for each credential, and by nobody who may not?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rotator.destinations.hooks import Runner, hook_options_of
from rotator.domain.model import HookRule
from rotator.errors import DestinationRefused
from rotator.ports import HookResult
from tests.builders import KEY, a_credential, a_rotation
from tests.destinations.places_kubernetes import KubernetesPlace
from tests.destinations.servers.answering import Fault, Reply


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[KubernetesPlace]:
    made = KubernetesPlace(tmp_path, "kubernetes")
    async with made.living():
        yield made


async def told(place: KubernetesPlace, *workloads: str) -> HookResult:
    options = {"kubeconfig": place.kubeconfig(), "restart": list(workloads)}
    rotation = a_rotation(hooks=(HookRule("it", "kubernetes", options),))
    return await Runner(place.surroundings()).run(rotation, "it", a_credential())


async def test_each_workload_is_rolled_out_once_for_each_credential(place: KubernetesPlace) -> None:
    for _ in range(2):
        assert await told(place, "deployment/billing-api", "statefulset/worker") == HookResult("it", done=True)
    assert place.server.restarted == {
        "deployments/billing-api": json.dumps({"entra-rotator/rotation-1": KEY}),
        "statefulsets/worker": json.dumps({"entra-rotator/rotation-1": KEY}),
    }


async def test_one_that_is_not_there_is_told_and_keeps_no_other_waiting(place: KubernetesPlace) -> None:
    result = await told(place, "deployment/lost", "daemonset/agent")
    assert not result.done
    assert result.message.startswith("kubernetes:deployment/lost,daemonset/agent: hook: 127.0.0.1 answered 404")
    assert result.message.endswith("Check namespace and name of the workload")
    assert set(place.server.restarted) == {"daemonsets/agent"}


async def test_check_asks_the_api_server_and_changes_nothing(place: KubernetesPlace) -> None:
    options = {"kubeconfig": place.kubeconfig(), "restart": ["deployment/billing-api"]}
    rotation = a_rotation(hooks=(HookRule("it", "kubernetes", options),))
    await Runner(place.surroundings()).check(rotation, "it")
    assert place.server.restarted == {}
    refusal = Reply(403, {"reason": "Forbidden", "message": "deployments.apps is forbidden"})
    place.server.faults.append(Fault(reply=refusal))
    with pytest.raises(DestinationRefused, match=r"is forbidden\. Bind a Role with patch on that workload"):
        await Runner(place.surroundings()).check(rotation, "it")


@pytest.mark.parametrize(
    "restart", [None, [], ["billing"], ["pod/billing"], ["deployment/Billing"], "deployment/x", [1]]
)
def test_what_is_no_workload_is_refused_at_load(restart: Any) -> None:
    with pytest.raises(ValidationError, match=r"a list such as \[deployment/billing-api\]"):
        hook_options_of("kubernetes").model_validate({"restart": restart})


def test_each_has_its_time() -> None:
    options = hook_options_of("kubernetes").model_validate({"restart": ["deployment/a", "deployment/b"]})
    assert options.patience().total_seconds() == 65
