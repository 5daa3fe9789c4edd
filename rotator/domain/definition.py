"""How does a definition stand in the database? As a JSON document, there and back without loss."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from rotator.domain.model import (
    Application,
    DestinationRule,
    Folder,
    HookRule,
    Initial,
    OnDrift,
    Rotation,
    Switches,
    VerifyRule,
)
from rotator.domain.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Defined:
    """A rotation as the books define it; `hash` changes with anything in the definition."""

    rotation: Rotation
    switches: Switches
    hash: str


def to_document(rotation: Rotation) -> dict[str, Any]:
    """Plain JSON values only; spans in seconds."""
    return {field.name: _PLAIN.get(field.name, _same)(getattr(rotation, field.name)) for field in fields(rotation)}


def from_document(document: Mapping[str, Any]) -> Rotation:
    """The rotation of `to_document`; a field that the document lacks has its default."""
    return Rotation(**{name: _VALUE.get(name, _same)(value) for name, value in document.items() if name in _FIELDS})


def to_text(rotation: Rotation) -> str:
    """The document as text, always the same for the same rotation. Raises TypeError for options that JSON has not."""
    return json.dumps(to_document(rotation), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def from_text(text: str) -> Rotation:
    """The rotation of `to_text`."""
    return from_document(json.loads(text))


def definition_hash(rotation: Rotation) -> str:
    """32 hexadecimal digits that differ when anything in the definition differs."""
    return text_hash(to_text(rotation))


def digest_of(rotations: Iterable[Rotation]) -> str:
    """The hash of all these definitions together, in whatever order."""
    return text_hash("".join(sorted(definition_hash(replace(each, id="", defined_at="")) for each in rotations)))


def text_hash(text: str) -> str:
    """The hash of a definition's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _same(value: Any) -> Any:
    return value


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _plain(value: Any) -> dict[str, Any]:
    return {field.name: _settled(getattr(value, field.name)) for field in fields(value)}


def _settled(value: Any) -> Any:
    """Mappings and sequences of any kind as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(key): _settled(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_settled(held) for held in value]
    return value


def _rule(document: Mapping[str, Any]) -> DestinationRule:
    return DestinationRule(**{**document, "on_drift": OnDrift(document["on_drift"])})


def _verify(document: Mapping[str, Any]) -> VerifyRule:
    spans = {name: timedelta(seconds=document[name]) for name in ("interval", "deadline")}
    return VerifyRule(document["successes"], **spans)


def _plain_verify(rule: VerifyRule) -> dict[str, Any]:
    spans = {"interval": rule.interval.total_seconds(), "deadline": rule.deadline.total_seconds()}
    return {"successes": rule.successes, **spans}


_FIELDS = frozenset(field.name for field in fields(Rotation))
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "application": _plain,
    "schedule": _plain,
    "lifetime": _seconds,
    "margin": _seconds,
    "overlap": _seconds,
    "min_overlap": _seconds,
    "renew_before": _seconds,
    "verify": _plain_verify,
    "destinations": lambda rules: [_plain(rule) for rule in rules],
    "hooks": lambda rules: [_plain(rule) for rule in rules],
    "mapping": _settled,
    "folder": _plain,
    "labels": _settled,
}
_VALUE: dict[str, Callable[[Any], Any]] = {
    "application": lambda held: Application(**held),
    "schedule": lambda held: Schedule(**held),
    "lifetime": _span,
    "margin": _span,
    "overlap": _span,
    "min_overlap": _span,
    "renew_before": _span,
    "initial": Initial,
    "verify": _verify,
    "destinations": lambda held: tuple(_rule(each) for each in held),
    "hooks": lambda held: tuple(HookRule(**each) for each in held),
    "folder": lambda held: Folder(**held),
}
