"""Do the pages say what is so? Commands, links, codes, options, messages and times, each against the program itself."""

from __future__ import annotations

import os
import re
import shlex
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rotator.cli import exits
from rotator.cli.main import command, hoisted
from rotator.config import load
from rotator.domain.due import Reason
from rotator.domain.schedule import Schedule
from rotator.engine.alive import SILENT_AFTER
from tests.docs.pages import ROOT, Page, page, pages, rows, tables
from tests.docs.sources import alarm_codes, everything, is_told, options

HOW, OPERATIONS, COMMANDS = (page(ROOT / "docs" / f"{name}.md") for name in ("how-it-works", "operations", "commands"))
ALL = pytest.mark.parametrize("shown", pages(), ids=lambda shown: shown.name)
#: Words of others where ours could be meant: Azure's command line, docker's, mypy's, Graph's, and of our tests.
FOREIGN = {"--append", "--env-file", "--strict", "addKey", "ROTATOR_TEST_AZ"}


def command_lines() -> list[Any]:
    found = {(shown.name, line) for shown in pages() for line in shown.commands() if "COMMAND" not in line}
    return [pytest.param(line, id=f"{name}: {line}") for name, line in sorted(found)]


@pytest.mark.parametrize("line", command_lines())
def test_a_command_that_is_shown_exists_with_its_options_and_arguments(line: str) -> None:
    shown: Any = command()
    words = hoisted(shlex.split(line.replace("...", ""))[1:])
    while True:
        values, words, _ = shown.make_parser(shown.context_class(shown)).parse_args(args=words)
        if not hasattr(shown, "commands") or not words:
            break
        assert words[0] in shown.commands, f"there is no command {words[0]!r}"
        shown, words = shown.commands[words[0]], words[1:]
    assert words == [], "more words than the command takes"
    whole = any(param.param_type_name == "option" and param.required for param in shown.params)
    assert not whole or values


@pytest.mark.parametrize("name", sorted(command().commands))  # type: ignore[attr-defined]
def test_every_command_is_in_the_list_of_commands(name: str) -> None:
    assert re.search(rf"`(?:[^`]*, )?{name}\b", COMMANDS.text)


@ALL
def test_an_option_of_the_command_line_that_is_named_exists(shown: Page) -> None:
    named = {word for code in shown.inline() for word in re.findall(r"(?<!\S)--[a-z][a-z-]+", code)}
    known = set(re.findall(r"--[a-z][a-z-]+", everything())) | _generated_options()
    assert named - known - FOREIGN == set()


@ALL
def test_every_link_leads_somewhere(shown: Page) -> None:
    lost = []
    for target in shown.links():
        path, _, anchor = target.partition("#")
        file = (shown.path.parent / path).resolve() if path else shown.path
        if not file.exists() or (anchor and anchor not in page(file).anchors()):
            lost.append(target)
    assert lost == []


def test_every_reason_is_explained_once_as_due_or_not_due() -> None:
    due, held = (_codes(table) for table in tables(HOW.section("When a rotation is due")))
    codes = [reason.value for reason in Reason]
    split = codes.index("PAUSED")
    assert sorted(due) == sorted(codes[:split])
    assert sorted(held) == sorted(codes[split:])


def test_every_alarm_is_explained_once() -> None:
    assert sorted(_codes(rows(OPERATIONS.section("Alarms")))) == sorted(alarm_codes())


