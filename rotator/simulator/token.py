"""Who signs in, and with what answer?"""

import json
from urllib.parse import parse_qsl

from rotator.simulator.aadsts import sign_in_refusal
from rotator.simulator.access_tokens import AccessTokens, Resource
from rotator.simulator.assertions import AssertionCheck
from rotator.simulator.delegated import GRANTS, DelegatedGrants
from rotator.simulator.model import Holder, ServicePrincipal
from rotator.simulator.refusals import SignInRefusal
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json, SimRequest, SimResponse, json_response

_DEFAULT = "/.default"
_NO_STORE = (("cache-control", "no-store, no-cache"), ("pragma", "no-cache"))


class TokenEndpoint:
    """`POST {authority}/{tenant}/oauth2/v2.0/token`: client credentials (also v1 with `resource`), code and refresh."""

    def __init__(self, tenant: Tenant, tokens: AccessTokens) -> None:
        self.tenant = tenant
        self.tokens = tokens
        self._assertions = AssertionCheck(tenant, tokens)
        self._delegated = DelegatedGrants(tenant, tokens)

    def answer(self, request: SimRequest, named_tenant: str) -> SimResponse:
        """The token, or the error body with its AADSTS code."""
        form = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        try:
            return self._token(form, named_tenant)
        except SignInRefusal as refusal:
            return self.refuse(refusal, request)

    def refuse(self, refusal: SignInRefusal, request: SimRequest) -> SimResponse:
        """The error body of a refused sign-in."""
        trace = self.tenant.new_id()
        correlation = request.headers.get("client-request-id") or self.tenant.new_id()
        when = f"{self.tenant.now():%Y-%m-%d %H:%M:%SZ}"
        text = f"AADSTS{refusal.number}: {refusal.text}"
        body = {
            "error": refusal.error,
            "error_description": f"{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {when}",
            "error_codes": [refusal.number],
            "timestamp": when,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{self.tokens.base_url}/error?code={refusal.number}",
        }
        return json_response(refusal.status, body, _NO_STORE)

    def _token(self, form: dict[str, str], named_tenant: str) -> SimResponse:
        self._check_tenant(named_tenant)
        _check_grant(form)
        if form["grant_type"] in GRANTS:
            delegated, _ = self._client(form)
            body = self._delegated.token(form, delegated, long_lived=_wants_evaluation(form))
            return json_response(200, body, _NO_STORE)
        resource = self._resource(form)
        principal, proof = self._client(form)
        token, lifetime = self.tokens.issue(principal, resource, proof=proof, long_lived=_wants_evaluation(form))
        body = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        if "resource" in form:
            body = _as_v1(body, form["resource"], self.tokens)
        return json_response(200, body, _NO_STORE)

    def _check_tenant(self, named: str) -> None:
        if named.lower() not in {self.tenant.tenant_id, self.tenant.domain}:
            raise sign_in_refusal(90002, tenant=named)

    def _resource(self, form: dict[str, str]) -> Resource:
        if form.get("resource"):
            return self.tokens.resource(form["resource"])
        scope = form.get("scope", "")
        if not scope:
            raise sign_in_refusal(900144, parameter="scope")
        if len(scope.split()) > 1:
            raise sign_in_refusal(70011, scope=scope)
        if not scope.endswith(_DEFAULT):
            raise sign_in_refusal(1002012, scope=scope)
        return self.tokens.resource(scope.removesuffix(_DEFAULT))

    def _client(self, form: dict[str, str]) -> tuple[ServicePrincipal, str]:
        client_id, tenant_id = form["client_id"].lower(), self.tenant.tenant_id
        application = self.tenant.find_application(client_id)
        if application is None or application.created_at > self.tenant.seen_at():
            raise sign_in_refusal(700016, client=client_id, tenant=tenant_id)
        principal = self.tenant.find_principal(client_id)
        if principal is None:
            raise sign_in_refusal(7000229, client=client_id, tenant=tenant_id)
        if not principal.enabled:
            raise sign_in_refusal(7000112, client=client_id, name=application.display_name)
        holders: tuple[Holder, ...] = (application, principal)
        if form.get("client_assertion"):
            self._assertions.check(form, application, holders)
            return principal, "2"
        if application.public_client:
            _check_public(form)
            return principal, "0"
        if not form.get("client_secret"):
            raise sign_in_refusal(7000218)
        self._check_secret(holders, client_id, form["client_secret"])
        return principal, "1"

    def _check_secret(self, holders: tuple[Holder, ...], client_id: str, text: str) -> None:
        now = self.tenant.now()
        book = self.tenant.passwords
        known = book.matching(holders, text)
        usable = [password for password in known if password.signs_in(now)]
        if usable and not book.wavers(usable[0], now):
            usable[0].signed_in_at = now
            return
        expired = not usable and any(one.expires_at <= now and one.removed_at is None for one in known)
        raise sign_in_refusal(7000222 if expired else 7000215, client=client_id)


def _check_grant(form: dict[str, str]) -> None:
    if "grant_type" not in form:
        raise sign_in_refusal(900144, parameter="grant_type")
    if form["grant_type"] not in {"client_credentials", *GRANTS}:
        raise sign_in_refusal(70003, grant=form["grant_type"])
    if not form.get("client_id"):
        raise sign_in_refusal(900144, parameter="client_id")


def _check_public(form: dict[str, str]) -> None:
    """A public client proves nothing of itself, and acts in a person's name alone."""
    if form.get("client_secret"):
        raise sign_in_refusal(700025)
    if form["grant_type"] not in GRANTS:
        raise sign_in_refusal(7000218)


def _wants_evaluation(form: dict[str, str]) -> bool:
    """Whether the client says that it answers claims challenges, which gets it a token of 24 hours."""
    try:
        wanted = json.loads(form.get("claims") or "{}")
        return "CP1" in wanted["access_token"]["xms_cc"]["values"]
    except (ValueError, KeyError, TypeError):
        return False


def _as_v1(body: Json, resource: str, tokens: AccessTokens) -> Json:
    expires_on = int(tokens.real_now().timestamp()) + body["expires_in"]
    return {key: str(value) for key, value in body.items()} | {"expires_on": str(expires_on), "resource": resource}
