"""What happens when a browser is sent to the authority, to sign a person in or out, or to let an application act?"""

from html import escape
from urllib.parse import parse_qsl, urlencode

from rotator.simulator.aadsts import sign_in_refusal
from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.delegated import granted_scopes
from rotator.simulator.model import Application
from rotator.simulator.people import Challenge
from rotator.simulator.refusals import SignInRefusal
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import SimRequest, SimResponse

_HTML = ("content-type", "text/html; charset=utf-8")


class AuthorizeEndpoint:
    """`GET {authority}/{tenant}/oauth2/v2.0/authorize` with `response_type=code`; the person always says yes.

    `login_hint` chooses the person, by default the first administrator; with `prompt=select_account` a page asks.
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
            return _page(400, f"<p>AADSTS{refusal.number}: {escape(refusal.text)}</p>")
        if query.get("prompt") == "select_account" and "login_hint" not in query:
            return self._choice(request, query)
        state = {"state": query["state"]} if "state" in query else {}
        try:
            return _back(query["redirect_uri"], {"code": self._code(query, application), **state})
        except SignInRefusal as refusal:
            told = {"error": refusal.error, "error_description": f"AADSTS{refusal.number}: {refusal.text}"}
            return _back(query["redirect_uri"], {**told, **state})

    def sign_out(self, request: SimRequest) -> SimResponse:
        """Back to the application where it may be sent back, else a page that says so."""
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        back = query.get("post_logout_redirect_uri", "")
        known = (uri for each in self._tenant.applications.values() for uri in each.redirect_uris)
        if back not in known:
            return _page(200, "<p>You signed out of your account</p>")
        return _back(back, {"state": query["state"]} if "state" in query else {})

    def _choice(self, request: SimRequest, query: dict[str, str]) -> SimResponse:
        """Whoever is in the tenant, each a link that goes on as him."""
        self._tenant.people.named()
        rest = {name: value for name, value in query.items() if name != "prompt"}
        names = [user.name for user in self._tenant.people.users.values()]
        ways = [(name, f"{request.path}?{urlencode({**rest, 'login_hint': name})}") for name in names]
        items = "".join(f'<li><a href="{escape(way)}">{escape(name)}</a></li>' for name, way in ways)
        return _page(200, f"<h1>Pick an account</h1><ul>{items}</ul>")

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
        return self._tenant.people.add_code(
            user,
            application.client_id,
            scopes,
            redirect_uri=query["redirect_uri"],
            challenge=Challenge(query.get("code_challenge", ""), query.get("code_challenge_method", "plain")),
            nonce=query.get("nonce", ""),
        )


def _page(status: int, content: str) -> SimResponse:
    page = f'<!doctype html><html lang="en"><title>Simulated sign-in</title><body>{content}</body></html>'
    return SimResponse(status, (_HTML,), page.encode())


def _back(address: str, told: dict[str, str]) -> SimResponse:
    if not told:
        return SimResponse(302, (("location", address),))
    joint = "&" if "?" in address else "?"
    return SimResponse(302, (("location", f"{address}{joint}{urlencode(told)}"),))
