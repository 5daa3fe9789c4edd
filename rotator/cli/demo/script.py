"""How is the demo configured? By a file as anybody would write it, read the usual way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rotator.cli.demo.tenant import Tenant

#: Formats take turns.
_FORMATS = ("dotenv", "json", "dotenv")
_LONGEST_INTERVAL = 2


def write_configuration(folder: Path, tenant: Tenant) -> Path:
    """Write `config.yaml` and what it refers to; returns its path."""
    import yaml

    (folder / "delivered").mkdir()
    secret = folder / "client-secret"
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(tenant.place["adminClientSecret"])
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(_document(folder, secret, tenant), sort_keys=False, width=120), encoding="utf-8")
    return path


def _document(folder: Path, secret: Path, tenant: Tenant) -> dict[str, Any]:
    place = tenant.place
    return {
        "state": {"url": f"sqlite:///{folder / 'state.db'}"},
        "daemon": {"drainTimeout": "10s"},
        "api": {"listen": "127.0.0.1:0"},
        "clouds": {
            "simulated": {
                "authority": place["authority"],
                "graph": place["graph"],
                "scope": place["scope"],
                "caFile": place["caFile"],
            }
        },
        "connections": [
            {
                "name": "contoso",
                "method": "client-secret",
                "cloud": "simulated",
                "propagation": "90m",
                "credentials": {
                    "tenantId": place["tenantId"],
                    "clientId": place["adminClientId"],
                    "clientSecret": {"file": str(secret)},
                },
            }
        ],
        "defaults": {"overlap": "12h", "verify": {"successes": 2, "interval": "1s", "deadline": "30s"}},
        "rotations": [_rotation(folder, number, each) for number, each in enumerate(tenant.applications)],
    }


def _rotation(folder: Path, number: int, application: dict[str, str]) -> dict[str, Any]:
    name = name_of(application)
    words = name.upper().replace("-", "_")
    form = _FORMATS[number % len(_FORMATS)]
    suffix = "env" if form == "dotenv" else "json"
    return {
        "name": name,
        "connection": "contoso",
        "rotationInterval": 1 + number % _LONGEST_INTERVAL,
        "rotateAtUtc": {"hours": number * 2 % 24, "minutes": 30},
        "parameters": {"objectId": application["objectId"]},
        "secretsMapping": {"clientId": f"{words}_CLIENT_ID", "clientSecret": f"{words}_CLIENT_SECRET"},
        "destinations": [
            {"kind": "embedded"},
            {"kind": "file", "path": str(folder / "delivered" / f"{name}.{suffix}"), "format": form},
        ],
    }


def name_of(application: dict[str, str]) -> str:
    """The rotation's name for an application."""
    return application["displayName"].lower().replace(" ", "-")
