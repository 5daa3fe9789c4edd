"""What does every test find? No settings of the machine, and property tests that give the same verdict twice."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog

from rotator import log

if TYPE_CHECKING:
    from tests.pgbouncer import Bouncer
    from tests.postgres import Server

# What is imported and collected lives for the whole run: looking through it all again and again takes a tenth of it.
gc.set_threshold(20_000, 10, 10)

hypothesis.settings.register_profile("check", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2000, database=None)
hypothesis.settings.load_profile(os.environ.get("ROTATOR_HYPOTHESIS_PROFILE", "check"))

_OURS = ("ROTATOR_", "AZURE_", "IDENTITY_", "MSI_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_OTHERS = ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM")
_KEPT = ("ROTATOR_CLUSTER_MINUTES", "ROTATOR_SIMULATION_SEEDS", "ROTATOR_HYPOTHESIS_PROFILE")


def pytest_collection_finish() -> None:
    """Never look through modules and test items for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def few_authorities(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with one of the authorities that the internet trusts: to read all of them takes 20 ms for each client."""
    import certifi

    end = "-----END CERTIFICATE-----\n"
    file = tmp_path_factory.mktemp("authorities") / "few.pem"
    file.write_text(Path(certifi.where()).read_text("utf-8").partition(end)[0] + end, "utf-8")
    return str(file)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, few_authorities: str) -> None:
    """No setting of the machine reaches a test: no proxy, no identity endpoint, no service manager."""
    for name in list(os.environ):
        if name.upper() in _PROXIES + _OTHERS or (name.startswith(_OURS) and name not in _KEPT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SSL_CERT_FILE", few_authorities)


@pytest.fixture(autouse=True)
def _levels_as_they_were() -> Iterator[None]:
    """A command under test sets the levels of the whole process; the next test knows nothing of it."""
    loggers = [logging.root, *(each for each in logging.root.manager.loggerDict.values() if isinstance(each, Logger))]
    levels = [(each, each.level) for each in loggers]
    yield
    for each, level in levels:
        if each.level != level:
            each.setLevel(level)


@pytest.fixture
def log_as_before() -> Iterator[None]:
    """However this test sets up the log of the process, the next one finds it as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def logged(log_as_before: None) -> io.StringIO:
    """All that is logged from now on, as it is written; no logger of a module keeps this for the next test."""
    del log_as_before
    written = io.StringIO()
    log.configure("debug", "json", written)
    structlog.configure(cache_logger_on_first_use=False)
    return written


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real PostgreSQL, one for all workers of the run; started only where a test asks for it."""
    from tests.postgres import shared_server

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with shared_server(shared) as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres: Server) -> Iterator[Bouncer]:
    """A real PgBouncer before that server, in transaction mode; without one on the machine the test is skipped."""
    from tests.pgbouncer import bouncer

    with bouncer(postgres) as started:
        yield started
