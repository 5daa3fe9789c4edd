"""How does a destination speak to a cluster's API server?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from rotator.destinations.kubernetes_access import Access, AccessUnusable, in_cluster, of_kubeconfig, text_of
from rotator.destinations.wire import Answer, Wire
from rotator.errors import DestinationRefused
from rotator.network import Timeouts

if TYPE_CHECKING:
    from rotator.destinations.kubernetes import Options
    from rotator.destinations.surroundings import Surroundings

_T = TypeVar("_T")
_HINTS = {
    401: "The token or certificate is not accepted by this cluster",
    403: "Bind a Role that allows it; `rotator check` names the verbs",
    404: "Make the namespace first",
    422: "A Secret with immutable: true cannot be changed; name another",
}


class Cluster:
    """Requests to one cluster; nothing is read or connected before the first."""

    def __init__(self, options: Options, surroundings: Surroundings) -> None:
        self._options = options
        self._place = options.place()
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
        options, context = self._options, self._usable(operation, access.context)
        timeouts = Timeouts(min(Timeouts().connect, options.timeout), options.timeout)
        client = self._surroundings.network().client(timeouts, http2=False, context=context)
        return Wire(client, self._place, seconds=options.timeout.total_seconds(), hints=_HINTS)

    def _usable(self, operation: str, made: Callable[[], _T]) -> _T:
        try:
            return made()
        except AccessUnusable as exc:
            problem = DestinationRefused(self._place, operation, exc.what, hint=exc.hint)
        raise problem
