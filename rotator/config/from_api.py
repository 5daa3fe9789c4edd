"""How does a request's body become a rotation or a connection? By the same rules as the configuration, in its words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rotator.config.api_reach import Allowed, check_hook, check_reach
from rotator.config.building import build, check_rotation
from rotator.config.connections import WrittenConnection, check_connection, own_rotation, read_connection
from rotator.config.problems import Problems, Spot
from rotator.config.reading import Place, Row, Table
from rotator.config.rotations import Reader
from rotator.destinations import options_of
from rotator.domain.lifetime import least_lifetime, margin
from rotator.domain.model import DestinationRule, Initial, Rotation
from rotator.domain.resources import REFRESH_TOKEN, MadeConnection
from rotator.entra.options import AnyConnection, OAuthApplication
from rotator.errors import ConfigError
from rotator.options import show_span
from rotator.references import ALLOW_LITERALS, KEPT

_HERE = Place("request", 1, 1)
_PREFIX = re.compile(r"^request:1:1: (?:: )?")
_DAY = timedelta(days=1)
#: Sign-in methods of the API; whose credentials are texts of the request, never names of files or variables.
API_METHODS = ("client-secret", "certificate", "managed-identity", "workload-identity", "oauth")


def rotation_from(values: Mapping[str, object], connection: AnyConnection, allowed: Allowed) -> Rotation:
    """The rotation, without an id. Raises ConfigError with a line `path: what is wrong (what is allowed)` for each."""
    problems = Problems()
    spot = Spot(_placed(values))
    written = Reader(Spot(Table(_HERE)) / "defaults", {}, problems).read(spot, spot.document)
    if written is None:
        raise _refusal(problems)
    check_rotation(written, connection, problems)
    for each in written.destinations:
        check_reach(each.rule, allowed, problems, spot)
    for hook in written.hooks:
        check_hook(hook, allowed, problems, spot)
    if problems:
        raise _refusal(problems)
    return replace(build(written, connection), defined_at="", api_made=True)


def values_of(rotation: Rotation) -> dict[str, object]:
    """What the rotation would be written as; what follows from the rest is left out, so that it follows again."""
    interval = rotation.schedule.interval * _DAY
    longer = rotation.min_overlap if rotation.overlap is None and rotation.min_overlap > interval else rotation.overlap
    time = {"hours": rotation.schedule.hour, "minutes": rotation.schedule.minute}
    values: dict[str, object] = {
        "name": rotation.name,
        "description": rotation.description,
        "labels": dict(rotation.labels),
        "connection": rotation.connection,
        "project": rotation.folder.project,
        "environment": rotation.folder.environment,
        "secretPath": rotation.folder.path,
        "isAutoRotationEnabled": rotation.auto,
        "rotationInterval": rotation.schedule.interval,
        "overlap": "until-next" if rotation.overlap is None else show_span(rotation.overlap),
        "minOverlap": show_span(rotation.min_overlap),
        "parameters": _parameters(rotation),
        "secretsMapping": dict(rotation.mapping),
        "verify": _verify(rotation),
        "destinations": [_destination(rule) for rule in rotation.destinations],
        "hooks": [{"kind": rule.kind, **rule.options} for rule in rotation.hooks],
    }
    if rotation.schedule.zone == "UTC":
        values["rotateAtUtc"] = time
    else:
        values["rotateAt"] = {**time, "timeZone": rotation.schedule.zone}
    if rotation.lifetime != least_lifetime(interval, longer):
        values["lifetime"] = show_span(rotation.lifetime)
    if rotation.renew_before != margin(interval) / 2:
        values["renewBefore"] = show_span(rotation.renew_before)
    if rotation.requires_approval:
        values["requiresApproval"] = True
    if rotation.initial is Initial.WAIT:
        values["initial"] = "wait"
    return values


def places_of(rotation: Rotation) -> set[str]:
    """What no second rotation may write."""
    places: set[str] = set()
    for rule in rotation.destinations:
        options = options_of(rule.kind).model_validate(dict(rule.options))
        names = dict(rule.names) or options.default_names(rotation.mapping)
        places |= options.claims(rotation.folder, names.values())
    return places


def connection_from(
    made: MadeConnection, clouds: Collection[str], oauth: OAuthApplication | None = None
) -> AnyConnection:
    """The options with their credentials in them. Raises ConfigError with a line for each mistake.

    `oauth` is the application in whose name people have signed in; their refresh tokens stay where they are kept.
    """
    values = {**made.document, "name": made.name}
    credentials = values.get("credentials")
    if not isinstance(credentials, Mapping):
        raise ConfigError(["credentials: missing (required)"])
    texts: dict[str, object] = {name: text.reveal() for name, text in made.secrets.items()}
    if values.get("method") == "oauth":
        if oauth is None:
            raise ConfigError(["method: oauth needs the block api.oauth of the configuration"])
        ours = {"clientId": oauth.client_id, "clientSecret": oauth.client_secret, REFRESH_TOKEN: KEPT}
        texts = {name: value for name, value in ours.items() if value is not None}
    problems = Problems()
    spot = Spot(_placed({**values, "credentials": {**credentials, **texts}}))
    written = read_connection(spot, spot.document, {ALLOW_LITERALS: True}, problems)
    if written is not None:
        check_connection(written, clouds, problems)
    if problems or written is None:
        raise _refusal(problems)
    return written.options


def own_rotation_of(options: AnyConnection) -> Rotation | None:
    """The rotation of the secret that a connection of the API signs in with, where that is asked for."""
    made = own_rotation(WrittenConnection(Spot(Table(_HERE)), options))
    return None if made is None else replace(made, defined_at="", api_made=True)


def _refusal(problems: Problems) -> ConfigError:
    return ConfigError([_PREFIX.sub("", line) for line in problems.lines()])


def _placed(value: Any) -> Any:
    """The same with a place, as the configuration's reader asks for; all of it stands in the request."""
    if isinstance(value, Mapping):
        table = Table(_HERE)
        table.update({str(key): _placed(each) for key, each in value.items()})
        return table
    if isinstance(value, list | tuple):
        row = Row(_HERE)
        row.extend(map(_placed, value))
        return row
    return value


def _parameters(rotation: Rotation) -> dict[str, str]:
    app = rotation.application
    named = {"objectId": app.object_id, "clientId": app.client_id, "appName": app.name}
    return {key: value for key, value in named.items() if value}


def _verify(rotation: Rotation) -> dict[str, object]:
    rule = rotation.verify
    spans = {"interval": show_span(rule.interval), "deadline": show_span(rule.deadline)}
    return {"successes": rule.successes, **spans}


def _destination(rule: DestinationRule) -> dict[str, object]:
    shared: dict[str, object] = {"kind": rule.kind, "required": rule.required, "order": rule.order}
    shared |= {"onDrift": rule.on_drift.value, "adopt": rule.adopt}
    names = {"names": dict(rule.names)} if rule.names else {}
    return {**shared, **names, **rule.options}
