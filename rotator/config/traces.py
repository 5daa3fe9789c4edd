"""Where do traces go? To a collector of OpenTelemetry, one trace for each attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from rotator.options import Name, Options, Rule, problem
from rotator.references import Reference

_ENDPOINT = "http://HOST:4318/v1/traces or https://..., or empty for none"


def _endpoint(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not value.isprintable() or not _is_address(value):
        # An address may hold a password: it is not shown.
        problem("not the address of a collector", _ENDPOINT)
    return value


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        well = parts.port != 0
    except ValueError:
        return False
    return well and parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


class Traces(Options):
    """Traces for OpenTelemetry."""

    endpoint: Annotated[str, Rule(_endpoint, {"type": "string"})] = Field(
        default="",
        description="The whole address of a collector that takes OTLP over HTTP as JSON, such as "
        "http://collector:4318/v1/traces; empty: no traces.",
    )
    headers: Mapping[Name, Reference] = Field(default={}, description="Sent along, each value a named secret.")
