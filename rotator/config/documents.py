"""How do people and editors learn what can be configured? By an example with every option, and by a JSON Schema."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from importlib import resources
from operator import or_
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from rotator.config.api import Api
from rotator.config.dashboard import Dashboard
from rotator.config.definitions import RotationOptions, destination_model, hook_model
from rotator.config.freezes import Freeze
from rotator.config.metrics import Metrics
from rotator.config.notifications import AnyChannel
from rotator.config.settings import Daemon, Logging, Network, State
from rotator.config.traces import Traces
from rotator.destinations import KINDS
from rotator.destinations.hooks import HOOK_KINDS
from rotator.domain.model import Initial
from rotator.entra.options import AnyConnection, Cloud
from rotator.options import Options, show_span

_EXAMPLE = "config.example.yaml"


def example() -> str:
    """The example file: every option with its meaning, unit and default."""
    shipped = resources.files("rotator") / _EXAMPLE
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    # Run from the source tree, where it stands at the top.
    return (Path(__file__).parents[2] / _EXAMPLE).read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, the main one or an included one."""
    made = whole_model().model_json_schema(schema_generator=_Generator)
    rotation = made["$defs"]["Rotation"]
    inherited = {name: option for name, option in rotation["properties"].items() if name not in {"name", "replaces"}}
    # The rest may come from the defaults.
    rotation["required"] = ["name"]
    made["properties"]["defaults"] = {
        "type": "object",
        "description": "Options of rotations, for all that do not set them.",
        "properties": inherited,
        "additionalProperties": False,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "rotator", **_untitled(made)}


def whole_model() -> type[Options]:
    """All blocks as one model. Files are not read with it: each block is validated where mistakes can be gathered."""
    destinations: Any = reduce(or_, (destination_model(kind) for kind in KINDS))
    described = RotationOptions.model_fields["destinations"]
    listed: Any = (list[destinations], Field(default=[], description=described.description))
    hooks: Any = reduce(or_, (hook_model(kind) for kind in HOOK_KINDS))
    told: Any = (list[hooks], Field(default=[], description=RotationOptions.model_fields["hooks"].description))
    rotation: Any = create_model(
        "Rotation", __base__=RotationOptions, __doc__=RotationOptions.__doc__, destinations=listed, hooks=told
    )
    blocks: dict[str, Any] = {
        "state": (State, State()),
        "daemon": (Daemon, Daemon()),
        "logging": (Logging, Logging()),
        "network": (Network, Network()),
        "api": (Api, Api()),
        "metrics": (Metrics, Metrics()),
        "traces": (Traces, Traces()),
        "dashboard": (Dashboard, Dashboard()),
        "notifications": (list[AnyChannel], Field(default=[], description="Who is told what happens.")),
        "freeze": (list[Freeze], Field(default=[], description="When nothing is rotated unless expiry forces it.")),
        "clouds": (dict[str, Cloud], Field(default={}, description="Clouds of one's own, by name.")),
        "connections": (list[AnyConnection], Field(default=[], description="How tenants are reached.")),
        "defaults": (dict[str, Any], Field(default={})),
        "rotations": (list[rotation], Field(default=[], description="Which application, when, to where.")),
        "include": (list[str], Field(default=[], description="Further files with connections and rotations.")),
    }
    return create_model("Configuration", __base__=Options, **blocks)


class _Generator(GenerateJsonSchema):
    """Defaults as one would write them."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default = schema.get("default")
        plain = self.generate_inner(schema["schema"])
        if default is None or isinstance(default, BaseModel) or "default_factory" in schema:
            return plain
        return {**plain, "default": _written(default)}


def _written(default: Any) -> Any:
    if isinstance(default, timedelta):
        return show_span(default)
    if isinstance(default, tuple):
        return default[0].value if default and isinstance(default[0], Initial) else list(default)
    return default


def _untitled(schema: Any) -> Any:
    """Without the titles that are made from names; a property that is called title is a mapping and stays."""
    if isinstance(schema, dict):
        return {key: _untitled(each) for key, each in schema.items() if key != "title" or isinstance(each, dict)}
    return [_untitled(each) for each in schema] if isinstance(schema, list) else schema
