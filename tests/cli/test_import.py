"""Do definitions come into the books by the thousand, all or none, and only once?"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from tests.cli.workspace import Tenant, Workspace

#: A definition on a line takes nothing from the file's defaults.
QUICK = {"successes": 1, "interval": "0s"}


def definition(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "name": f"service-{n}",
        "connection": "contoso",
        "rotationInterval": 30,
        "parameters": {"objectId": str(UUID(int=n)), "clientId": str(UUID(int=1000 + n))},
        "secretsMapping": {"clientId": f"ID_{n}", "clientSecret": f"SECRET_{n}"},
        "initial": "wait",
        "verify": QUICK,
        **changes,
    }


def written(workspace: Workspace, *lines: object) -> Path:
    path = workspace.folder / "many.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def imported(workspace: Workspace, *lines: object, flags: tuple[str, ...] = ()) -> Any:
    said = workspace.rotator("import", str(written(workspace, *lines)), "--json", *flags)
    assert said.status == 0, said.err
    return said.json


def refused(workspace: Workspace, *lines: object) -> list[str]:
    """The mistakes, without the name of the file; nothing has been changed."""
    before = names(workspace)
    path = written(workspace, *lines)
    said = workspace.rotator("import", str(path))
    assert (said.status, said.out) == (78, "")
    *mistakes, last = said.err.splitlines()
    assert last == f"rotator: {path} cannot be brought in. Nothing was changed"
    assert names(workspace) == before
    return [line.removeprefix(f"{path}:") for line in mistakes]


def names(workspace: Workspace) -> list[str]:
    if not workspace.database.exists():
        return []
    shown = workspace.rotator("status", "--json").json["secretRotations"]
    return sorted(each["name"] for each in shown)


def test_a_definition_on_a_line_is_rotated_like_any_other(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Imported")
    ids = {"objectId": application["objectId"]}
    counts = imported(workspace, definition(1, parameters=ids, initial="rotate"))
    assert counts == {"added": 1, "changed": 0, "unchanged": 0, "dryRun": False}
    assert workspace.rotator("run", "--once").status == 0
    assert len(tenant.credentials(application)) == 1
    # It is owned by the books: no file misses it.
    assert workspace.rotator("run", "--once").status == 0
    assert names(workspace) == ["service-1"]


def test_what_is_in_already_stays_as_it_is_and_what_has_changed_is_changed(workspace: Workspace) -> None:
    lines = [definition(n) for n in range(1, 4)]
    assert imported(workspace, *lines)["added"] == 3
    assert imported(workspace, *lines) == {"added": 0, "changed": 0, "unchanged": 3, "dryRun": False}
    lines[1] = definition(2, rotationInterval=60, description="less often")
    assert imported(workspace, *lines, definition(4), flags=("--dry-run",)) == {
        "added": 1,
        "changed": 1,
        "unchanged": 2,
        "dryRun": True,
    }
    assert names(workspace) == ["service-1", "service-2", "service-3"]
    assert imported(workspace, *lines)["changed"] == 1
    assert imported(workspace, *lines)["unchanged"] == 3


def test_every_bad_line_is_told_with_its_number_and_nothing_is_changed(workspace: Workspace) -> None:
    imported(workspace, definition(1))
    mistakes = refused(
        workspace,
        definition(2),
        "",
        "{",
        '{"name": "a", "name": "b"}',
        "[]",
        definition(3, connection="nowhere"),
        definition(4, rotationInterval=0, colour="red"),
        definition(5, destinations=[{"kind": "file", "path": "/etc/passwd", "format": "dotenv"}]),
        definition(6, replaces="service-1"),
        '{"name": NaN}',
    )
    told = {int(line.partition(":")[0]): line.partition(": ")[2] for line in mistakes}
    assert sorted(told) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert "not valid JSON" in told[3]
    assert "name: a second time" in told[4]
    assert "not a definition" in told[5]
    assert told[6] == "connection: 'nowhere' is not a connection (contoso)"
    assert [line for line in mistakes if line.startswith("7: ") and ("colour" in line or "rotationInterval" in line)]
    assert "api.allow" in told[8]
    assert "replaces" in told[9]


def test_after_a_hundred_mistakes_no_more_are_told(workspace: Workspace) -> None:
    mistakes = refused(workspace, *["{"] * 1000)
    assert len(mistakes) == 101
    assert mistakes[-1].endswith("these are the first")


def test_a_name_and_a_place_have_one_owner(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("written", tenant.application(), secretPath="/", destinations=[{"kind": "embedded"}], initial="wait")
    assert workspace.rotator("run", "--once").status == 0
    imported(workspace, definition(1))
    mapping = definition(1)["secretsMapping"]
    yaml = workspace.document["rotations"][0]["secretsMapping"]
    mistakes = refused(
        workspace,
        definition(2),
        definition(2, secretsMapping={"clientId": "A", "clientSecret": "B"}),
        definition(3, name="written"),
        definition(4, secretsMapping=mapping),
        definition(5, secretsMapping=yaml),
        definition(6, secretsMapping=definition(2)["secretsMapping"]),
        definition(1, parameters={"objectId": str(UUID(int=99))}),
    )
    assert [line.partition(" (")[0] for line in mistakes if not line.startswith(("4:", "5:", "6:"))] == [
        "2: name: 'service-2' is taken",
        "3: name: 'written' is defined in a configuration file, where it stays",
        f"7: parameters: 'service-1' is for the application {UUID(int=1)}",
    ]
    writers = {line[0]: line.partition(" is written by ")[2].partition(" ")[0] for line in mistakes if line[0] in "456"}
    assert writers == {"4": "'service-1'", "5": "'written'", "6": "'service-2'"}


def test_what_has_left_the_files_goes_on_in_the_books(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Moved")
    workspace.add("moved", application, destinations=[{"kind": "embedded"}], verify=QUICK)
    assert workspace.rotator("run", "--once").status == 0
    line = workspace.document["rotations"].pop()
    assert workspace.rotator("run", "--once").status == 0
    assert imported(workspace, line)["changed"] == 1
    assert imported(workspace, line)["unchanged"] == 1
    assert workspace.rotator("rotate", "moved").status == 0
    assert len(tenant.credentials(application)) == 2


def test_standard_input_is_read_and_told_as_such(workspace: Workspace) -> None:
    for text, status, told in ((json.dumps(definition(1)), 0, "1 added"), ("{", 78, "standard input:1: not valid")):
        with mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()))):
            said = workspace.rotator("import", "-")
        assert (said.status, told in said.out + said.err) == (status, True)


def test_a_file_that_is_not_there_is_wrong_use(workspace: Workspace) -> None:
    said = workspace.rotator("import", str(workspace.folder / "none.jsonl"))
    assert (said.status, "cannot be read" in said.err, len(said.err.splitlines())) == (2, True, 1)


def test_a_running_daemon_takes_up_what_is_brought_in(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Beside")
    daemon = workspace.daemon()
    try:
        imported(workspace, definition(1, parameters={"objectId": application["objectId"]}, initial="rotate"))
        assert daemon.wait_for_log("attempt ended")["rotation"] == "service-1"
    finally:
        daemon.close()
    assert len(tenant.credentials(application)) == 1
