"""How does a person come in by a one-time link that was printed on the host, and how does he go?"""

from __future__ import annotations

from starlette.responses import Response

from rotator.domain.access import Bearer, Issued, Method, Note
from rotator.domain.secret import Secret
from rotator.web.access import address_of, admitted
from rotator.web.dashboard import cookies, sessions
from rotator.web.dashboard.visits import ENTRA_RETURN, SIGN_IN, Visit, page
from rotator.web.envelope import id_of
from rotator.web.refusals import Refused

_SPENT = "This link has been used, or is older than ten minutes. Ask for another one on the host."


async def _ask(visit: Visit) -> Response:
    """The page that a link opens. Looking at it spends nothing: mail programs and chats look at links too."""
    return visit.page("sign_in.html", link=visit.asked("link", most=128), said="")


async def _enter(visit: Visit) -> Response:
    """The link becomes a session."""
    parts = visit.dashboard.parts
    link = Secret(visit.sent("link"))
    digest = sessions.digest(Method.LINK, link)
    known = await parts.access.bearer(digest)
    try:
        bearer = await admitted(parts, known, digest, address_of(visit.request))
    except Refused as problem:
        await record_refusal(visit, known, problem.what)
        return visit.page("sign_in.html", status=403, link="", said=_SPENT)
    issued = sessions.made(Method.SESSION, bearer.identity, parts.access.now())
    identity, address = bearer.identity, address_of(visit.request)
    note = Note("dashboard.sign-in", identity.name, identity.id, address, id_of(visit.request))
    return await opened(visit, issued, note, "/")


async def opened(visit: Visit, issued: Issued, note: Note, path: str) -> Response:
    """The session begins, at that page."""
    await visit.dashboard.parts.access.keep_token(issued.token, note)
    answer = visit.to(path)
    cookies.write(answer, cookies.SESSION, issued.text, life=issued.rule.ttl, is_secure=visit.dashboard.is_secure)
    return answer


async def _leave(visit: Visit) -> Response:
    """End the session now, wherever its cookie may have gone, and the one with Entra that it came of."""
    token = visit.who.bearer.token
    await visit.dashboard.parts.access.revoke_token(token.digest, visit.who.note("dashboard.sign-out"))
    sign_in = visit.dashboard.sign_in()
    if token.method is Method.ENTRA and sign_in is not None:
        # By a page and not by a redirect: browsers let no form lead to another server (form-action).
        onward = sign_in.authority.sign_out_url(f"{sign_in.address}{ENTRA_RETURN}")
        said = "The session here has ended. Microsoft's ends next"
        nobody = Visit(visit.request, visit.dashboard)
        answer = nobody.page("onward.html", onward=onward, title="Signed out", said=said)
    else:
        answer = visit.to(SIGN_IN)
    cookies.remove(answer, cookies.SESSION, is_secure=visit.dashboard.is_secure)
    return answer


async def record_refusal(visit: Visit, known: Bearer | None, why: str) -> None:
    """A row of the audit before he hears of it. Raises TooMany."""
    visit.dashboard.parts.limits.take("refusals", address_of(visit.request))
    name, identity_id = (known.identity.name, known.identity.id) if known else ("", "")
    note = Note("dashboard.refused", name, identity_id, address_of(visit.request), id_of(visit.request), {"why": why})
    await visit.dashboard.parts.audit.record(note)


ROUTES = [
    page(SIGN_IN, _ask, is_open=True),
    page(SIGN_IN, _enter, methods=["POST"], is_open=True),
    page("/sign-out", _leave, methods=["POST"]),
]
