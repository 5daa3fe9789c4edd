"""What Rotation of the domain does a definition make, and can it be kept for years, as L10 and L15 ask?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from rotator.config.connections import check_time, schedule_of
from rotator.config.definitions import RotationOptions
from rotator.config.problems import Problems
from rotator.config.rotations import WrittenRotation
from rotator.domain.lifetime import least_lifetime, margin
from rotator.domain.model import Application, Folder, Rotation, VerifyRule
from rotator.entra.options import AnyConnection, tenant_and_client
from rotator.options import show_span

_DAY = timedelta(days=1)
_CACHED = timedelta(hours=24)


def build(written: WrittenRotation, connection: AnyConnection) -> Rotation:
    """The rotation, without an id: ids are given when definitions are compared with the books."""
    options = written.options
    interval = timedelta(days=options.rotation_interval)
    initial, key_id = options.initial
    return Rotation(
        id="",
        name=options.name,
        connection=options.connection,
        application=_application(options, connection),
        schedule=schedule_of(options.rotation_interval, options.rotate_at_utc, options.rotate_at),
        lifetime=options.lifetime or _least(options),
        margin=margin(interval),
        overlap=options.overlap,
        min_overlap=options.min_overlap,
        renew_before=margin(interval) / 2 if options.renew_before is None else options.renew_before,
        auto=options.is_auto_rotation_enabled,
        requires_approval=options.requires_approval,
        initial=initial,
        adopt_key_id=key_id,
        verify=VerifyRule(options.verify.successes, options.verify.interval, options.verify.deadline),
        destinations=tuple(sorted((each.rule for each in written.destinations), key=lambda rule: rule.order)),
        hooks=written.hooks,
        mapping=mapping_of(options),
        folder=Folder(options.project, options.environment, options.secret_path),
        description=options.description,
        labels=dict(options.labels),
        defined_at=written.spot.place().kept(),
        replaces=options.replaces or "",
    )


def mapping_of(options: RotationOptions) -> Mapping[str, str]:
    """Field -> name, as the secretsMapping says."""
    mapping = options.secrets_mapping
    return {"clientId": mapping.client_id, "clientSecret": mapping.client_secret} if mapping else {}


def check_rotation(written: WrittenRotation, connection: AnyConnection | None, problems: Problems) -> None:
    """What follows from several options together; also where the connection itself is wrong."""
    check_time(written.spot, written.options, problems)
    _check_application(written, connection, problems)
    _check_lifetime(written, problems)
    _check_verify(written, problems)
    _check_names(written, problems)


def warn_about(written: WrittenRotation, warnings: Problems) -> None:
    """What is allowed, but may surprise."""
    overlap = written.options.overlap
    if overlap is not None and overlap < _CACHED:
        warnings.add(
            written.at("overlap"),
            f"{show_span(overlap)} is short: platforms cache secrets for up to 24h (at least 24h)",
        )


def _application(options: RotationOptions, connection: AnyConnection) -> Application:
    named = options.parameters
    tenant, _ = tenant_and_client(connection)
    return Application(tenant, named.object_id or "", named.client_id or "", named.app_name or "")


def _check_application(written: WrittenRotation, connection: AnyConnection | None, problems: Problems) -> None:
    named = written.options.parameters
    if not named.object_id and not named.client_id:
        problems.add(written.at("parameters"), "names no application (objectId or clientId)")
    if connection and named.client_id and named.client_id == tenant_and_client(connection)[1]:
        problems.add(
            written.at("parameters", "clientId"),
            f"the connection {connection.name} signs in with this very application"
            " (another application; isAutoRotationEnabled on the connection rotates its own secret)",
        )


def _least(options: RotationOptions) -> timedelta:
    """With until-next the old secret lives an interval, or the minOverlap where that is longer."""
    interval = timedelta(days=options.rotation_interval)
    overlap = options.overlap
    if overlap is None and options.min_overlap > interval:
        overlap = options.min_overlap
    return least_lifetime(interval, overlap)


def _check_lifetime(written: WrittenRotation, problems: Problems) -> None:
    options = written.options
    interval = timedelta(days=options.rotation_interval)
    least = _least(options)
    lifetime = options.lifetime or least
    if lifetime < least:
        problems.add(
            written.at("lifetime"),
            f"{show_span(lifetime)} is too short: a late rotation would be an outage"
            f" (at least {-(-least // _DAY)}d: interval + overlap + margin)",
        )
    elif options.renew_before is not None and options.renew_before >= lifetime - interval:
        problems.add(
            written.at("renewBefore"),
            f"{show_span(options.renew_before)} is too long: it would rotate before every interval has passed"
            f" (less than {show_span(lifetime - interval)}: lifetime - interval)",
        )


def _check_verify(written: WrittenRotation, problems: Problems) -> None:
    verify = written.options.verify
    needed = verify.interval * (verify.successes - 1)
    if needed >= verify.deadline:
        problems.add(
            written.at("verify"),
            f"{verify.successes} sign-ins {show_span(verify.interval)} apart do not fit in {show_span(verify.deadline)}"
            f" (a deadline of more than {show_span(needed)})",
        )


def _check_names(written: WrittenRotation, problems: Problems) -> None:
    mapping = mapping_of(written.options)
    if not written.destinations:
        problems.add(written.at("destinations"), "an empty list is not allowed (at least one destination)")
    if not mapping and not all(each.rule.names for each in written.destinations):
        problems.add(written.at("secretsMapping"), "missing (required unless every destination has names)")
        return
    places = Counter(each.rule.name for each in written.destinations)
    for n, each in enumerate(written.destinations):
        names = dict(each.rule.names) or each.options.default_names(mapping)
        at = written.at("destinations", n) if written.at("destinations").has(()) else written.at("secretsMapping")
        for problem in each.options.name_problems(names):
            problems.add(at, problem)
        if places[each.rule.name] > 1:
            problems.add(at, f"{each.rule.name} a second time in one rotation (each place once)")
