"""Who asks for a page, may he, and what does he get when it cannot be shown? The frame around every page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rotator.domain.access import Method, Note, Role
from rotator.domain.secret import Secret
from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.access import Caller, address_of, admitted
from rotator.web.dashboard import cookies, sessions
from rotator.web.dashboard.flows import safe_return
from rotator.web.dashboard.parts import Dashboard, dashboard_of
from rotator.web.dashboard.rendering import rendered
from rotator.web.envelope import id_of
from rotator.web.refusals import BadRequest, Forbidden, Refused, status_of

SIGN_IN = "/sign-in"
#: Where the sign-in with Entra begins, and where its browsers come back to.
ENTRA, ENTRA_RETURN = "/sign-in/entra", "/sign-in/entra/return"
#: Where those come back to who have let a connection act in their name.
CONSENT_RETURN = "/oauth/callback"
_LONGEST = 1024


class SignedOut(Refused):
    """No session, or one that has ended."""

    status = 401
    word = "UnauthorizedError"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page; `caller` is None, and `form_token` empty, on pages that are open to all."""

    request: Request
    dashboard: Dashboard
    caller: Caller | None = None
    form_token: str = ""
    #: What was sent by a form.
    form: Mapping[str, str] | None = None

    @property
    def who(self) -> Caller:
        """The caller of a page that is not open to all."""
        if self.caller is None:
            raise SignedOut("Nobody is signed in")
        return self.caller

    @property
    def menu(self) -> list[tuple[str, str]]:
        """The pages he may see, and their names."""
        own = [("/audit", "Audit"), ("/nodes", "Nodes")][: 1 if self.dashboard.nodes is None else 2]
        stock = [("/inventory", "Inventory")] if self.who.may(Role.READER, "") else []
        return [("/", "Overview"), ("/connections", "Connections"), *stock, *(own if self.who.is_everywhere else [])]

    @property
    def entra_address(self) -> str:
        """Where signing in with Entra begins; empty where nobody does. It leads back to the page asked for."""
        sign_in = self.dashboard.sign_in()
        if sign_in is None:
            return ""
        back = safe_return(self.asked("to", most=4096))
        return f"{sign_in.address}{ENTRA}" + (f"?to={quote(back, safe='/')}" if back != "/" else "")

    def sent(self, name: str) -> str:
        """A value of the form; empty when it is absent."""
        return (self.form or {}).get(name, "").strip()

    def asked(self, name: str, *, most: int = 64) -> str:
        """A value of the address; empty when it is absent."""
        return self.request.query_params.get(name, "").strip()[:most]

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """The page of that template."""
        return rendered(template, status=status, visit=self, here=self.request.url.path, **values)

    def to(self, path: str) -> Response:
        """After a form: another page, so that loading it again sends nothing again."""
        return RedirectResponse(path, 303)

    async def record(self, kind: str, **facts: object) -> None:
        """Return when the audit row is durable."""
        await self.dashboard.parts.audit.record(self.who.note(kind, **facts))


Answer = Callable[[Visit], Awaitable[Response]]


def page(path: str, answer: Answer, *, methods: Sequence[str] = ("GET",), is_open: bool = False) -> Route:
    """A route whose answer, and whose refusals, are pages; `is_open`: without a session too."""

    async def endpoint(request: Request) -> Response:
        visit = Visit(request, dashboard_of(request))
        try:
            visit = await _admitted(visit, is_open=is_open)
            return await answer(visit)
        except SignedOut:
            return _to_sign_in(visit)
        except RotatorError as problem:
            return await _refusal(visit, problem)

    return Route(path, endpoint, methods=list(methods), include_in_schema=False)


async def _admitted(visit: Visit, *, is_open: bool) -> Visit:
    """The same visit with its caller and its form. Raises what it is refused by."""
    request = visit.request
    form = await _form(request) if request.method == "POST" else None
    session = cookies.read(request, cookies.SESSION, is_secure=visit.dashboard.is_secure)
    if is_open:
        return Visit(request, visit.dashboard, form=form)
    if session is None:
        raise SignedOut("Nobody is signed in")
    caller = await _caller(visit, session)
    if form is not None and not sessions.is_form_token(session, form.get("form", "")):
        raise Forbidden("The form is not one of this session", hint="Load the page again, then send it.")
    return Visit(request, visit.dashboard, caller, sessions.form_token(session), form)


