"""What do commands print of a daemon elsewhere? The same things, from what its API says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rotator.cli import exits
from rotator.cli.remote import Remote, opened
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.cli.settings import Settings


def status(settings: Settings, name: str, *, as_json: bool) -> None:
    """The overview, or one rotation whole."""
    with opened(settings.server, settings.token_file) as remote:
        found = remote.named([name]) if name else remote.rotations()
    if as_json:
        print(json.dumps({"secretRotations": found}, indent=2))
        return
    _table(("rotation", "project", "state", "rotated", "next", "message"), [_row(each) for each in found])


def rotate(settings: Settings, names: Sequence[str], *, failed_only: bool, as_json: bool) -> int:
    """Rotate these, or all that are not paused, one after the other; the exit status."""
    with opened(settings.server, settings.token_file) as remote:
        chosen = remote.named(names) if names else [each for each in remote.rotations() if not each["isPaused"]]
        if failed_only:
            chosen = [each for each in chosen if each["rotationStatus"] == "failed"]
        rows = [_rotated(remote, each) for each in chosen]
    if as_json:
        print(json.dumps({"requests": rows}, indent=2))
    else:
        for row in rows:
            print(f"{row['rotation']}: {row['result']}" + (f": {row['message']}" if row["message"] else ""))
    return exits.DONE if all(row["result"] == "done" for row in rows) else exits.FAILED


def history(settings: Settings, name: str, *, limit: int, as_json: bool) -> None:
    """The latest attempts with their steps."""
    with opened(settings.server, settings.token_file) as remote:
        found = remote.attempts(remote.named([name])[0], limit)
    if as_json:
        print(json.dumps({"attempts": found}, indent=2))
        return
    for attempt in found:
        print(f"{_at(attempt['startedAt'])}  {attempt['id']}  {attempt['reason']}: {attempt['outcome'] or 'open'}")
        for entry in attempt["journal"]:
            print(
                f"    {_at(entry['at'])}  {entry['step']:<13} {entry['phase']:<8} {entry['facts'].get('message', '')}"
            )


def switch(settings: Settings, names: Sequence[str], what: str) -> None:
    """`pause`, `resume` or `approve` these."""
    with opened(settings.server, settings.token_file) as remote:
        for each in remote.named(names):
            remote.do(each, what)
            print(f"{each['name']}: {what.removesuffix('e')}ed")


def refuse(settings: Settings, **options: object) -> None:
    """Raise WrongUse for options that need the database itself."""
    for name, given in options.items():
        if settings.server and given:
            flag = f"--{name.replace('_', '-')}"
            raise exits.WrongUse(f"{flag} does not go with --server", hint="Run it on the host of the daemon.")


def _rotated(remote: Remote, rotation: Mapping[str, Any]) -> dict[str, str]:
    try:
        done = remote.do(rotation, "rotate-secrets")
    except RotatorError as problem:
        if exits.status_of(problem) != exits.FAILED:
            raise
        return {"rotation": rotation["name"], "result": "failed", "message": problem.what}
    return {"rotation": rotation["name"], "result": "done", "message": done["lastRotationMessage"] or ""}


def _row(rotation: Mapping[str, Any]) -> tuple[str, ...]:
    times = (_at(rotation["lastRotatedAt"]), _at(rotation["nextRotationAt"]))
    return (rotation["name"], rotation["project"], rotation["state"], *times, rotation["lastRotationMessage"] or "")


def _at(text: str | None) -> str:
    return "-" if not text else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}Z"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from rotator.cli.tables import printed

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=title != "message", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    printed(table)