@ALL
def test_a_code_that_is_named_is_one_of_ours(shown: Page) -> None:
    named = {word for code in shown.inline() for word in re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", code)}
    shown_in_blocks = "\n".join(text for _, text in shown.fences())
    assert {word for word in named - FOREIGN if word not in everything() and word not in shown_in_blocks} == set()


@ALL
def test_a_metric_that_is_named_exists(shown: Page) -> None:
    named = set(re.findall(r"\brotator_[a-z_]+\b", shown.text))
    assert {name for name in named if name not in everything()} == set()


@ALL
def test_a_name_that_looks_like_an_option_of_the_configuration_is_one_or_is_known_to_the_program(shown: Page) -> None:
    named = {word for code in shown.inline() for word in re.findall(r"\b[a-z]+(?:[A-Z][a-z0-9]+)+\b", code)}
    assert {name for name in named - FOREIGN if name not in options() and name not in everything()} == set()


@pytest.mark.parametrize("shown", [HOW, OPERATIONS, page(ROOT / "docs" / "security.md")], ids=lambda shown: shown.name)
def test_an_option_with_a_value_or_a_path_is_one_of_the_schema(shown: Page) -> None:
    told = [code for code in shown.inline() if re.fullmatch(r"[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z]+)?(: .+)?", code)]
    paths = {code.partition(":")[0] for code in told if ":" in code or ("." in code and not _is_file(code))}
    assert {path for path in paths if not set(path.split(".")) <= options()} == set()


def test_every_exit_status_is_in_the_table_and_no_other() -> None:
    names = ("DONE", "FAILED", "USAGE", "TEMPORARY", "NOT_PERMITTED", "BAD_CONFIGURATION", "INTERRUPTED")
    told = [int(cells[0]) for cells in rows(COMMANDS.section("Exit status"))]
    assert sorted(told) == sorted(getattr(exits, name) for name in names)
    named = {int(n) for shown in (HOW, OPERATIONS) for n in re.findall(r"\b[Ss]tatus (\d+)\b(?! or)", shown.prose())}
    assert named <= set(told)


@pytest.mark.parametrize("message", [cells[0] for cells in rows(OPERATIONS.section("Messages and what to do"))])
def test_a_message_that_is_explained_is_one_that_is_told(message: str) -> None:
    for quoted in re.findall(r"`([^`]+)`", message):
        if quoted in {os.strerror(n) for n in (13, 28, 30)}:
            continue
        pieces = [piece.strip() for piece in re.split(r"…|: ", quoted)]
        assert [piece for piece in pieces if not is_told(piece)] == []


@pytest.mark.parametrize("cells", rows(HOW.section("The next time")), ids=lambda cells: cells[0])
def test_the_next_time_is_what_the_schedule_says(cells: list[str]) -> None:
    last, how, following = cells
    days = 1 if "every day" in last else 30
    clock = re.search(r"every day at (\d\d):(\d\d)", last) or re.match(r"(02):(30)", "02:30")
    zone = re.match(r"[A-Z]\w+/\w+", last)
    assert clock is not None
    schedule = Schedule(days, int(clock[1]), int(clock[2]), zone[0] if zone else "UTC")
    after = schedule.after_manual if how == "manual" else schedule.after_scheduled
    assert after(_instant(last)) == _instant(following)


@pytest.mark.parametrize("block", [text for kind, text in OPERATIONS.fences() if kind == "yaml"])
def test_a_piece_of_configuration_loads(tmp_path: Path, block: str) -> None:
    (tmp_path / "config.yaml").write_text(block)
    assert load(tmp_path / "config.yaml", check_references=False).warnings == ()


def test_the_unit_gives_the_watchdog_and_the_drain_their_time() -> None:
    unit = next(text for kind, text in OPERATIONS.fences() if kind == "ini")
    given = dict(re.findall(r"^(\w+)=(\S+)$", unit, re.MULTILINE))
    from rotator.config.settings import Daemon

    assert int(given["WatchdogSec"]) >= SILENT_AFTER
    assert int(given["TimeoutStopSec"]) > Daemon().drain_timeout.total_seconds()
    assert int(given["RestartPreventExitStatus"]) == exits.BAD_CONFIGURATION


def _codes(table: list[list[str]]) -> list[str]:
    return [found[1] for cells in table if (found := re.fullmatch(r"`([A-Z_]+)`", cells[0]))]


def _is_file(code: str) -> bool:
    return code.rsplit(".", 1)[1] in {"md", "yaml", "py", "db", "toml", "sql", "txt", "mako"}


def _instant(text: str) -> datetime:
    found = re.search(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?)", text)
    assert found is not None
    return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)


@cache
def _generated_options() -> frozenset[str]:
    """Those that Typer makes of the names of parameters."""
    commands: list[Any] = [command()]
    made: set[str] = set()
    while commands:
        one = commands.pop()
        commands += getattr(one, "commands", {}).values()
        made.update(option for param in one.params for option in (*param.opts, *param.secondary_opts))
    return frozenset(made)
