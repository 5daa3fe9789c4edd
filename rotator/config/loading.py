"""What does the configuration say as a whole? From a path to frozen values, or to every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from rotator.config.api import Api, check_api
from rotator.config.building import build, check_rotation, warn_about
from rotator.config.checks import check_own_names, check_places, check_signal, check_unique, warn_about_sharing
from rotator.config.connections import WrittenConnection, check_connection, own_rotation, read_connection
from rotator.config.dashboard import Dashboard, check_dashboard
from rotator.config.files import Source, digests, included, open_source
from rotator.config.freezes import read_freezes
from rotator.config.metrics import Metrics
from rotator.config.notifications import AnyChannel, read_channels
from rotator.config.problems import Problems, Spot, unknown_key
from rotator.config.reading import Table
from rotator.config.rotations import Reader, WrittenRotation
from rotator.config.secrets import check_secrets
from rotator.config.settings import Daemon, Logging, Network, State
from rotator.config.traces import Traces
from rotator.domain.freeze import FreezeRule
from rotator.domain.model import Rotation
from rotator.entra.options import PUBLIC_CLOUDS, AnyConnection, Cloud, tenant_and_client
from rotator.options import Options, is_slug, shown
from rotator.references import ALLOW_LITERALS, FOLDER

#: The blocks of the main file, and those that included files may hold too.
BLOCKS = (
    "state",
    "daemon",
    "logging",
    "network",
    "api",
    "metrics",
    "traces",
    "dashboard",
    "freeze",
    "notifications",
    "clouds",
    "connections",
    "defaults",
    "rotations",
    "include",
)
INCLUDED_BLOCKS = ("connections", "rotations")
_S = TypeVar("_S", bound=Options)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that was configured; `warnings` are lines like those of ConfigError."""

    state: State
    daemon: Daemon
    logging: Logging
    network: Network
    api: Api
    metrics: Metrics
    traces: Traces
    dashboard: Dashboard
    freeze: tuple[FreezeRule, ...]
    notifications: tuple[AnyChannel, ...]
    clouds: Mapping[str, Cloud]
    connections: Mapping[str, AnyConnection]
    #: With empty ids; those that renew a connection's own secret come last. Empty when `unchanged`.
    rotations: tuple[Rotation, ...] = ()
    warnings: tuple[str, ...] = ()
    #: Whole path -> sha256 of what it says to this version; give it back as `known_hashes` after the next start.
    sources: Mapping[str, str] = field(default_factory=dict)
    #: All files are as `known_hashes` says: the rotations were not read, they are those already in the books.
    unchanged: bool = False


def load(
    path: str | Path,
    *,
    allow_literal_secrets: bool = False,
    check_references: bool = True,
    known_hashes: Mapping[str, str] | None = None,
) -> Configuration:
    """Read the file and those it includes. Raises ConfigError with every mistake, one line each.

    `check_references`: named secrets must be there now. `known_hashes`: the `sources` of the configuration whose
    rotations are in the books; when no file has changed since, only the rest is read. Touches files, nothing else.
    """
    context = {ALLOW_LITERALS: allow_literal_secrets, FOLDER: str(Path(path).parent)}
    files = _files(Path(path), known_hashes or {})
    return _Loading(files, context, check_references=check_references).run()


@dataclass(frozen=True, slots=True)
class _Files:
    """The main document first, then those included; `problems` of some that are not here are in it."""

    documents: list[Table]
    names: list[str]
    sources: Mapping[str, str]
    problems: Problems
    unchanged: bool = False


def _files(path: Path, known: Mapping[str, str]) -> _Files:
    """What the files hold; without their rotations when all are as known. Raises ConfigError without a main one."""
    problems = Problems()
    main = open_source(path, problems)
    if main is not None and known.get(main.path) == main.digest:
        files = _all(main, path, Problems(), leave_out="rotations")
        if files.sources == known and not files.problems:
            return replace(files, unchanged=True)
    files = _all(main, path, problems) if main is not None else _Files([], [], {}, problems)
    if not files.documents:
        problems.stop()
    return files


def _all(main: Source, path: Path, problems: Problems, *, leave_out: str = "") -> _Files:
    document = main.read(problems, leave_out=leave_out)
    if document is None:
        return _Files([], [], {}, problems)
    others = included(Spot(document), path, problems)
    read = [document, *(each.read(problems, leave_out=leave_out) for each in others)]
    sources = [main, *others]
    documents = [each for each in read if each is not None]
    return _Files(documents, [each.file for each in sources], digests(sources), problems)


