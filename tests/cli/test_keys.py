"""Can the books be sealed by a key that never leaves its keeper? From the first command to a secret that is read."""

from __future__ import annotations

import json

from tests.cli.workspace import Workspace
from tests.destinations.servers.key_keepers import TOKEN, TransitServer


def test_books_sealed_by_a_key_elsewhere_open_with_it_and_not_without(workspace: Workspace) -> None:
    keeper = TransitServer()
    entry = {"transit": {"endpoint": keeper.start(), "key": "rotator"}}
    workspace.document["state"]["encryptionKeys"] = [entry]
    workspace.add("billing", workspace.tenant.application())
    try:
        refused = workspace.rotator("run", "--once", VAULT_TOKEN=TOKEN)
        assert (refused.status, "rotator keys wrap" in refused.err) == (78, True)

        printed = workspace.rotator("keys", "wrap", VAULT_TOKEN=TOKEN)
        assert printed.status == 0, printed.err
        workspace.document["state"]["encryptionKeys"] = [{**entry, "wrapped": _wrapped(printed.out)}]

        assert workspace.rotator("run", "--once", VAULT_TOKEN=TOKEN).status == 0
        read = workspace.rotator("secret", "get", "default/prod/BILLING_SECRET", VAULT_TOKEN=TOKEN)
        assert read.out.strip() == workspace.delivered("billing")

        without = workspace.rotator("secret", "get", "default/prod/BILLING_SECRET", VAULT_TOKEN="another")
        assert without.status != 0
        assert "Traceback" not in without.err
    finally:
        keeper.close()
    down = workspace.rotator("status", VAULT_TOKEN=TOKEN)
    assert (down.status, "Traceback" in down.err) == (75, False)


def test_there_is_nothing_to_wrap_where_every_key_is_there(workspace: Workspace) -> None:
    told = workspace.rotator("keys", "wrap")

    assert told.status == 2
    assert "every key of state.encryptionKeys is there" in told.err


def _wrapped(printed: str) -> str:
    (line,) = (line for line in printed.splitlines() if line.startswith("wrapped: "))
    text: str = json.loads(line.removeprefix("wrapped: "))
    return text
