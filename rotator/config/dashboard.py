"""Where do browsers find the dashboard, and which people of Entra may do what there?"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from rotator.config.problems import Problems, Spot
from rotator.entra.options import PUBLIC_CLOUDS
from rotator.options import Id, Line, Name, Options, Rule, Slug, one_of, problem, refuse, span
from rotator.references import Reference

_ADDRESS = "https://HOST or https://HOST:PORT without a path; http only to localhost"
#: Options that are there for signing in with Entra alone.
_OF_SIGN_IN = ("tenantId", "clientId", "clientSecret", "roles")


def _address(value: object) -> str:
    """The origin that browsers see; Entra sends them back to nothing but https, save on this machine."""
    if value == "":
        return ""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        refuse(value, _ADDRESS)
    try:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
        plain = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc or " " in value)
        well = bool(parts.hostname) and parts.port != 0 and plain and (parts.scheme == "https" or local)
    except ValueError:
        well = False
    return value.rstrip("/").lower() if well else refuse(value, _ADDRESS)


class DashboardRole(Options):
    """What whoever has an app role, or is in a group, may do, and where."""

    app_role: Name | None = Field(default=None, description="The value of an app role of the application.")
    group: Id | None = Field(default=None, description="The object id of a group.")
    role: Annotated[str, one_of("admin", "operator", "reader")] = Field(description="admin | operator | reader.")
    project: Line = Field(default="", description="In this project alone; default: everywhere.")
    environment: Line = Field(default="", description="In this environment of it alone.")
    path: Line = Field(default="", description="At this path of it and below.")

    @model_validator(mode="after")
    def _of_one(self) -> DashboardRole:
        if (self.app_role is None) == (self.group is None):
            problem("names neither or both of appRole and group", "one of the two")
        if (self.environment and not self.project) or (self.path and not self.environment):
            problem("lacks what it is in", "a path with its environment, an environment with its project")
        if self.path and not self.path.startswith("/"):
            refuse(self.path, "a path such as /billing")
        return self


class Dashboard(Options):
    """The pages for people, and how they sign in with Microsoft Entra."""

    address: Annotated[str, Rule(_address, {"type": "string"})] = Field(
        default="", description="Where browsers reach us, such as https://rotator.example.com; also of one-time links."
    )
    tenant_id: Id | None = Field(default=None, description="The tenant whose people sign in.")
    client_id: Id | None = Field(default=None, description="The application that they sign in to.")
    client_secret: Reference | None = Field(
        default=None, description="Its client secret; default: a public client, without one."
    )
    cloud: Slug = Field(default="public", description="public | usgov | usgov-dod | china | a name from clouds.")
    roles: tuple[DashboardRole, ...] = Field(default=(), description="Who may do what; nobody else gets in.")
    session: Annotated[timedelta, span(timedelta(minutes=5), timedelta(hours=24))] = Field(
        default=timedelta(hours=4), description="How long such a sign-in lasts, 5m to 24h; default 4h."
    )

    @property
    def has_sign_in(self) -> bool:
        """People sign in with Entra."""
        return self.client_id is not None


def check_dashboard(dashboard: Dashboard, at: Spot, clouds: Collection[str], problems: Problems) -> None:
    """What follows from several options together."""
    asked = next((name for name in _OF_SIGN_IN if at.has((name,))), "")
    # One that is wrong has been taken for an empty one, and that has been said.
    is_read = bool(dashboard.model_fields_set)
    ids = {"tenantId": dashboard.tenant_id, "clientId": dashboard.client_id}
    for name, value in {"address": dashboard.address, **ids, "roles": dashboard.roles}.items():
        if asked and (not at.has((name,)) or (is_read and not value)):
            problems.add(at / name, f"missing (required with {asked}, to sign in with Entra)")
    if dashboard.cloud not in PUBLIC_CLOUDS and dashboard.cloud not in clouds:
        allowed = " | ".join((*PUBLIC_CLOUDS, *clouds))
        problems.add(at / "cloud", f"{dashboard.cloud!r} is not a cloud ({allowed}; others by name under clouds)")
