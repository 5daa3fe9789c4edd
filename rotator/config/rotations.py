"""How are the definitions of rotations read from their files? With the defaults, each destination as its kind asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from rotator.config.definitions import RotationOptions, Shared, destination_model, hook_model
from rotator.config.problems import Problems, Spot, keys_of
from rotator.config.reading import Table
from rotator.config.templates import SAMPLES, filled, unknown_slots
from rotator.destinations import KINDS
from rotator.destinations.hooks import HOOK_KINDS
from rotator.destinations.hooks.options import HookOptions
from rotator.destinations.options import KindOptions
from rotator.domain.model import DestinationRule, HookRule, OnDrift
from rotator.options import shown

_M = TypeVar("_M", bound=BaseModel)
_TIMES = frozenset({"rotateAt", "rotateAtUtc"})
_SHARED = frozenset({*keys_of(Shared), "kind"})
_NOT_BY_DEFAULT = frozenset({"name", "replaces"})


@dataclass(frozen=True, slots=True)
class WrittenDestination:
    """A destination: its kind's options, and the rule they make."""

    options: KindOptions
    rule: DestinationRule


@dataclass(frozen=True, slots=True)
class WrittenRotation:
    """A rotation as it is written, and where; `defaults` is where options stand that it does not have itself."""

    spot: Spot
    defaults: Spot
    options: RotationOptions
    destinations: tuple[WrittenDestination, ...]
    hooks: tuple[HookRule, ...] = ()

    def at(self, *path: str | int) -> Spot:
        """Where an option of it stands, be it its own or a default."""
        own = self.spot.has(path[:1]) or not self.defaults.has(path[:1])
        top = self.spot if own else self.defaults
        return Spot(top.document, (*top.path, *path))


