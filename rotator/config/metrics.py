"""Where are the numbers told besides the API, and of how many rotations one by one?"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from rotator.options import Options, Rule, problem, refuse, span, whole

#: Every application of the tenant is read each time.
_SELDOM = timedelta(minutes=15)
_LISTEN = "ADDRESS:PORT such as 0.0.0.0:9780 or [::]:9780, or empty for none"


def _listen(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str):
        refuse(value, _LISTEN)
    host, _, port = value.rpartition(":")
    well = port.isdecimal() and port.isascii() and len(port) <= 5 and int(port) < 65536
    return value if well and _is_address(host) else refuse(value, _LISTEN)


def _is_address(host: str) -> bool:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return (ipaddress.ip_address(bare).version == 6) == (bare != host)
    except ValueError:
        return False


class Metrics(Options):
    """The numbers for Prometheus."""

    listen: Annotated[str, Rule(_listen, {"type": "string"})] = Field(
        default="",
        description="ADDRESS:PORT (port 0: any free one) of a second listener in clear, with /metrics, /healthz and "
        "/readyz only; empty: none.",
    )
    per_rotation: Annotated[int, whole(0, 1_000_000)] = Field(
        default=10_000,
        description="Above so many rotations only those that need attention are told one by one.",
    )
    inventory: Annotated[timedelta, span(most=timedelta(days=30))] = Field(
        default=timedelta(0),
        description="How often the secrets that nobody rotates are counted, such as 24h; 0: never. At least 15m.",
    )

    @field_validator("inventory", mode="after")
    @classmethod
    def _seldom(cls, every: timedelta) -> timedelta:
        if timedelta(0) < every < _SELDOM:
            problem("that is too often", "15m or more, or 0 for never")
        return every

    @property
    def host(self) -> str:
        """Where to listen, an IPv6 address without brackets; empty for nowhere."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """0: any free one."""
        return int(self.listen.rpartition(":")[2] or 0)
