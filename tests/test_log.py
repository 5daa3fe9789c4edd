"""Does every event reach the log in one chain, and does no secret get there, whoever writes the line?"""

from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from typing import Any

import pytest
import structlog

from rotator import log
from rotator.domain.model import Secret

ENTRA = "Zx98Q~" + "aB3-_.~" * 4 + "xyzwq"


pytestmark = pytest.mark.usefixtures("log_as_before")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_a_utc_timestamp_and_its_context(stream: io.StringIO) -> None:
    log.configure("info", "json", stream)
    structlog.contextvars.bind_contextvars(rotation="billing-api", attempt="a1", key_id="k1")
    structlog.get_logger("rotator.engine").info("issued", tries=3)
    [line] = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "issued", "tries": 3, "level": "info", "logger": "rotator.engine",
        "rotation": "billing-api", "attempt": "a1", "key_id": "k1",
    }  # fmt: skip


def test_the_loggers_of_libraries_use_the_same_chain(stream: io.StringIO) -> None:
    log.configure("info", "json", stream)
    structlog.contextvars.bind_contextvars(rotation="billing-api")
    logging.getLogger("msal.oauth2cli").warning("refused %s", {"client_secret": "pw-canary"})
    [line] = lines(stream)
    assert (line["logger"], line["level"], line["rotation"]) == ("msal.oauth2cli", "warning", "billing-api")
    assert "pw-canary" not in stream.getvalue()


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("level", ["debug", "info"])
def test_no_secret_reaches_the_log_on_any_path(level: log.Level, format: log.Format) -> None:
    stream = Terminal()
    log.configure(level, format, stream)
    speak = structlog.get_logger("rotator")
    speak.error("refused", client_secret=ENTRA, deep=[{"note": f"was {ENTRA}"}], secret=Secret(ENTRA), kept=ENTRA)
    speak.error("form client_secret=pw-canary %s", ENTRA)
    logging.getLogger("azure.identity").error("got %s", ENTRA)
    logging.getLogger("httpx").error("POST https://u:pw-canary@host/?client_secret=pw-canary")
    try:
        try:
            raise ValueError(ENTRA, {"client_secret": "pw-canary"})
        except ValueError as inner:
            inner.add_note(f"note {ENTRA}")
            raise RuntimeError("client_secret='pw-canary'") from inner
    except RuntimeError as error:
        speak.exception("failed", error=error)
        logging.getLogger("rotator.other").exception("failed too")
    assert ENTRA not in stream.getvalue()
    assert "pw-canary" not in stream.getvalue()
    assert stream.getvalue().count("Traceback") >= 2


def test_the_line_is_searched_again_after_it_is_rendered(stream: io.StringIO) -> None:
    log.configure("info", "json", stream)
    [handler] = logging.getLogger().handlers
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("rotator").error("was %s", ENTRA)
    assert stream.getvalue() == "was ***\n"


def test_an_exception_is_one_field_without_local_variables(stream: io.StringIO) -> None:
    log.configure("info", "json", stream)
    local = f"pw-{'canary'}"
    try:
        raise ValueError("no room")
    except ValueError:
        structlog.get_logger("rotator").exception("failed")
    [line] = lines(stream)
    assert line["exception"].endswith("ValueError: no room")
    assert local not in stream.getvalue()


@pytest.mark.parametrize("name", ["httpcore", "hpack", "sqlalchemy.engine", "msal.token_cache"])
def test_what_logs_headers_bodies_or_rows_stays_quiet_at_debug(stream: io.StringIO, name: str) -> None:
    log.configure("debug", "json", stream)
    logging.getLogger(name).info("a body")
    assert stream.getvalue() == ""


def test_libraries_speak_at_info_only_when_we_are_asked_for_debug(stream: io.StringIO) -> None:
    log.configure("info", "json", stream)
    logging.getLogger("httpx").info("first")
    log.configure("debug", "json", stream)
    logging.getLogger("httpx").info("second")
    assert [line["event"] for line in lines(stream)] == ["second"]


def test_a_logger_handed_out_before_a_reload_follows_the_new_level(stream: io.StringIO) -> None:
    log.configure("warning", "json", stream)
    speak = structlog.get_logger("rotator.engine")
    speak.info("first")
    log.configure("info", "json", stream)
    speak.info("second")
    assert [line["event"] for line in lines(stream)] == ["second"]


def test_auto_is_console_on_a_terminal_and_json_elsewhere(stream: io.StringIO) -> None:
    terminal = Terminal()
    log.configure("info", "auto", terminal)
    structlog.get_logger("rotator").info("hello")
    log.configure("info", "auto", stream)
    structlog.get_logger("rotator").info("hello")
    assert not terminal.getvalue().startswith("{")
    assert [line["event"] for line in lines(stream)] == ["hello"]


def test_a_broken_line_does_not_print_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json", io.StringIO())
    logging.getLogger("rotator").error("%d tries", "pw-canary")
    shown = capsys.readouterr()
    assert "could not be written: TypeError" in shown.err
    assert "pw-canary" not in shown.err + shown.out


def test_a_warning_of_python_is_a_line(stream: io.StringIO) -> None:
    log.configure("info", "json", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("client_secret=pw-canary is old", DeprecationWarning, stacklevel=1)
    assert "is old" in stream.getvalue()
    assert "pw-canary" not in stream.getvalue()


def test_an_error_nobody_caught_is_a_redacted_line(stream: io.StringIO) -> None:
    log.configure("info", "json", stream)
    thread = threading.Thread(target=lambda: int(ENTRA))
    thread.start()
    thread.join()
    [line] = lines(stream)
    assert (line["event"], line["level"]) == ("uncaught error", "critical")
    assert "invalid literal" in line["exception"]
    assert ENTRA not in stream.getvalue()


def test_an_unknown_level_or_format_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed: debug, info, warning, error"):
        log.configure("loud")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="allowed: auto, json, console"):
        log.configure("info", "xml")  # type: ignore[arg-type]