class Reader:
    """Reads the rotations of all files, with the defaults of the main one."""

    def __init__(self, defaults: Spot, context: Mapping[str, object], problems: Problems) -> None:
        self._defaults = defaults
        self._context = context
        self._problems = problems
        table = defaults.document.get("defaults")
        self._faulty: set[object] = set()
        self._values = dict(table) if isinstance(table, Table) else {}
        if table is not None and not isinstance(table, Table):
            problems.add(defaults, f"{shown(table)} is not allowed (a mapping of rotation options)")

    def check_defaults(self) -> None:
        """Mistakes in the defaults are mistakes even when no rotation uses them; they are not said again of each."""
        for key in sorted(_NOT_BY_DEFAULT & set(self._values)):
            self._problems.add(self._defaults / key, "not allowed in defaults (each rotation has its own)", key=True)
            self._drop(key)
        try:
            RotationOptions.model_validate(self._values, context=self._context)
        except ValidationError as exc:
            self._problems.blame(self._defaults, RotationOptions, exc, unasked=frozenset(keys_of(RotationOptions)))
            for error in exc.errors(include_url=False, include_input=False):
                self._drop(error["loc"][0])
        rows = self._values.get("destinations", [])
        if self._destinations(rows, self._defaults / "destinations", values=SAMPLES) is None:
            self._drop("destinations")
        if self._hooks(self._values.get("hooks", []), self._defaults / "hooks", values=SAMPLES) is None:
            self._drop("hooks")

    def _drop(self, key: object) -> None:
        if key in self._values:
            self._faulty.add(key)
            del self._values[str(key)]

    def read(self, spot: Spot, raw: object) -> WrittenRotation | None:
        """One rotation, or None when something is wrong with it."""
        if not isinstance(raw, Table):
            self._problems.add(spot, f"{shown(raw)} is not allowed (a mapping)")
            return None
        values = self._merged(raw)
        options = self._validated(RotationOptions, values, spot)
        inherited = "destinations" in self._values and "destinations" not in raw
        rows = values.get("destinations", [{"kind": "embedded"}])
        destinations = self._destinations(rows, (self._defaults if inherited else spot) / "destinations", values=values)
        top = self._defaults if "hooks" in self._values and "hooks" not in raw else spot
        hooks = self._hooks(values.get("hooks", []), top / "hooks", values=values)
        if options is None or destinations is None or hooks is None:
            return None
        return WrittenRotation(spot, self._defaults, options, destinations, hooks)

    def _merged(self, raw: Table) -> dict[str, object]:
        """A time of day of its own, said either way, stands against one by default."""
        if not self._values:
            return raw
        own_time = not _TIMES.isdisjoint(raw)
        inherited = {key: value for key, value in self._values.items() if not (own_time and key in _TIMES)}
        return {**inherited, **raw}

    def _validated(self, model: type[_M], values: Mapping[str, object], spot: Spot) -> _M | None:
        try:
            return model.model_validate(values, context=self._context)
        except ValidationError as exc:
            self._problems.blame(spot, model, exc, defaults=self._defaults, unasked=self._faulty)
            return None

    def _destinations(
        self, rows: object, spot: Spot, *, values: Mapping[str, object]
    ) -> tuple[WrittenDestination, ...] | None:
        """All of them, or None when one is wrong; that `rows` is no list has been said already."""
        if not isinstance(rows, list):
            return None
        read = [self._destination(filled(row, values), spot, n) for n, row in enumerate(rows)]
        good = tuple(each for each in read if each is not None)
        return good if len(good) == len(read) else None

    def _destination(self, raw: object, row: Spot, n: int) -> WrittenDestination | None:
        for unknown in unknown_slots(raw):
            self._problems.add(row / n, unknown)
            return None
        model = self._kind(raw, row, n)
        options = self._validated(model, raw, row / n) if model else None  # type: ignore[arg-type]  # a mapping, as _kind saw
        if not isinstance(raw, dict) or not isinstance(options, Shared) or not isinstance(options, KindOptions):
            return None
        rule = DestinationRule(
            name=options.place(),
            kind=raw["kind"],
            required=options.required,
            order=options.order,
            on_drift=OnDrift(options.on_drift),
            adopt=options.adopt,
            names=options.names.written() if options.names else {},
            options={key: plain(value) for key, value in raw.items() if key not in _SHARED},
        )
        return WrittenDestination(options, rule)

    def _hooks(self, rows: object, spot: Spot, *, values: Mapping[str, object]) -> tuple[HookRule, ...] | None:
        """All of them, or None when one is wrong; that `rows` is no list has been said already."""
        if not isinstance(rows, list):
            return None
        read = [self._hook(filled(row, values), spot / n) for n, row in enumerate(rows)]
        good = tuple(each for each in read if each is not None)
        for n, each in enumerate(good):
            if each.name in {other.name for other in good[:n]}:
                self._problems.add(spot / n, f"{each.name} a second time in one rotation (each hook once)")
        return good if len(good) == len(read) else None

    def _hook(self, raw: object, at: Spot) -> HookRule | None:
        for unknown in unknown_slots(raw):
            self._problems.add(at, unknown)
            return None
        kinds = " | ".join(HOOK_KINDS)
        kind = raw.get("kind") if isinstance(raw, dict) else None
        if not isinstance(raw, dict):
            self._problems.add(at, f"{shown(raw)} is not allowed (a mapping with kind: {kinds})")
        elif not isinstance(kind, str) or kind not in HOOK_KINDS:
            what = "missing" if kind is None else f"{shown(kind)} is not allowed"
            self._problems.add(at / "kind", f"{what} ({kinds})")
        elif isinstance(options := self._validated(hook_model(kind), raw, at), HookOptions):
            written = {key: plain(value) for key, value in raw.items() if key != "kind"}
            return HookRule(options.name(), kind, written)
        return None

    def _kind(self, raw: object, row: Spot, n: int) -> type[Shared] | None:
        kinds = " | ".join(KINDS)
        if not isinstance(raw, dict):
            self._problems.add(row / n, f"{shown(raw)} is not allowed (a mapping with kind: {kinds})")
            return None
        kind = raw.get("kind")
        if not isinstance(kind, str):
            what = "missing" if kind is None else f"{shown(kind)} is not allowed"
            self._problems.add(row / n / "kind", f"{what} ({kinds})")
        elif kind not in KINDS:
            self._problems.add(row / n / "kind", f"{shown(kind)} is not allowed ({kinds})")
        else:
            return destination_model(kind)
        return None


def plain(value: object) -> object:
    """The value without its places, so that it can be kept."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value
