"""What does `rotator inventory` take of a large tenant beyond Graph's own time, and does its memory stay flat?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.processes import command
from tests.benchmarks.report import Goal, Line, Spent, show
from tests.benchmarks.tenant import Tenant, tenant, write_configuration

_SECRETS = 2
#: Seconds; and MiB for nine times as many lines, which a command keeps to sort them. Pages of Graph are not kept.
_BEYOND, _GROWTH = Goal(most=3.0), Goal(most=40.0)
#: The same pages, asked for and thrown away; what is told is how long that took, without its own start.
_BARE = """
import sys, time, httpx
authority, tenant, client, secret, scope, graph, ca = sys.argv[1:]
with httpx.Client(verify=ca, trust_env=False, timeout=60) as http:
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret, "scope": scope}
    began = time.perf_counter()
    token = http.post(f"{authority}/{tenant}/oauth2/v2.0/token", data=form).json()["access_token"]
    http.headers.update({"Authorization": f"Bearer {token}", "ConsistencyLevel": "eventual"})
    seen = 0
    for link in (
        "applications?$filter=owners/$count%20eq%200&$count=true&$select=id&$top=999",
        "applications?$select=id,appId,displayName,passwordCredentials,keyCredentials&$top=999",
        "servicePrincipals?$select=id,appId,displayName,servicePrincipalType,appOwnerOrganizationId,"
        "passwordCredentials,keyCredentials&$top=999",
    ):
        link = f"{graph}/{link}"
        while link:
            page = http.get(link)
            page.raise_for_status()
            found = page.json()
            seen, link = seen + len(found["value"]), found.get("@odata.nextLink")
    print(time.perf_counter() - began, seen)
"""


def run(applications: int = 5000, *, turns: int = 3) -> None:
    """In turns with the same pages asked for and thrown away; then the memory beside that of a tenth of the tenant."""
    ours, bare = _taken(applications, turns)
    small, _ = _taken(applications // 10, 1)
    whole, graph = median(each.wall for each in ours), median(bare)
    lines = f"{applications * _SECRETS:,} secrets; Graph alone: {graph:.2f} s"
    beyond = whole - graph
    verdict = _BEYOND.verdict(beyond)
    show(Line(f"inventory of {applications:,} applications, whole", f"{whole:.2f} s", lines))
    show(Line("beyond Graph's own time, start included", f"{beyond:.2f} s", verdict=verdict))
    processor = median(each.processor for each in ours)
    show(Line("its processor time", f"{processor:.2f} s"))
    most, least = max(each.memory for each in ours), small[0].memory
    beside = f"{applications // 10:,} applications: {least:.0f} MiB"
    show(Line("memory at most", f"{most:.0f} MiB", beside, verdict=_GROWTH.verdict(most - least)))


def _taken(applications: int, turns: int) -> tuple[list[Spent], list[float]]:
    ours, bare = list[Spent](), list[float]()
    with tenant(applications, secrets=_SECRETS) as where, tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder), where, rotations=0)
        for turn in range(turns + 1):
            spent, graph = command("-m", "rotator", "--config", str(config), "inventory", "--csv"), _bare(where)
            if turn or turns == 1:  # the first makes the database, and writes bytecode
                ours.append(spent)
                bare.append(graph)
    return ours, bare


def _bare(where: Tenant) -> float:
    credentials = (where.tenant_id, where.client_id, where.client_secret)
    words = [where.authority, *credentials, where.scope, where.graph, where.ca_file]
    told = subprocess.run([sys.executable, "-c", _BARE, *words], check=True, capture_output=True, text=True)
    took, seen = told.stdout.split()
    assert int(seen) >= len(where.applications)
    return float(took)
