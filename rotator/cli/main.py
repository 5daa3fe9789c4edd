"""What does `rotator` understand? Global options, the commands, and what becomes of errors.

A command is a function in a module beside this one; it imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated

import typer

from rotator.cli import (
    audit,
    check,
    config,
    copies,
    dashboard,
    demo,
    exits,
    healthcheck,
    history,
    identity,
    importing,
    inventory,
    keys,
    plan,
    remote,
    requests,
    rotate,
    run,
    secret,
    simulate,
    status,
    switches,
)
from rotator.cli.garbage import hardly_collected
from rotator.cli.settings import LOG_FORMATS, LOG_LEVELS, Settings
from rotator.errors import RotatorError

app = typer.Typer(
    name="rotator",
    help="Rotates Microsoft Entra ID client secrets: added, verified, delivered, and only then revoked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


#: Global options are understood after the command's name too; these take a value.
_WITH_VALUE = ("--config", "-c", "--log-level", "--log-format", "--server", "--token-file")
_FLAGS = ("--allow-literal-secrets",)


def main() -> None:
    """Run the command and exit with its status."""
    with hardly_collected():
        _run()


def _run() -> None:
    try:
        command()(hoisted(sys.argv[1:]))
    except RotatorError as problem:
        exits.tell(problem)
        sys.exit(exits.status_of(problem))
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.DONE)
    except Exception as bug:  # noqa: BLE001 - the one place where nothing may be left uncaught
        exits.tell_bug(bug)
        sys.exit(exits.FAILED)


@cache
def command() -> Callable[[list[str]], object]:
    """All of `rotator`, made from the functions' signatures; once in a process, for that takes a while."""
    return typer.main.get_command(app)


def hoisted(words: list[str]) -> list[str]:
    """The same words with the global options first, where Typer wants them; nothing behind `--` is one."""
    first: list[str] = []
    rest: list[str] = []
    at = 0
    while at < len(words) and words[at] != "--":
        word = words[at]
        is_global = word in _FLAGS or word.partition("=")[0] in _WITH_VALUE
        size = 2 if word in _WITH_VALUE else 1
        (first if is_global else rest).extend(words[at : at + size])
        at += size
    return [*first, *rest, *words[at:]]


def _version(value: bool) -> None:
    if value:
        from rotator import __version__

        typer.echo(f"rotator {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    *,
    config: Annotated[
        str,
        typer.Option(
            "--config",
            "-c",
            envvar="ROTATOR_CONFIG",
            metavar="PATH",
            help="The configuration; default /etc/rotator/config.yaml, then ./config.yaml.",
        ),
    ] = "",
    log_level: Annotated[str, typer.Option(metavar="LEVEL", help=f"{' | '.join(LOG_LEVELS)}.")] = "",
    log_format: Annotated[str, typer.Option(metavar="FORMAT", help=f"{' | '.join(LOG_FORMATS)}.")] = "",
    allow_literal_secrets: Annotated[
        bool, typer.Option("--allow-literal-secrets", help="Let secrets stand in the configuration itself; for trials.")
    ] = False,
    server: Annotated[
        str,
        typer.Option(metavar="URL", help=f"Speak to the daemon there, over its API: {', '.join(remote.COMMANDS)}."),
    ] = "",
    token_file: Annotated[
        str, typer.Option("--token-file", metavar="PATH", help="With --server: holds an access token.")
    ] = "",
    version: Annotated[  # noqa: ARG001 - dealt with by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if log_level and log_level not in LOG_LEVELS:
        raise typer.BadParameter(f"{log_level!r} is not one of {', '.join(LOG_LEVELS)}.", param_hint="--log-level")
    if log_format and log_format not in LOG_FORMATS:
        raise typer.BadParameter(f"{log_format!r} is not one of {', '.join(LOG_FORMATS)}.", param_hint="--log-format")
    if token_file and not server:
        raise typer.BadParameter("goes with --server only.", param_hint="--token-file")
    if server and context.invoked_subcommand not in remote.COMMANDS:
        allowed = ", ".join(remote.COMMANDS)
        raise typer.BadParameter(f"goes with {allowed} only.", param_hint="--server")
    context.obj = Settings(config, log_level, log_format, allow_literal_secrets, server, token_file)


app.command("run")(run.run)
app.command("rotate")(rotate.rotate)
app.command("status")(status.status)
app.command("plan")(plan.plan)
app.command("check")(check.check)
app.command("history")(history.history)
app.command("inventory")(inventory.inventory)
app.command("pause")(switches.pause)
app.command("resume")(switches.resume)
app.command("approve")(switches.approve)
app.command("revoke")(requests.revoke)
app.command("deliver")(requests.deliver)
app.command("adopt")(requests.adopt)
app.command("forget")(requests.forget)
app.command("import")(importing.import_)
app.add_typer(secret.app, name="secret")
app.add_typer(identity.app, name="identity")
app.add_typer(audit.app, name="audit")
app.add_typer(dashboard.app, name="dashboard")
app.add_typer(keys.app, name="keys")
app.add_typer(config.app, name="config")
app.command("backup")(copies.backup)
app.command("restore")(copies.restore)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("healthcheck")(healthcheck.healthcheck)
