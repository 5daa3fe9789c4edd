"""What happens when a browser is sent to the authority to let an application act in a person's name?"""

from urllib.parse import parse_qsl, urlencode

from rotator.simulator.aadsts import sign_in_refusal
from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.delegated import granted_scopes
from rotator.simulator.model import Application
from rotator.simulator.refusals import SignInRefusal
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import SimRequest, SimResponse

_HTML = ("content-type", "text/html; charset=utf-8")


class AuthorizeEndpoint:
    """`GET {authority}/{tenant}/oauth2/v2.0/authorize` with `response_type=code`; the person always says yes.

    `login_hint` chooses the person, by default the first administrator.
    """

    def __init__(self, tenant: Tenant, tokens: AccessTokens) -> None:
        self._tenant = tenant
        self._tokens = tokens

    def answer(self, request: SimRequest, named_tenant: str) -> SimResponse:
        """Back to the application with a code; a page with the error where nobody may be sent back."""
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        try:
            application = self._application(query, named_tenant)
        except SignInRefusal as refusal:
            page = f"<html><body><p>AADSTS{refusal.number}: {refusal.text}</p></body></html>"
            return SimResponse(400, (_HTML,), page.encode())
        state = {"state": query["state"]} if "state" in query else {}
        try:
            return _back(query["redirect_uri"], {"code": self._code(query, application), **state})
        except SignInRefusal as refusal:
            told = {"error": refusal.error, "error_description": f"AADSTS{refusal.number}: {refusal.text}"}
            return _back(query["redirect_uri"], {**told, **state})

    def _application(self, query: dict[str, str], named_tenant: str) -> Application:
        """The application, once it is certain that it is one of its own addresses that we send back to."""
        client_id = query.get("client_id", "").lower()
        if named_tenant.lower() not in {self._tenant.tenant_id, self._tenant.domain, "organizations", "common"}:
            raise sign_in_refusal(90002, tenant=named_tenant)
        application = self._tenant.find_application(client_id)
        if application is None:
            raise sign_in_refusal(700016, client=client_id, tenant=self._tenant.tenant_id)
        if query.get("redirect_uri", "") not in application.redirect_uris:
            raise sign_in_refusal(50011, redirect=query.get("redirect_uri", ""), client=client_id)
        return application

    def _code(self, query: dict[str, str], application: Application) -> str:
        if query.get("response_type") != "code":
            raise sign_in_refusal(900144, parameter="response_type")
        if not query.get("scope"):
            raise sign_in_refusal(900144, parameter="scope")
        user = self._tenant.people.named(query.get("login_hint", ""))
        if not user.enabled:
            raise sign_in_refusal(50057)
        scopes = query["scope"].split()
        granted_scopes(scopes, application, self._tokens)
        challenge = query.get("code_challenge", "")
        return self._tenant.people.add_code(
            user, application.client_id, scopes, redirect_uri=query["redirect_uri"], challenge=challenge
        )


def _back(address: str, told: dict[str, str]) -> SimResponse:
    joint = "&" if "?" in address else "?"
    return SimResponse(302, (("location", f"{address}{joint}{urlencode(told)}"),))
