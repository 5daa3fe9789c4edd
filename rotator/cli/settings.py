"""What was said before the command's name, and what does it lead to? The configuration and the log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rotator.cli.exits import WrongUse
from rotator.errors import ConfigError

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.config.settings import State

_USUAL_PLACES = (Path("/etc/rotator/config.yaml"), Path("config.yaml"))
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "console", "json")


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options as given; empty means not given."""

    config: str = ""
    log_level: str = ""
    log_format: str = ""
    allow_literal_secrets: bool = False
    #: A daemon elsewhere: its address, and the file with an access token.
    server: str = ""
    token_file: str = ""

    def path(self) -> Path:
        """The configuration's main file. Raises ConfigError when none is named and none is in the usual places."""
        if self.config:
            return Path(self.config)
        found = next((place for place in _USUAL_PLACES if place.exists()), None)
        if found is None:
            looked = " or ".join(map(str, _USUAL_PLACES))
            raise ConfigError([f"no configuration: there is no {looked} (--config PATH or ROTATOR_CONFIG)"])
        return found

    def read(self, *, known: Mapping[str, str] | None = None) -> Configuration:
        """The configuration; when its files are as `known` says, without its rotations. Raises ConfigError."""
        from rotator.config import load

        return load(self.path(), allow_literal_secrets=self.allow_literal_secrets, known_hashes=known)

    def read_state(self) -> State:
        """Where the books are, and nothing else: for commands that only look into them. Raises ConfigError."""
        from rotator.config import load_state

        return load_state(self.path(), allow_literal_secrets=self.allow_literal_secrets)

    def read_for_engine(self) -> Configuration:
        """The configuration; without its rotations when no file has changed since they came into the books."""
        from rotator.store.peek import source_hashes

        known: Mapping[str, str] = {}
        with suppress(ConfigError):  # the whole is read next, and every mistake told
            database = self.read_state().path
            # Of several nodes each has files of its own: they are compared with the definitions themselves.
            known = source_hashes(database) if database else {}
        return self.read(known=known)

    def start_log(self, *, level: str = "warning", format: str = "auto") -> None:
        """Log to standard error; the command line and ROTATOR_LOG_LEVEL come before these defaults."""
        from rotator import log

        chosen = self.log_level or os.environ.get("ROTATOR_LOG_LEVEL", "").lower() or level
        if chosen not in LOG_LEVELS:
            raise WrongUse(f"log level {chosen!r} does not exist", hint=f"There is: {', '.join(LOG_LEVELS)}.")
        log.configure(cast("Any", chosen), cast("Any", self.log_format or format))
