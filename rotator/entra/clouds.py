"""Where are the sign-in and Graph of each cloud?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rotator.errors import ConfigError

if TYPE_CHECKING:
    from rotator.entra.options import Cloud


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of one cloud, without a final slash; `graph` with its version, `scope` as tokens are asked for."""

    name: str
    authority: str
    graph: str
    scope: str
    #: Certificates to trust beside the usual ones; empty: none.
    ca_file: str = ""

    @property
    def graph_host(self) -> str:
        """The bare host that may be sent tokens: kiota compares without scheme and port."""
        return urlsplit(self.graph).hostname or ""

    def token_url(self, tenant_id: str) -> str:
        """Where tokens of that tenant come from."""
        return f"{self.authority}/{tenant_id}/oauth2/v2.0/token"

    def authorize_url(self, tenant_id: str) -> str:
        """Where people of that tenant sign in."""
        return f"{self.authority}/{tenant_id}/oauth2/v2.0/authorize"

    def sign_out_url(self, tenant_id: str) -> str:
        """Where people of that tenant sign out: the `end_session_endpoint` of its discovery document."""
        return f"{self.authority}/{tenant_id}/oauth2/v2.0/logout"


def _known(name: str, authority: str, graph: str) -> Endpoints:
    return Endpoints(name, f"https://{authority}", f"https://{graph}/v1.0", f"https://{graph}/.default")


#: https://learn.microsoft.com/graph/deployments and https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
CLOUDS: Mapping[str, Endpoints] = {
    cloud.name: cloud
    for cloud in (
        _known("public", "login.microsoftonline.com", "graph.microsoft.com"),
        _known("usgov", "login.microsoftonline.us", "graph.microsoft.us"),
        _known("usgov-dod", "login.microsoftonline.us", "dod-graph.microsoft.us"),
        _known("china", "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
    )
}


def endpoints(name: str, own: Mapping[str, Cloud]) -> Endpoints:
    """The cloud of that name, one's own before the known ones. Raises ConfigError when there is none."""
    if name in own:
        cloud = own[name]
        return Endpoints(
            name, cloud.authority, cloud.graph, cloud.scope or _root_scope(cloud.graph), cloud.ca_file or ""
        )
    if name not in CLOUDS:
        raise ConfigError([f"cloud: {name!r} is not defined ({' | '.join([*CLOUDS, *own])})"])
    return CLOUDS[name]


def _root_scope(graph: str) -> str:
    parts = urlsplit(graph)
    return f"{parts.scheme}://{parts.netloc}/.default"