class _Loading:
    """One loading: the documents, and what is found wrong with them on the way."""

    def __init__(self, files: _Files, context: Mapping[str, object], *, check_references: bool) -> None:
        self._documents = files.documents
        self._main = Spot(files.documents[0])
        self._names = files.names
        self._sources = files.sources
        self._unchanged = files.unchanged
        self._context = context
        self._check_references = check_references
        self._problems = files.problems
        # A connection may be defined in a file that could not be read: who names it is not to blame.
        self._complete = not files.problems
        self._warnings = Problems()

    def run(self) -> Configuration:
        self._check_blocks()
        state, daemon = self._block("state", State), self._block("daemon", Daemon)
        logging, network = self._block("logging", Logging), self._block("network", Network)
        api = self._block("api", Api)
        check_api(api, self._main / "api", self._problems, check_files=self._check_references)
        metrics, traces = self._block("metrics", Metrics), self._block("traces", Traces)
        freeze = read_freezes(self._main / "freeze", self._main.document.get("freeze"), self._context, self._problems)
        at = self._main / "notifications"
        channels = read_channels(at, self._context, self._problems, check_references=self._check_references)
        clouds = self._clouds()
        dashboard = self._block("dashboard", Dashboard)
        check_dashboard(dashboard, self._main / "dashboard", self._known_clouds(clouds), self._problems)
        connections = self._connections(clouds)
        rotations = () if self._unchanged else self._rotations(connections, daemon)
        if self._check_references:
            check_secrets(self._main, self._rows("connections"), self._context, self._problems)
        self._problems.stop(self._names)
        return Configuration(
            state=state,
            daemon=daemon,
            logging=logging,
            network=network,
            api=api,
            metrics=metrics,
            traces=traces,
            dashboard=dashboard,
            freeze=freeze,
            notifications=channels,
            clouds=clouds,
            connections={name: each.options for name, each in connections.items()},
            rotations=rotations,
            warnings=tuple(self._warnings.lines(self._names)),
            sources=self._sources,
            unchanged=self._unchanged,
        )

    def _check_blocks(self) -> None:
        for n, document in enumerate(self._documents):
            known = INCLUDED_BLOCKS if n else BLOCKS
            for key in (key for key in document if key not in known):
                elsewhere = f"belongs in the main file ({' | '.join(known)})" if key in BLOCKS else ""
                what = elsewhere or unknown_key(key, known)
                self._problems.add(Spot(document) / key, what, key=True)

    def _block(self, key: str, model: type[_S]) -> _S:
        """The settings of that block; its defaults when it is absent, or wrong, which stops the loading later."""
        raw = self._main.document.get(key)
        try:
            return model.model_validate({} if raw is None else raw, context=self._context)
        except ValidationError as exc:
            self._problems.blame(self._main / key, model, exc)
            return model.model_validate({}, context=self._context)

    def _clouds(self) -> dict[str, Cloud]:
        clouds: dict[str, Cloud] = {}
        raw, at = self._main.document.get("clouds"), self._main / "clouds"
        if raw is not None and not isinstance(raw, Table):
            self._problems.add(at, f"{shown(raw)} is not allowed (a mapping of names to clouds)")
            return clouds
        for name, cloud in (raw or {}).items():
            if name in PUBLIC_CLOUDS or not is_slug(name):
                what = f"not a name of one's own (a-z, 0-9 and '-'; not {' | '.join(PUBLIC_CLOUDS)})"
                self._problems.add(at / name, what, key=True)
            try:
                clouds[name] = Cloud.model_validate(cloud, context=self._context)
            except ValidationError as exc:
                self._problems.blame(at / name, Cloud, exc)
        return clouds

    def _known_clouds(self, clouds: Mapping[str, Cloud]) -> list[str]:
        """Faulty ones too: a mistake in one is not a mistake of those that name it."""
        written = self._main.document.get("clouds")
        return list(written) if isinstance(written, Table) else list(clouds)

    def _connections(self, clouds: Mapping[str, Cloud]) -> dict[str, WrittenConnection]:
        rows = list(self._rows("connections"))
        check_unique(rows, self._problems)
        read = [read_connection(spot, raw, self._context, self._problems) for spot, raw in rows]
        good = [each for each in read if each is not None]
        known = self._known_clouds(clouds)
        for each in good:
            check_connection(each, known, self._problems)
        return {each.options.name: each for each in good}

    def _rotations(self, connections: Mapping[str, WrittenConnection], daemon: Daemon) -> tuple[Rotation, ...]:
        rows = list(self._rows("rotations"))
        owners = [each for each in connections.values() if each.options.is_auto_rotation_enabled]
        check_unique(rows, self._problems)
        check_own_names(owners, rows, self._problems)
        if self._complete:
            check_signal(daemon, _names(rows), self._main, self._problems)
        reader = Reader(self._main / "defaults", self._context, self._problems)
        reader.check_defaults()
        written = [each for each in (reader.read(spot, raw) for spot, raw in rows) if each is not None]
        return *self._built(written, connections), *filter(None, map(own_rotation, owners))

    def _built(
        self, written: list[WrittenRotation], connections: Mapping[str, WrittenConnection]
    ) -> Iterator[Rotation]:
        named = _names(self._rows("connections"))
        usable: list[WrittenRotation] = []
        for each in written:
            connection = connections.get(each.options.connection)
            check_rotation(each, connection.options if connection else None, self._problems)
            warn_about(each, self._warnings)
            if connection is not None:
                usable.append(each)
            elif each.options.connection not in named and self._complete:
                known = " | ".join(sorted(connections)) or "none is defined"
                at = each.at("connection")
                self._problems.add(at, f"{each.options.connection!r} is not a connection ({known})")
        check_places(written, self._problems)
        tenants = {name: tenant_and_client(each.options)[0] for name, each in connections.items()}
        warn_about_sharing(usable, tenants, self._warnings)
        for each in usable:
            yield build(each, connections[each.options.connection].options)

    def _rows(self, key: str) -> Iterator[tuple[Spot, object]]:
        for document in self._documents:
            rows, at = document.get(key), Spot(document) / key
            if isinstance(rows, list):
                yield from ((at / n, row) for n, row in enumerate(rows))
            elif rows is not None:
                self._problems.add(at, f"{shown(rows)} is not allowed (a list)")


def _names(rows: Iterable[tuple[Spot, object]]) -> set[str]:
    """The names of those rows, the faulty ones too: a mistake in one is not a mistake of those that name it."""
    return {name for _, raw in rows if isinstance(raw, Table) and isinstance(name := raw.get("name"), str)}
