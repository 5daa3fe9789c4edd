"""Who signs in, and with what answer?"""

import json
from urllib.parse import parse_qsl

from rotator.simulator.access_tokens import AccessTokens, Resource
from rotator.simulator.assertions import AssertionCheck
from rotator.simulator.model import Holder, ServicePrincipal
from rotator.simulator.refusals import SignInRefusal
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json, SimRequest, SimResponse, json_response

_DEFAULT = "/.default"
_NO_STORE = (("cache-control", "no-store, no-cache"), ("pragma", "no-cache"))


class TokenEndpoint:
    """`POST {authority}/{tenant}/oauth2/v2.0/token`, the client credentials grant, and its v1 form with `resource`."""

    def __init__(self, tenant: Tenant, tokens: AccessTokens) -> None:
        self.tenant = tenant
        self.tokens = tokens
        self._assertions = AssertionCheck(tenant, tokens)

    def answer(self, request: SimRequest, named_tenant: str) -> SimResponse:
        """The token, or the error body with its AADSTS code."""
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
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
        resource = self._resource(form)
        principal, proof = self._client(form)
        token, lifetime = self.tokens.issue(principal, resource, proof=proof, long_lived=_wants_evaluation(form))
        body: Json = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        if "resource" in form:
            body = _as_v1(body, form["resource"], self.tokens)
        return json_response(200, body, _NO_STORE)

    def _check_tenant(self, named: str) -> None:
        if named.lower() not in {self.tenant.tenant_id, self.tenant.domain}:
            text = (
                f"Tenant '{named}' not found. Check to make sure you have the correct tenant ID and are signing into the "
                "correct cloud. Check with your subscription administrator, this may happen if there are no active "
                "subscriptions for the tenant."
            )
            raise SignInRefusal(90002, text, error="invalid_request", status=400)

    def _resource(self, form: dict[str, str]) -> Resource:
        if form.get("resource"):
            return self.tokens.resource(form["resource"])
        scope = form.get("scope", "")
        if not scope:
            raise _missing("scope")
        wanted = scope.split()[0]
        if len(scope.split()) > 1:
            text = (
                "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
                f"'scope' is not valid. The scope {scope} is not valid."
            )
            raise SignInRefusal(70011, text, error="invalid_scope", status=400)
        if not wanted.endswith(_DEFAULT):
            text = (
                f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
                "/.default suffixed to the resource identifier (application ID URI)."
            )
            raise SignInRefusal(1002012, text, error="invalid_scope", status=400)
        return self.tokens.resource(wanted.removesuffix(_DEFAULT))

    def _client(self, form: dict[str, str]) -> tuple[ServicePrincipal, str]:
        client_id = form["client_id"].lower()
        application = self.tenant.find_application(client_id)
        if application is None or application.created_at > self.tenant.seen_at():
            raise self._unknown_client(client_id)
        principal = self.tenant.find_principal(client_id)
        if principal is None:
            text = f"The client application {client_id} is missing service principal in the tenant {self.tenant.tenant_id}."
            raise SignInRefusal(7000229, text, error="unauthorized_client", status=400)
        if not principal.enabled:
            text = f"Application '{client_id}'({application.display_name}) is disabled."
            raise SignInRefusal(7000112, text, error="unauthorized_client", status=400)
        holders: tuple[Holder, ...] = (application, principal)
        if form.get("client_assertion"):
            self._assertions.check(form, application, holders)
            return principal, "2"
        if not form.get("client_secret"):
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise SignInRefusal(7000218, text)
        self._check_secret(holders, client_id, form["client_secret"])
        return principal, "1"

    def _check_secret(self, holders: tuple[Holder, ...], client_id: str, text: str) -> None:
        now = self.tenant.now()
        book = self.tenant.passwords
        known = book.matching(holders, text)
        usable = [password for password in known if password.signs_in(now)]
        if usable and not book.wavers(usable[0], now):
            return
        if not usable and any(password.expires_at <= now and password.removed_at is None for password in known):
            refusal = (
                f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new "
                "keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added "
                "security: https://aka.ms/certCreds."
            )
            raise SignInRefusal(7000222, refusal)
        refusal = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
            f"the client secret ID, for a secret added to app '{client_id}'."
        )
        raise SignInRefusal(7000215, refusal)

    def _unknown_client(self, client_id: str) -> SignInRefusal:
        text = (
            f"Application with identifier '{client_id}' was not found in the directory '{self.tenant.tenant_id}'. This can "
            "happen if the application has not been installed by the administrator of the tenant or consented to by any "
            "user in the tenant. You may have sent your authentication request to the wrong tenant."
        )
        return SignInRefusal(700016, text, error="unauthorized_client", status=400)


def _check_grant(form: dict[str, str]) -> None:
    if "grant_type" not in form:
        raise _missing("grant_type")
    if form["grant_type"] != "client_credentials":
        text = f"The app requested an unsupported grant type '{form['grant_type']}'."
        raise SignInRefusal(70003, text, error="unsupported_grant_type", status=400)
    if not form.get("client_id"):
        raise _missing("client_id")


def _missing(parameter: str) -> SignInRefusal:
    text = f"The request body must contain the following parameter: '{parameter}'."
    return SignInRefusal(900144, text, error="invalid_request", status=400)


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
