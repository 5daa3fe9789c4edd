"""Which Graph operation does a request ask for, and with what answer?"""

import re

from rotator.simulator import graph_applications, graph_policies, graph_principals, graph_reports
from rotator.simulator.access_tokens import ADMINISTRATOR, AccessTokens
from rotator.simulator.graph_call import WRITE, WRITE_ALL, WRITE_OWNED, Call, Caller, Route
from rotator.simulator.model import Application
from rotator.simulator.refusals import GraphRefusal, bad_request
from rotator.simulator.tenant import Tenant
from rotator.simulator.throttle import Cost, Throttle
from rotator.simulator.wire import Headers, Json, SimRequest, SimResponse, graph_time, json_response

VERSIONS = frozenset({"v1.0", "beta"})

_ROUTES: dict[str, Route] = (
    graph_applications.ROUTES | graph_principals.ROUTES | graph_policies.ROUTES | graph_reports.ROUTES
)
_WORDS = frozenset(word for key in _ROUTES for word in key.split(" ")[1].split("/")) - {"*"}
_KEYED = re.compile(r"(\w+)\((?:(appId)=)?'([^']*)'\)")


class Graph:
    """The slice of Microsoft Graph that has to do with applications and their credentials."""

    def __init__(self, tenant: Tenant, tokens: AccessTokens, throttle: Throttle) -> None:
        self.tenant = tenant
        self.tokens = tokens
        self.throttle = throttle

    def route(self, request: SimRequest) -> tuple[Route | None, tuple[str, ...]]:
        """The operation, and the ids that its path names."""
        return _find(request.method, request.path)

    def answer(self, request: SimRequest, route: Route | None, ids: tuple[str, ...]) -> SimResponse:
        """Do what is asked. Refusals become answers."""
        try:
            return self._answer(request, route, ids)
        except GraphRefusal as refusal:
            return self.refuse(refusal, request)

    def refuse(self, refusal: GraphRefusal, request: SimRequest) -> SimResponse:
        """The error body of a refusal."""
        request_id = self.tenant.new_id()
        error = {
            "code": refusal.code,
            "message": refusal.message,
            **({"details": list(refusal.details)} if refusal.details else {}),
            "innerError": {
                "date": graph_time(self.tenant.now())[:19],
                "request-id": request_id,
                "client-request-id": request.headers.get("client-request-id", request_id),
            },
        }
        headers: Headers = (("request-id", request_id), *refusal.headers)
        return json_response(refusal.status, {"error": error}, headers)

    def _answer(self, request: SimRequest, route: Route | None, ids: tuple[str, ...]) -> SimResponse:
        caller = self._caller(request)
        if route is None:
            message = f"Resource not found for the segment '{request.path.rpartition('/')[2]}'."
            raise bad_request(message, "BadRequest")
        version = request.path.split("/", 2)[1]
        call = Call(self.tenant, caller, ids, request, version)
        cost = route.cost if route.cost is not WRITE else self._write_cost(call)
        passed, headers = self.throttle.spend(caller.client_id, cost)
        if not passed:
            raise GraphRefusal(429, "TooManyRequests", "Too many requests.", headers=headers)
        answer = route.handler(call)
        units = (("x-ms-resource-unit", str(cost.units)),)
        return SimResponse(answer.status, (*answer.headers, *units, *headers), answer.body)

    def _write_cost(self, call: Call) -> Cost:
        target = self.tenant.applications.get(call.ids[0]) if call.ids else None
        personal = isinstance(target, Application) and target.personal
        return Cost(units=1, writes=1, personal_writes=1) if personal else WRITE

    def _caller(self, request: SimRequest) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("Access token is empty.")
        claims = self.tokens.read(token.strip())
        if claims is None:
            raise _unauthorized("Access token validation failure. Invalid signature.")
        if not self.tokens.is_graph(claims["aud"]):
            raise _unauthorized("Access token validation failure. Invalid audience.")
        if claims["exp"] <= self.tokens.real_now().timestamp():
            raise _unauthorized("Lifetime validation failed, the token is expired.")
        return Caller(claims.get("appid") or claims["azp"], claims["oid"], _rights(claims))


def _find(method: str, path: str) -> tuple[Route | None, tuple[str, ...]]:
    shape: list[str] = []
    ids: list[str] = []
    for segment in path.strip("/").split("/")[1:]:
        keyed = _KEYED.fullmatch(segment) if segment.endswith(")") else None
        if keyed:
            shape += [keyed[1], "*"]
            ids.append(f"appId={keyed[3].lower()}" if keyed[2] else keyed[3])
        elif segment in _WORDS:
            shape.append(segment)
        else:
            shape.append("*")
            ids.append(segment)
    return _ROUTES.get(f"{method} {'/'.join(shape)}"), tuple(ids)


def _rights(claims: Json) -> frozenset[str]:
    """An application's roles; in a person's name the scopes, which change no more than the person may change."""
    if "scp" not in claims:
        return frozenset(claims["roles"])
    scopes = frozenset(claims["scp"].split())
    if WRITE_ALL in scopes and ADMINISTRATOR not in claims["wids"]:
        return scopes - {WRITE_ALL} | {WRITE_OWNED}
    return scopes


def _unauthorized(message: str) -> GraphRefusal:
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        'client_id="00000003-0000-0000-c000-000000000000"'
    )
    return GraphRefusal(401, "InvalidAuthenticationToken", message, headers=(("www-authenticate", challenge),))
