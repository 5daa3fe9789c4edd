"""What does an application get for a code or for a refresh token?"""

from rotator.simulator.aadsts import sign_in_refusal
from rotator.simulator.access_tokens import GRAPH, AccessTokens, Resource
from rotator.simulator.id_tokens import id_claims
from rotator.simulator.model import Application, ServicePrincipal
from rotator.simulator.people import CODE_LIFETIME, REFRESH_LIFETIME, Code, RefreshToken, User
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json, graph_time

GRANTS = frozenset({"authorization_code", "refresh_token"})
_OF_SIGN_IN = frozenset({"openid", "profile", "email", "offline_access"})
_DEFAULT = "/.default"


class DelegatedGrants:
    """The grants of the token endpoint that act in a person's name; the client has proved itself before."""

    def __init__(self, tenant: Tenant, tokens: AccessTokens) -> None:
        self._tenant = tenant
        self._tokens = tokens

    def token(self, form: dict[str, str], principal: ServicePrincipal, *, long_lived: bool) -> Json:
        """The body of the answer. Raises `SignInRefusal`."""
        if form["grant_type"] == "authorization_code":
            grant: Code | RefreshToken = self._code(form, principal)
        else:
            grant = self._refresh_token(form, principal)
        user = self._user(grant)
        wanted = form.get("scope", "").split() or grant.scopes
        application = self._tenant.find_application(principal.client_id)
        assert application is not None, "the client has proved itself"
        resource, scopes = granted_scopes(wanted, application, self._tokens)
        _spend(grant)
        token, lifetime = self._tokens.issue_delegated(user, principal, resource, scopes=scopes, long_lived=long_lived)
        body: Json = {
            "token_type": "Bearer",
            "scope": " ".join(f"{resource.audience}/{scope}" for scope in scopes),
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": token,
        }
        if "offline_access" in {*wanted, *grant.scopes}:
            people = self._tenant.people
            body["refresh_token"] = people.add_refresh_token(user.object_id, principal.client_id, grant.scopes)
        if "openid" in {*wanted, *grant.scopes}:
            nonce = grant.nonce if isinstance(grant, Code) else ""
            body["id_token"] = self._tokens.signer.sign(id_claims(user, application, self._tokens, nonce=nonce))
        return body

    def _code(self, form: dict[str, str], principal: ServicePrincipal) -> Code:
        if not form.get("code"):
            raise sign_in_refusal(900144, parameter="code")
        code = self._tenant.people.code(form["code"])
        if code is None or code.client_id != principal.client_id:
            raise sign_in_refusal(70000)
        if form.get("redirect_uri") != code.redirect_uri:
            raise sign_in_refusal(500112, redirect=form.get("redirect_uri", ""))
        if code.redeemed:
            raise sign_in_refusal(54005)
        if code.issued_at + CODE_LIFETIME <= self._tenant.now():
            raise sign_in_refusal(70008)
        if not code.challenge.is_met(form.get("code_verifier", "")):
            raise sign_in_refusal(501481)
        return code

    def _refresh_token(self, form: dict[str, str], principal: ServicePrincipal) -> RefreshToken:
        if not form.get("refresh_token"):
            raise sign_in_refusal(900144, parameter="refresh_token")
        found = self._tenant.people.refresh_token(form["refresh_token"])
        if found is None or found.client_id != principal.client_id:
            raise sign_in_refusal(70000)
        if found.issued_at + REFRESH_LIFETIME <= self._tenant.now():
            raise sign_in_refusal(700082, issued=graph_time(found.issued_at))
        return found

    def _user(self, grant: Code | RefreshToken) -> User:
        user = self._tenant.people.users[grant.user_id]
        if not user.enabled:
            raise sign_in_refusal(50057)
        if user.signed_out_at is not None and grant.issued_at <= user.signed_out_at:
            raise sign_in_refusal(50173, issued=graph_time(grant.issued_at), since=graph_time(user.signed_out_at))
        return user


def granted_scopes(wanted: list[str], application: Application, tokens: AccessTokens) -> tuple[Resource, list[str]]:
    """For whom a token is, and what the person has consented to of what was asked. Raises `SignInRefusal`."""
    plain = [scope for scope in wanted if scope not in _OF_SIGN_IN]
    if not plain and "openid" in wanted:
        return tokens.resource(GRAPH), sorted(_OF_SIGN_IN.intersection(wanted))
    plain = plain or [f"{GRAPH}/User.Read"]
    roots = {_root(scope) for scope in plain}
    if len(roots) > 1:
        raise sign_in_refusal(70011, scope=" ".join(wanted))
    resource = tokens.resource(roots.pop())
    if any(scope.endswith(_DEFAULT) for scope in plain):
        scopes = sorted(application.delegated)
    else:
        scopes = sorted(scope.rpartition("/")[2] for scope in plain)
    if not scopes or not set(scopes) <= set(application.delegated):
        raise sign_in_refusal(65001, client=application.client_id, name=application.display_name)
    return resource, scopes


def _root(scope: str) -> str:
    return scope.rpartition("/")[0] or GRAPH


def _spend(grant: Code | RefreshToken) -> None:
    if isinstance(grant, Code):
        grant.redeemed = True
    else:
        grant.used += 1
