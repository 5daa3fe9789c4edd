"""How do the connections of a file become options by name, and the rotations of those that renew their own secret?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from rotator.config.problems import Problems, Spot
from rotator.config.reading import Table
from rotator.domain.lifetime import least_lifetime, margin
from rotator.domain.model import Application, Initial, Rotation
from rotator.domain.schedule import Schedule
from rotator.entra.options import (
    METHODS,
    PUBLIC_CLOUDS,
    AnyConnection,
    OwnRotation,
    tenant_and_client,
)
from rotator.options import UtcTime, ZonedTime, shown


@dataclass(frozen=True, slots=True)
class WrittenConnection:
    """A connection and where it stands."""

    spot: Spot
    options: AnyConnection


def read_connection(
    spot: Spot, raw: object, context: Mapping[str, object], problems: Problems
) -> WrittenConnection | None:
    """One connection, or None when something is wrong with it."""
    if not isinstance(raw, Table):
        problems.add(spot, f"{shown(raw)} is not allowed (a mapping)")
        return None
    model = _model(spot, raw.get("method"), problems)
    if model is None:
        return None
    try:
        options = model.model_validate(raw, context=context)
    except ValidationError as exc:
        problems.blame(spot, model, exc)
        return None
    return WrittenConnection(spot, options)


def _model(spot: Spot, method: object, problems: Problems) -> type[AnyConnection] | None:
    allowed = " | ".join(METHODS)
    if isinstance(method, str) and method in METHODS:
        return METHODS[method]
    if method is None:
        problems.add(spot / "method", f"missing ({allowed})")
    else:
        problems.add(spot / "method", f"{shown(method)} is not allowed ({allowed})")
    return None


def check_connection(written: WrittenConnection, clouds: Collection[str], problems: Problems) -> None:
    """What can only be judged beside the rest of the configuration."""
    spot, options = written.spot, written.options
    if options.cloud not in PUBLIC_CLOUDS and options.cloud not in clouds:
        allowed = " | ".join((*PUBLIC_CLOUDS, *clouds))
        problems.add(spot / "cloud", f"{options.cloud!r} is not a cloud ({allowed}; others by name under clouds)")
    if options.rotation is not None:
        check_time(spot / "rotation", options.rotation, problems)
    if not options.is_auto_rotation_enabled:
        return
    if options.method != "client-secret":
        problems.add(
            spot / "isAutoRotationEnabled", f"true is not allowed with method {options.method} (client-secret)"
        )
    if options.rotation is None:
        problems.add(spot / "rotation", "missing (required with isAutoRotationEnabled: {rotationInterval: DAYS})")


def check_time(spot: Spot, options: object, problems: Problems) -> None:
    """The time of day is said once."""
    if getattr(options, "rotate_at", None) and getattr(options, "rotate_at_utc", None):
        problems.add(spot / "rotateAt", "not allowed beside rotateAtUtc (one of the two)", key=True)


def schedule_of(interval: int, utc: UtcTime | None, zoned: ZonedTime | None) -> Schedule:
    """The schedule from an interval in days and one of two ways to say the time of day."""
    if zoned is not None:
        return Schedule(interval, zoned.hours, zoned.minutes, zoned.time_zone)
    return Schedule(interval, utc.hours, utc.minutes) if utc else Schedule(interval)


def own_rotation(written: WrittenConnection) -> Rotation | None:
    """The rotation of the secret that the connection itself signs in with, where that is asked for."""
    options = written.options
    if not options.is_auto_rotation_enabled or options.rotation is None:
        return None
    tenant, client = tenant_and_client(options)
    rule: OwnRotation = options.rotation
    interval = timedelta(days=rule.rotation_interval)
    return Rotation(
        id="",
        name=f"connection-{options.name}",
        connection=options.name,
        application=Application(tenant, client_id=client),
        schedule=schedule_of(rule.rotation_interval, rule.rotate_at_utc, rule.rotate_at),
        lifetime=least_lifetime(interval, None),
        margin=margin(interval),
        renew_before=margin(interval) / 2,
        initial=Initial.ADOPT if rule.adopt else Initial.ROTATE,
        adopt_key_id=rule.adopt or "",
        description=f"The secret that the connection {options.name} signs in with",
        own_connection=options.name,
        defined_at=written.spot.place().kept(),
    )
