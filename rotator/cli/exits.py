"""What does a command say when it fails, and with which status does it exit?"""

from __future__ import annotations

import sys

from rotator.errors import (
    AccessDenied,
    AddressTaken,
    ConfigError,
    DirectoryThrottled,
    DirectoryUnavailable,
    LeaseHeld,
    LeaseLost,
    PermissionDenied,
    RotatorError,
    SignInRefused,
    StoreUnavailable,
    StoreUnusable,
)

DONE = 0
FAILED = 1
USAGE = 2
TEMPORARY = 75
NOT_PERMITTED = 77
BAD_CONFIGURATION = 78
#: 128 and the number of SIGINT, as shells have it.
INTERRUPTED = 130

_STATUSES: tuple[tuple[type[RotatorError], int], ...] = (
    (ConfigError, BAD_CONFIGURATION),
    (StoreUnusable, BAD_CONFIGURATION),
    (StoreUnavailable, TEMPORARY),
    (AddressTaken, TEMPORARY),
    (LeaseHeld, TEMPORARY),
    (LeaseLost, TEMPORARY),
    (DirectoryUnavailable, TEMPORARY),
    (DirectoryThrottled, TEMPORARY),
    (SignInRefused, NOT_PERMITTED),
    (PermissionDenied, NOT_PERMITTED),
    (AccessDenied, NOT_PERMITTED),
)


class WrongUse(RotatorError):
    """The command was called with something that does not exist or does not go together."""


def status_of(problem: RotatorError) -> int:
    """The exit status for an error."""
    from rotator.references import SecretMissing

    if isinstance(problem, WrongUse):
        return USAGE
    if isinstance(problem, SecretMissing):
        return BAD_CONFIGURATION
    return next((status for kind, status in _STATUSES if isinstance(problem, kind)), FAILED)


def tell(problem: RotatorError) -> None:
    """One line on standard error; of a configuration one for each mistake, as editors and `grep -n` write places."""
    if not isinstance(problem, ConfigError):
        say(str(problem))
        return
    for line in problem.problems:
        print(line, file=sys.stderr)
    count = len(problem.problems)
    say(f"the configuration cannot be used: {count} mistake{'s' if count > 1 else ''}. Nothing was changed")


def say(line: str) -> None:
    """One line of ours on standard error."""
    print(f"rotator: {line}", file=sys.stderr)


def log_bugs() -> None:
    """From now on the log is where a traceback goes: this is the daemon, whose log somebody keeps."""
    _traceback_to.append("the log")


def tell_bug(bug: BaseException) -> None:
    """One line; the traceback goes to the daemon's log, else to a file of its own."""
    what = f"{type(bug).__name__}: {_safe(str(bug))}".rstrip(": ")
    if _traceback_to:
        import logging

        logging.getLogger("rotator").error("a bug ended the program", exc_info=bug)
    kept = _traceback_to[0] if _traceback_to else _kept(bug)
    say(f"a bug, not your mistake: {what}. The traceback is in {kept}; please report it")


def keep_tracebacks_in_files() -> None:
    """As before `log_bugs`."""
    _traceback_to.clear()


_traceback_to: list[str] = []


def _kept(bug: BaseException) -> str:
    import tempfile
    import traceback

    text = _safe("".join(traceback.format_exception(bug)))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="rotator-bug-", suffix=".txt", delete=False) as file:
            file.write(text)
    except OSError:
        return "no file, for none could be made"
    return file.name


def _safe(text: str) -> str:
    from rotator.redaction import redact_text

    return redact_text(text)
