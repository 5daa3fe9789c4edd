"""Do the APIs of several nodes show one installation?"""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.cli.workspace import Daemon, Tenant
from tests.cluster.installation import Cluster
from tests.web.asking import NOBODY

CONNECTIONS = "/api/v1/app-connections/azure-client-secrets"


def api_of(node: Daemon, token: str) -> httpx.Client:
    line = next(line for line in node.log().splitlines() if "the API listens" in line)
    address: str = json.loads(line)["address"]
    return httpx.Client(
        base_url=address, headers={"Authorization": f"Bearer {token}"}, verify=NOBODY, trust_env=False, timeout=60
    )


def test_what_one_node_s_api_makes_the_others_use_at_once(cluster: Cluster, tenant: Tenant) -> None:
    cluster.document["api"] = {"listen": "127.0.0.1:0"}
    one, two = cluster.start_all("one", "two")
    assert cluster.rotator("identity", "create", "admin", "--role", "admin").status == 0
    token = cluster.rotator("identity", "token", "admin").out.strip()
    place = tenant.place
    credentials = {"clientId": place["adminClientId"], "clientSecret": place["adminClientSecret"]}
    body: dict[str, Any] = {"name": "fabrikam", "method": "client-secret", "cloud": "simulated"}
    body["credentials"] = {"tenantId": place["tenantId"], **credentials}
    with api_of(one, token) as first, api_of(two, token) as second:
        made = first.post(CONNECTIONS, json=body)
        assert made.status_code == 200, made.text
        named = f"{CONNECTIONS}/connection-name/fabrikam"
        cluster.until(lambda: second.get(named).status_code == 200)
        connection = made.json()["appConnection"]["id"]
        rotation = {
            "name": "made-by-two",
            "projectId": "default",
            "connectionId": connection,
            "environment": "prod",
            "secretPath": "/",
            "isAutoRotationEnabled": True,
            "rotationInterval": 30,
            "parameters": {"objectId": tenant.application(displayName="Api")["objectId"]},
            "secretsMapping": {"clientId": "TWO_ID", "clientSecret": "TWO_SECRET"},
            "verify": {"successes": 1, "interval": "0s"},
        }
        done = second.post("/api/v2/secret-rotations/azure-client-secret", json=rotation)
        assert done.status_code == 200, done.text
        shown = first.get("/api/v2/secret-rotations", params={"projectId": "default"}).json()["secretRotations"]
        assert [(each["name"], each["rotationStatus"]) for each in shown] == [("made-by-two", "success")]
        assert first.delete(f"{CONNECTIONS}/{connection}").status_code == 400
