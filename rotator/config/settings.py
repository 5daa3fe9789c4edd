"""What does one daemon need besides its connections and rotations? State, daemon, logging, network."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from rotator.config.keys import EncryptionKey
from rotator.config.signs import lasting_of, signs_of
from rotator.options import FilePath, Name, Options, Rule, one_of, problem, refuse, span, text, whole
from rotator.references import FOLDER, Reference

_SQLITE = "sqlite:///PATH; four slashes before an absolute path"
_DATABASES = f"{_SQLITE}; or postgresql://HOST:PORT/DATABASE"
_POSTGRES = ("postgresql://", "postgres://")
_DATABASE_FORM = "^(sqlite:///.|postgres(ql)?://.)"
_INSTALLATION = re.compile(r"[a-z0-9-]{1,24}")


def _database(value: object) -> str:
    if isinstance(value, str) and value.startswith(_POSTGRES):
        return _postgres(value)
    if not isinstance(value, str) or not value.startswith("sqlite:///"):
        # An address of another kind may hold a password: it is not shown.
        problem("not an address of a state database", _DATABASES)
    path = value.removeprefix("sqlite:///")
    if not path or path == ":memory:" or "?" in path or not path.isprintable():
        refuse(value, f"{_SQLITE}; a file, without options")
    return value


def _postgres(value: str) -> str:
    rest, _, extra = value.partition("://")[2].partition("?")
    user, at, _ = rest.rpartition("@")
    if (at and ":" in user) or "password" in parse_qs(extra):
        problem("a password does not belong in an address", "state.password names it: {file: PATH} and the like")
    if not rest.partition("/")[2] or not value.isprintable() or " " in value:
        refuse(value, "postgresql://HOST:PORT/DATABASE, the user before an @, options of libpq after a ?")
    return value


def _installation(value: object) -> str:
    if value == "" or (isinstance(value, str) and _INSTALLATION.fullmatch(value)):
        return value
    return refuse(value, "1 to 24 of a-z, 0-9 and '-', or empty")


def _proxy(value: object) -> str:
    allowed = "http://HOST:PORT, or empty for the usual environment variables"
    if value == "":
        return ""
    if not isinstance(value, str):
        refuse(value, allowed)
    parts = _parts(value)
    if parts is None:
        refuse(value, allowed)
    if parts.username or parts.password:
        problem("a user name or password does not belong here", f"{allowed}, which may hold them")
    well = parts.scheme in {"http", "https"} and parts.hostname and value.isprintable()
    return value if well else refuse(value, allowed)


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        well = parts.port != 0
    except ValueError:
        return None
    return parts if well else None


def _on_usr1(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in {"all", "due"}:
        return value
    if isinstance(value, list) and value and all(isinstance(name, str) and name for name in value):
        return tuple(value)
    return refuse(value, "all | due | a list of names of rotations")


class State(Options):
    """Where the books are kept."""

    url: Annotated[str, Rule(_database, {"type": "string", "pattern": _DATABASE_FORM})] = Field(
        default="sqlite:////var/lib/rotator/state.db",
        description="sqlite:///PATH, a relative one from the folder of this file; or postgresql://USER@HOST/DATABASE, "
        "with the options of libpq.",
    )
    password: Reference | None = Field(
        default=None, description="The password for PostgreSQL; default: libpq's (PGPASSWORD, ~/.pgpass)."
    )
    encryption_keys: tuple[EncryptionKey, ...] = Field(
        default=(),
        description="32 bytes in base64 each, newest first: the first seals, all open; or wrapped by a key elsewhere. "
        "Absent: a key file beside a SQLite database, made with it.",
    )
    installation: Annotated[str, Rule(_installation, {"type": "string", "pattern": "^[a-z0-9-]{0,24}$"})] = Field(
        default="", description="Id in display names; default: made once and kept in the database."
    )

    @field_validator("url", mode="after")
    @classmethod
    def _from_the_folder(cls, url: str, info: ValidationInfo) -> str:
        if url.startswith(_POSTGRES):
            return url
        folder = (info.context or {}).get(FOLDER, ".")
        return f"sqlite:///{(Path(folder) / url.removeprefix('sqlite:///')).absolute()}"

    @field_validator("password", mode="after")
    @classmethod
    def _for_a_server(cls, password: Reference | None, info: ValidationInfo) -> Reference | None:
        if password is not None and str(info.data.get("url", "sqlite:")).startswith("sqlite:"):
            problem("a SQLite database has no password", "for postgresql:// only")
        return password

    @property
    def path(self) -> Path | None:
        """The database file; None: the database is a server's."""
        return None if self.url.startswith(_POSTGRES) else Path(self.url.removeprefix("sqlite:///"))

    @property
    def signs(self) -> Path:
        """Beside which path a daemon leaves its signs of life."""
        return self.path or signs_of(self.url)

    @property
    def spools(self) -> tuple[Path, ...]:
        """The folders in which issued secrets wait, sealed, while the database does not answer; the first that can.

        One that outlives the machine, then the one for signs of life: a full disk does not fill that one.
        """
        beside = (self.path or lasting_of(self.url), signs_of(self.url))
        return tuple(path.with_name(path.name + ".spool") for path in beside if path is not None)


class Limits(Options):
    """How much may happen, per connection."""

    rotations_per_hour: Annotated[int, whole(1, 1_000_000)] = Field(default=600, description="Attempts begun an hour.")
    failures_before_pause: Annotated[int, whole(1, 10_000)] = Field(
        default=10, description="Distinct rotations that fail by the connection's fault before it rests."
    )


class Daemon(Options):
    """How the daemon runs."""

    node: Annotated[str, text(64)] = Field(default="", description="Its name; default: host name and process id.")
    concurrency: Annotated[int, whole(1, 256)] = Field(default=8, description="Attempts at once.")
    drain_timeout: Annotated[timedelta, span(most=timedelta(hours=1))] = Field(
        default=timedelta(seconds=60), description="How long a stop waits for steps that have begun."
    )
    on_usr1: Annotated[
        str | tuple[str, ...],
        Rule(_on_usr1, {"anyOf": [{"enum": ["all", "due"]}, {"type": "array", "items": {"type": "string"}}]}),
    ] = Field(default="all", alias="onUsr1", description="What SIGUSR1 rotates: all | due | a list of names.")
    limits: Limits = Limits()


class Logging(Options):
    """What is logged, and how."""

    level: Annotated[str, one_of("debug", "info", "warning", "error")] = "info"
    format: Annotated[str, one_of("auto", "console", "json")] = Field(
        default="auto", description="auto: console on a terminal, else json."
    )


class Network(Options):
    """How we reach the outside: Graph, tokens, destinations."""

    proxy: Annotated[str, Rule(_proxy, {"type": "string"})] = Field(
        default="", description="http://HOST:PORT; default: HTTPS_PROXY and its like."
    )
    no_proxy: tuple[Name, ...] = Field(default=(), description="Hosts reached without the proxy; default: NO_PROXY.")
    ca_file: FilePath | None = Field(
        default=None, description="The certificates to trust, PEM, in place of the usual ones."
    )
