"""How does a destination speak to a cluster's API server?"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote

from pydantic import Field

from rotator.destinations.kubernetes_access import Access, AccessUnusable, in_cluster, of_kubeconfig, text_of
from rotator.destinations.options import Endpoint
from rotator.destinations.wire import Answer, Wire
from rotator.errors import DestinationRefused
from rotator.network import Timeouts
from rotator.options import FilePath, Line, Options, Rule, refuse, span

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings

_T = TypeVar("_T")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HINTS = {
    401: "The token or certificate is not accepted by this cluster",
    403: "Bind a Role that allows it; `rotator check` names what is missing",
}
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


def is_object_name(value: object) -> bool:
    """Tell whether objects may have that name (a DNS subdomain)."""
    return isinstance(value, str) and _SUBDOMAIN.fullmatch(value) is not None


def _namespace(value: object) -> str:
    allowed = "a namespace such as payments: 1 to 63 of a-z, 0-9 and '-'"
    return value if isinstance(value, str) and re.fullmatch(_LABEL, value) else refuse(value, allowed)


class ClusterOptions(Options):
    """Which cluster, and where in it."""

    namespace: Annotated[str, Rule(_namespace, {"type": "string", "maxLength": 63})] | None = Field(
        default=None, description="The namespace; default: that of the pod or of the kubeconfig's context."
    )
    kubeconfig: FilePath | None = Field(
        default=None, description="How to reach the cluster from outside; default: as the pod's service account."
    )
    context: Line = Field(default="", description="A context of the kubeconfig; default: its current one.")
    endpoint: Endpoint | None = Field(default=None, description="Another address of the API server.")
    ca_file: FilePath | None = Field(
        default=None, description="Its authority, PEM; default: that of the pod or of the kubeconfig."
    )
    timeout: Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=10))] = Field(
        default=timedelta(seconds=30), description="How long one request may take; default 30s."
    )

    def within(self, name: str) -> str:
        """A name there, for people and books: `production/payments/billing`."""
        cluster = self.context or (self.endpoint or "").partition("://")[2]
        return "/".join(part for part in (cluster, self.namespace, name) if part)


class Cluster:
    """Requests to one cluster on behalf of `place`; nothing is read or connected before the first."""

    def __init__(
        self, options: ClusterOptions, place: str, surroundings: Surroundings, *, hints: Mapping[int, str]
    ) -> None:
        self._options = options
        self._place = place
        self._hints = hints
        self._surroundings = surroundings
        self._access: Access | None = None
        self._wire: Wire | None = None

    def namespace(self, operation: str) -> str:
        """The one that is configured, else that of the pod or the kubeconfig. Raises DestinationRefused."""
        return self._options.namespace or self._opened(operation)[0].namespace

    async def ask(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        wanted: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Answer:
        """As `Wire.send`, below the server's address."""
        access, wire = self._opened(operation)
        token = self._usable(operation, access.token)
        sent = {**(headers or {}), **({"Authorization": f"Bearer {token.reveal()}"} if token else {})}
        if access.server_name:
            request["extensions"] = {"sni_hostname": access.server_name}
        server = self._options.endpoint or access.server
        return await wire.send(operation, method, f"{server}{quote(path)}", wanted=wanted, headers=sent, **request)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._wire is not None:
            await self._wire.close()

    def _opened(self, operation: str) -> tuple[Access, Wire]:
        if self._access is None or self._wire is None:
            self._access = self._usable(operation, self._found)
            self._wire = self._wired(self._access, operation)
        return self._access, self._wire

    def _found(self) -> Access:
        options = self._options
        if options.kubeconfig:
            access = of_kubeconfig(Path(options.kubeconfig), options.context)
        else:
            access = in_cluster(self._surroundings.environment)
        return replace(access, authority=text_of(Path(options.ca_file))) if options.ca_file else access

    def _wired(self, access: Access, operation: str) -> Wire:
        options, network = self._options, self._surroundings.network()
        context = self._usable(operation, lambda: access.context(network.own_context))
        timeouts = Timeouts(min(Timeouts().connect, options.timeout), options.timeout)
        client = network.client(timeouts, http2=False, context=context)
        return Wire(client, self._place, seconds=options.timeout.total_seconds(), hints={**_HINTS, **self._hints})

    def _usable(self, operation: str, made: Callable[[], _T]) -> _T:
        try:
            return made()
        except AccessUnusable as exc:
            problem = DestinationRefused(self._place, operation, exc.what, hint=exc.hint)
        raise problem
