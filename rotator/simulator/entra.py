"""Which part of Entra answers a request, and what goes wrong on the way?"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from random import Random

from rotator.simulator import discovery
from rotator.simulator.aadsts import THROTTLED, TRANSIENT, sign_in_refusal
from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.authorize import AuthorizeEndpoint
from rotator.simulator.batch import answer_batch
from rotator.simulator.faults import Fault, Faults, lost_answer
from rotator.simulator.graph import VERSIONS, Graph
from rotator.simulator.managed_identity import ManagedIdentity
from rotator.simulator.refusals import GraphRefusal
from rotator.simulator.request_log import LogEntry, RequestLog, outcome_of
from rotator.simulator.resource_manager import answer_resource_manager
from rotator.simulator.signing import CheapSigner, Signer
from rotator.simulator.tenant import Tenant
from rotator.simulator.throttle import Throttle
from rotator.simulator.token import TokenEndpoint
from rotator.simulator.wire import Answer, Headers, SimRequest, SimResponse

_AGS = ("x-ms-ags-diagnostic", '{"ServerInfo":{"DataCenter":"Localhost","Slice":"E","Ring":"0","ScaleUnit":"000"}}')
_CLIENT = re.compile(rb"(?:^|&)client_id=([^&]+)")

Answering = Callable[[], SimResponse]


class Entra:
    """A whole Entra: give it requests, whatever carried them, and it answers.

    `real_now` is the time in which access tokens and throttling live, `base_url` the address under which clients know
    it. Not for several threads at once.
    """

    def __init__(
        self,
        tenant: Tenant,
        *,
        real_now: Callable[[], datetime],
        signer: Signer | None = None,
        base_url: str = "https://localhost",
    ) -> None:
        self.tenant = tenant
        self.tokens = AccessTokens(tenant, signer or CheapSigner(b"simulator"), real_now=real_now, base_url=base_url)
        self.throttle = Throttle(real_now)
        self.graph = Graph(tenant, self.tokens, self.throttle)
        self.token_endpoint = TokenEndpoint(tenant, self.tokens)
        self.authorize_endpoint = AuthorizeEndpoint(tenant, self.tokens)
        self.managed_identity = ManagedIdentity(tenant, self.tokens)
        self.faults = Faults(Random(tenant.random.getrandbits(64)))
        self.log = RequestLog()
        self.latency = 0.0
        """Seconds of real time by which every answer is held back."""
        self._date: tuple[datetime | None, str] = (None, "")

    def handle(self, request: SimRequest) -> Answer:
        """Answer one request: find its operation, let faults strike, log it."""
        is_graph = request.path.split("/", 2)[1] in VERSIONS if request.path.startswith("/") else False
        operation, answering = self._graph(request) if is_graph else self._authority(request)
        fault = None
        if self.faults.rules:
            fault = self.faults.strike(f"{operation} {request.method} {request.path}", self._client_of(request))
        answer = self._answer(request, answering, fault, is_graph=is_graph)
        self._note(request, operation, answer, fault)
        return self._with_headers(request, answer, is_graph=is_graph) if isinstance(answer, SimResponse) else answer

    def _answer(self, request: SimRequest, answering: Answering, fault: Fault | None, *, is_graph: bool) -> Answer:
        if fault is None:
            return answering()
        if fault.effect == "delay":
            return replace(answering(), delay=fault.delay)
        if fault.when == "after":
            answering()
        lost = lost_answer(fault)
        if lost is not None:
            return lost
        answer = self._graph_error(request, fault) if is_graph else self._sign_in_error(request, fault)
        return replace(answer, headers=(*answer.headers, *fault.headers), delay=fault.delay)

    def _graph_error(self, request: SimRequest, fault: Fault) -> SimResponse:
        if fault.effect == "challenge":
            return self.graph.refuse(self._challenge(), request)
        code, message = fault.error()
        return self.graph.refuse(GraphRefusal(fault.status, str(code), message), request)

    def _challenge(self) -> GraphRefusal:
        """Continuous access evaluation: the token is refused until one is fetched with these claims."""
        wanted = {"access_token": {"nbf": {"essential": True, "value": str(int(self.tokens.real_now().timestamp()))}}}
        claims = base64.b64encode(json.dumps(wanted).encode()).decode()
        header = (
            'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
            'client_id="00000003-0000-0000-c000-000000000000", errorDescription="Continuous access evaluation resulted '
            f'in challenge", error="insufficient_claims", claims="{claims}"'
        )
        text = "Continuous access evaluation resulted in challenge with result: InteractionRequired."
        return GraphRefusal(401, "InvalidAuthenticationToken", text, headers=(("www-authenticate", header),))

    def _sign_in_error(self, request: SimRequest, fault: Fault) -> SimResponse:
        number = fault.code if isinstance(fault.code, int) else THROTTLED if fault.status == 429 else TRANSIENT
        return self.token_endpoint.refuse(sign_in_refusal(number, status=fault.status, text=fault.message), request)

    def _graph(self, request: SimRequest) -> tuple[str, Answering]:
        if request.method == "POST" and request.path.endswith("/$batch"):
            return "batch", lambda: answer_batch(self.handle, request)
        route, ids = self.graph.route(request)
        return route.operation if route else "unknown", lambda: self.graph.answer(request, route, ids)

    def _authority(self, request: SimRequest) -> tuple[str, Answering]:
        tenant, _, rest = request.path.lstrip("/").partition("/")
        key = f"{request.method} {rest}"
        if key in {"POST oauth2/v2.0/token", "POST oauth2/token"}:
            return "token", lambda: self.token_endpoint.answer(request, tenant)
        if key == "GET oauth2/v2.0/authorize":
            return "authorize", lambda: self.authorize_endpoint.answer(request, tenant)
        if key == "GET oauth2/v2.0/logout":
            return "logout", lambda: self.authorize_endpoint.sign_out(request)
        return self._around(request, tenant, key)

    def _around(self, request: SimRequest, tenant: str, key: str) -> tuple[str, Answering]:
        """What else is found at an authority: managed identities, documents, the resource manager."""
        if key == "GET identity/oauth2/token" and tenant == "metadata":
            return "imds", lambda: self.managed_identity.imds(request)
        if key == "GET token" and tenant == "msi":
            return "appServiceToken", lambda: self.managed_identity.app_service(request)
        if key in _DISCOVERY:
            name, document = _DISCOVERY[key]
            return name, partial(document, self.tokens)
        return "resourceManager", lambda: answer_resource_manager(self.tenant, self.tokens, request)

    def _note(self, request: SimRequest, operation: str, answer: Answer, fault: Fault | None) -> None:
        entry = LogEntry(
            number=self.log.next_number(),
            at=self.tenant.now(),
            operation=operation,
            method=request.method,
            path=request.path,
            outcome=outcome_of(answer),
            client_id=self._client_of(request),
            fault=fault.when if fault else None,
            client_request_id=request.headers.get("client-request-id"),
        )
        self.log.entries.append(entry)

    def _client_of(self, request: SimRequest) -> str:
        authorization = request.headers.get("authorization", "")
        if authorization:
            claims = self.tokens.read(authorization[7:]) or {}
            return str(claims.get("appid") or claims.get("azp") or "")
        match = _CLIENT.search(request.body)
        return match[1].decode(errors="replace") if match else ""

    def _with_headers(self, request: SimRequest, answer: SimResponse, *, is_graph: bool) -> SimResponse:
        added: Headers = (("date", self._http_date()),)
        if not any(name == "request-id" for name, _ in answer.headers):
            added += (("request-id" if is_graph else "x-ms-request-id", self.tenant.new_id()),)
        if echo := request.headers.get("client-request-id"):
            added += (("client-request-id", echo),)
        if is_graph:
            added += (_AGS,)
        return SimResponse(answer.status, answer.headers + added, answer.body, max(answer.delay, self.latency))

    def _http_date(self) -> str:
        second = self.tenant.now().replace(microsecond=0)
        if second != self._date[0]:
            self._date = (second, format_datetime(second, usegmt=True))
        return self._date[1]


_DISCOVERY: dict[str, tuple[str, Callable[[AccessTokens], SimResponse]]] = {
    "GET v2.0/.well-known/openid-configuration": ("discovery", partial(discovery.openid_configuration, version=2)),
    "GET .well-known/openid-configuration": ("discovery", partial(discovery.openid_configuration, version=1)),
    "GET discovery/v2.0/keys": ("keys", discovery.keys),
    "GET discovery/keys": ("keys", discovery.keys),
    "GET discovery/instance": ("instanceDiscovery", discovery.instance_discovery),
}
