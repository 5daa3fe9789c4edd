"""Do mapped secrets and the places they stand in look as clients expect, and do they refuse to be edited?"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.access import Grant, Method, Note, Role, SignIn, TokenRule
from rotator.serving import node_of
from rotator.web.auth.minting import mint_secret
from tests.web.door import RESOURCE, principal_of, token_of_tenant
from tests.web.house import RAW, ROTATIONS, House

PLACE = {"workspaceId": "payments", "environment": "prod", "secretPath": "/"}
NAME = f"{RAW}/BILLING_SECRET"
FIELDS = {
    "id", "_id", "workspace", "environment", "version", "type", "secretKey", "secretValue", "secretComment",
    "secretReminderNote", "secretReminderRepeatDays", "skipMultilineEncoding", "createdAt", "updatedAt",
    "isRotatedSecret", "rotationId", "secretPath", "secretValueHidden", "secretMetadata", "tags",
}  # fmt: skip


async def test_one_secret_has_the_fields_of_infisical_in_both_versions(house: House) -> None:
    made = await house.rotation()
    secret = (await house.get(NAME, **PLACE))["secret"]
    assert set(secret) == FIELDS
    assert (secret["isRotatedSecret"], secret["rotationId"], secret["version"]) == (True, made["id"], 1)
    assert (secret["workspace"], secret["environment"], secret["secretPath"]) == (made["projectId"], "prod", "/")
    v4 = {"projectId": made["projectId"], "environment": "prod"}
    assert (await house.get("/api/v4/secrets/BILLING_SECRET", **v4))["secret"] == secret
    listed = await house.get(RAW, **PLACE)
    assert (listed["secrets"][1], listed["imports"]) == (secret, [])
    assert [each["secretKey"] for each in listed["secrets"]] == ["BILLING_ID", "BILLING_SECRET"]
    assert await house.get("/api/v4/secrets", **v4) == listed


async def test_a_reader_that_knows_it_already_is_told_so_until_it_changes(house: House) -> None:
    made = await house.rotation()
    for path in (NAME, RAW):
        first = await house.ask("GET", path, params=PLACE)
        known = {"if-none-match": first.headers["etag"]}
        same = await house.ask("GET", path, params=PLACE, headers=known)
        assert (same.status_code, same.content) == (304, b"")
        await house.post(f"{ROTATIONS}/{made['id']}/rotate-secrets")
        changed = await house.ask("GET", path, params=PLACE, headers=known)
        assert changed.status_code == 200
        assert changed.headers["etag"] != first.headers["etag"]
    assert (await house.get(NAME, **PLACE))["secret"]["version"] == 3
    assert (await house.get(NAME, version=3, **PLACE))["secret"]["version"] == 3
    assert (await house.ask("GET", NAME, params={**PLACE, "version": 4})).status_code == 404


async def test_an_older_version_is_read_until_its_credential_is_revoked(house: House) -> None:
    made = await house.rotation()
    first = (await house.get(NAME, **PLACE))["secret"]
    await house.post(f"{ROTATIONS}/{made['id']}/rotate-secrets")
    old = (await house.get(NAME, version=1, **PLACE))["secret"]
    assert old == first
    assert (await house.get(NAME, **PLACE))["secret"]["secretValue"] != first["secretValue"]
    hidden = await house.ask("GET", NAME, params={**PLACE, "version": 1, "viewSecretValue": "false"})
    assert first["secretValue"] not in hidden.text
    known = await house.ask("GET", NAME, params={**PLACE, "version": 1})
    same = await house.ask(
        "GET", NAME, params={**PLACE, "version": 1}, headers={"if-none-match": known.headers["etag"]}
    )
    assert (same.status_code, same.content) == (304, b"")
    await house.engine.ask("billing-api", "compromised")
    await house.post(f"{ROTATIONS}/{made['id']}/rotate-secrets")
    now = (await house.get(NAME, **PLACE))["secret"]["version"]
    found = [await house.ask("GET", NAME, params={**PLACE, "version": n}) for n in (1, 2, now)]
    assert [each.status_code for each in found] == [404, 404, 200]


async def test_a_value_can_be_hidden(house: House) -> None:
    await house.rotation()
    whole = await house.ask("GET", NAME, params=PLACE)
    hidden = await house.ask("GET", NAME, params={**PLACE, "viewSecretValue": "false"})
    assert hidden.json()["secret"]["secretValueHidden"] is True
    assert whole.json()["secret"]["secretValue"] not in hidden.text


async def test_a_rotated_secret_refuses_edits(house: House) -> None:
    await house.rotation()
    for method in ("POST", "PATCH", "DELETE"):
        for path in (NAME, "/api/v4/secrets/BILLING_SECRET"):
            answer = await house.ask(method, path, json={**PLACE, "secretValue": "mine", "type": "shared"})
            assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest"), answer.text
    assert (await house.get(NAME, **PLACE))["secret"]["secretValue"] != "mine"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"environment": "dev"}, 404),
        ({"secretPath": "/nowhere"}, 404),
        ({"workspaceId": "sales"}, 404),
        ({"workspaceId": ""}, 422),
        ({"secretPath": "no/slash"}, 422),
        ({"environment": "x" * 65}, 422),
    ],
)
async def test_places_that_are_not_there(house: House, changes: dict[str, str], status: int) -> None:
    await house.rotation()
    for path in (RAW, NAME):
        assert (await house.ask("GET", path, params={**PLACE, **changes})).status_code == status


async def test_a_reader_of_one_path_reads_nothing_beside_it(house: House) -> None:
    await house.rotation(secretPath="/team/billing")
    place = {**PLACE, "secretPath": "/team/billing"}
    here = await house.token(Grant(Role.READER, "payments", "prod", "/team"))
    beside = await house.token(Grant(Role.READER, "payments", "prod", "/tea"))
    assert (await house.ask("GET", NAME, params=place, token=here)).status_code == 200
    assert (await house.ask("GET", NAME, params=place, token=beside)).status_code == 404
    deep = await house.ask("GET", RAW, params={**PLACE, "secretPath": "/team", "recursive": "true"}, token=here)
    assert [each["secretKey"] for each in deep.json()["secrets"]] == ["BILLING_ID", "BILLING_SECRET"]


async def test_every_reading_is_in_the_audit(house: House) -> None:
    await house.rotation()
    await house.get(NAME, **PLACE)
    access = house.engine.store.access(node_of(house.engine.configuration))
    rows = list(await access.audited(access.now(), 100))
    assert [row["kind"] for row in rows].count("secret.read") == 1
    assert {"rotation.create", "connection.create"} <= {row["kind"] for row in rows}


async def test_projects_environments_and_folders_are_made_and_listed(house: House) -> None:
    made = (await house.post("/api/v1/projects", {"projectName": "Sales Team", "environments": ["dev"]}))["project"]
    assert (made["slug"], [each["slug"] for each in made["environments"]]) == ("sales-team", ["dev"])
    assert (await house.ask("POST", "/api/v1/projects", json={"projectName": "Sales Team"})).status_code == 400
    added = await house.post(f"/api/v1/projects/{made['id']}/environments", {"slug": "prod"})
    assert added["environment"]["slug"] == "prod"
    body = {"workspaceId": made["id"], "environment": "prod", "name": "team", "path": "/"}
    folder = (await house.post("/api/v1/folders", body))["folder"]
    assert folder["path"] == "/team"
    listed = await house.get("/api/v2/folders", workspaceId="sales-team", environment="prod")
    assert listed["folders"] == [folder]
    assert [each["slug"] for each in (await house.get("/api/v1/workspace"))["workspaces"]] == ["sales-team"]
    found = await house.get(f"/api/v1/workspace/{made['id']}/environments")
    assert [each["slug"] for each in found["environments"]] == ["dev", "prod"]
    stranger = await house.token(Grant(Role.ADMIN, "other"))
    assert (await house.ask("GET", f"/api/v1/projects/{made['id']}", token=stranger)).status_code == 404
    assert (await house.ask("POST", "/api/v1/projects", json={"projectName": "x"}, token=stranger)).status_code == 403


async def universal(house: House) -> dict[str, str]:
    """Client id and secret of a reader of the project."""
    access = house.engine.store.access(node_of(house.engine.configuration))
    note, now = Note("test", "test"), access.now()
    made = await access.add_identity("id-sdk", "sdk", grants=[Grant(Role.READER, "payments")], note=note)
    assert made is not None
    await access.attach(SignIn("signin-1", made.id, Method.UNIVERSAL, TokenRule(), now, now, handle="client-1"), note)
    text, secret = mint_secret(made.id, now=now)
    await access.keep_secret(secret, note)
    return {"clientId": "client-1", "clientSecret": text.reveal()}


PYTHON = """
import json, os, sys
from infisical_sdk import InfisicalSDKClient
client = InfisicalSDKClient(host=os.environ["HOST"])
client.auth.universal_auth.login(client_id=os.environ["ID"], client_secret=os.environ["SECRET"])
where = {"project_id": os.environ["PROJECT"], "environment_slug": "prod", "secret_path": "/"}
one = client.secrets.get_secret_by_name(secret_name="BILLING_SECRET", **where)
listed = client.secrets.list_secrets(**where)
machine = InfisicalSDKClient(host=os.environ["HOST"], token=os.environ["TOKEN"])
first = machine.secrets.get_secret_by_name(secret_name="BILLING_SECRET", version="1", **where)
print(json.dumps([one.secretValue, {each.secretKey: each.secretValue for each in listed.secrets}, first.secretValue]))
"""
NODE = """
import { InfisicalSDK } from "@infisical/sdk";
const { HOST, ID, SECRET, PROJECT, TOKEN } = process.env;
const client = new InfisicalSDK({ siteUrl: HOST });
await client.auth().universalAuth.login({ clientId: ID, clientSecret: SECRET });
const where = { projectId: PROJECT, environment: "prod", secretPath: "/" };
const one = await client.secrets().getSecret({ ...where, secretName: "BILLING_SECRET" });
const listed = await client.secrets().listSecrets(where);
const all = Object.fromEntries(listed.secrets.map((each) => [each.secretKey, each.secretValue]));
const machine = new InfisicalSDK({ siteUrl: HOST }).auth().accessToken(TOKEN);
const first = await machine.secrets().getSecret({ ...where, secretName: "BILLING_SECRET", version: 1 });
console.log(JSON.stringify([one.secretValue, all, first.secretValue]));
"""


async def run(house: House, folder: Path, *command: str) -> Any:
    made = (await house.get(ROTATIONS, projectId="payments"))["secretRotations"][0]
    login = json.loads((folder / "login.json").read_text())
    told = {"ID": login["clientId"], "SECRET": login["clientSecret"], "PROJECT": made["projectId"]}
    told["TOKEN"] = await token_of_a_machine(house)
    environment = {**os.environ, **told, "HOST": house.address, "NO_PROXY": "*", "no_proxy": "*"}
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


async def token_of_a_machine(house: House) -> str:
    """What Azure Auth gives for a token of the tenant: neither SDK fetches it, both take it."""
    identities = await house.get("/api/v1/identities")
    known = next((each["id"] for each in identities["identities"] if each["name"] == "machine"), None)
    if known is None:
        body = {"name": "machine", "role": "reader", "project": "payments"}
        known = (await house.post("/api/v1/identities", body))["identity"]["id"]
        rule = {"tenantId": house.running.ready.tenantId, "resource": RESOURCE}
        rule["allowedServicePrincipalIds"] = principal_of(house.running)
        await house.post(f"/api/v1/auth/azure-auth/identities/{known}", rule)
    login = {"identityId": known, "jwt": await token_of_tenant(house.running)}
    return str((await house.post("/api/v1/auth/azure-auth/login", login))["accessToken"])


async def reads_before_and_after(house: House, folder: Path, *command: str) -> None:
    """The client signs in and reads what is current, before and after a rotation, and what was first."""
    made = await house.rotation()
    (folder / "login.json").write_text(json.dumps(await universal(house)))
    seen = []
    for _ in range(2):
        value, listed, first = await run(house, folder, *command)
        truth = (await house.get(NAME, **PLACE))["secret"]["secretValue"]
        assert value == listed["BILLING_SECRET"] == truth
        seen.append(value)
        assert first == seen[0]
        await house.post(f"{ROTATIONS}/{made['id']}/rotate-secrets")
    assert seen[0] != seen[1]


async def test_the_python_sdk_of_infisical_reads_before_and_after_a_rotation(house: House, tmp_path: Path) -> None:
    import sys

    await reads_before_and_after(house, tmp_path, sys.executable, "-c", PYTHON)


@pytest.fixture
def node_modules(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """Where the Node SDK is installed; kept between runs, for it is six thousand files."""
    npm, cache = shutil.which("npm"), getattr(pytestconfig, "cache", None)
    if npm is None:
        pytest.skip("npm is not here: the Node SDK of Infisical was NOT tried")
    folder: Path = tmp_path if cache is None else cache.mkdir("infisical-node-sdk")
    # Written last of all.
    if not (folder / "node_modules" / ".package-lock.json").exists():
        install(npm, folder)
    return folder / "node_modules"


def install(npm: str, folder: Path) -> None:
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    words = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "@infisical/sdk@5"]
    try:
        got = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm install takes too long: the Node SDK of Infisical was NOT tried")
    if got.returncode:
        pytest.skip(f"npm install fails: the Node SDK of Infisical was NOT tried: {got.stderr[-300:]}")


async def test_the_node_sdk_of_infisical_reads_before_and_after_a_rotation(
    house: House, tmp_path: Path, node_modules: Path
) -> None:
    (tmp_path / "read.mjs").write_text(NODE)
    if node_modules.parent != tmp_path:
        (tmp_path / "node_modules").symlink_to(node_modules)
    await reads_before_and_after(house, tmp_path, "node", "read.mjs")