async def _caller(visit: Visit, session: Secret) -> Caller:
    parts, address = visit.dashboard.parts, address_of(visit.request)
    digest = sessions.digest(Method.SESSION, session)
    known = await parts.access.bearer(digest)
    try:
        bearer = await admitted(parts, known, digest, address)
    except Refused as problem:
        parts.limits.take("refusals", address)
        raise SignedOut(problem.what) from None
    if bearer.token.method is Method.ENTRA and visit.dashboard.sign_in() is None:
        raise SignedOut("Nobody signs in with Microsoft Entra any more")
    parts.limits.take("reads" if visit.request.method in {"GET", "HEAD"} else "changes", bearer.identity.id)
    return Caller(bearer, address, id_of(visit.request))


async def _form(request: Request) -> dict[str, str]:
    """What a form has sent, if a page of ours has sent it."""
    if not _is_from_here(request):
        raise Forbidden("The form was sent by another site's page")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest("The body is no form")
    try:
        return dict(parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise BadRequest("The form cannot be read") from None


def _is_from_here(request: Request) -> bool:
    """As the browser says it: by Sec-Fetch-Site where the address is trustworthy, else by the page's origin."""
    site = request.headers.get("sec-fetch-site", "")
    if site:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin", "")
    return not origin or urlsplit(origin).netloc == request.headers.get("host", "")


def _to_sign_in(visit: Visit) -> Response:
    """To the page for it, and back here where Entra is asked, which may take no more than a look."""
    request = visit.request
    is_read = request.method in {"GET", "HEAD"}
    if is_read and "hx-request" not in request.headers:
        return visit.to(_sign_in_for(visit, f"{request.url.path}?{request.url.query}".rstrip("?")))
    answer = visit.page("sign_in.html", status=401, link="", said="")
    answer.headers["HX-Redirect"] = _sign_in_for(visit, _shown(request))
    return answer


def _shown(request: Request) -> str:
    """The page that htmx asks from."""
    try:
        shown = urlsplit(request.headers.get("hx-current-url", ""))
    except ValueError:
        return "/"
    return f"{shown.path}?{shown.query}".rstrip("?")


def _sign_in_for(visit: Visit, path: str) -> str:
    back = safe_return(path)
    return SIGN_IN if visit.dashboard.sign_in() is None or back == "/" else f"{SIGN_IN}?to={quote(back, safe='/')}"


async def _refusal(visit: Visit, problem: RotatorError) -> Response:
    status, _ = status_of(problem)
    said = redact_text(" ".join(str(problem).split()))[:_LONGEST]
    if isinstance(problem, Forbidden):
        await _record_denial(visit, said)
    answer = visit.page("refused.html", status=status, title=_TITLES.get(status, "That cannot be done"), said=said)
    if status == 404:  # of a page that keeps itself up to date, whose subject has gone: let it say so
        answer.headers["HX-Refresh"] = "true"
    if isinstance(problem, Refused) and problem.retry_after:
        answer.headers["Retry-After"] = str(problem.retry_after)
    return answer


async def _record_denial(visit: Visit, why: str) -> None:
    request = visit.request
    facts = {"method": request.method, "path": request.url.path[:256], "why": why}
    address, request_id = address_of(request), id_of(request)
    visit.dashboard.parts.limits.take("refusals", address)
    note = visit.caller.note("access.denied", **facts) if visit.caller else None
    note = note or Note("access.denied", "", "", address, request_id, facts)
    await visit.dashboard.parts.audit.record(note)


_TITLES = {403: "You may not do this", 404: "There is no such page", 409: "That stands against what is so",
           429: "Too many requests", 503: "It does not answer now"}  # fmt: skip
