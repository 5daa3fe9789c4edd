"""How does a person come in and go? By a one-time link that was printed on the host; until the session ends."""

from __future__ import annotations

from starlette.responses import Response

from rotator.domain.access import Bearer, Method, Note
from rotator.domain.secret import Secret
from rotator.web.access import address_of, admitted
from rotator.web.dashboard import sessions
from rotator.web.dashboard.visits import SIGN_IN, Visit, cookie_name, page, session_of
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
        await _record_refusal(visit, known, problem.what)
        return visit.page("sign_in.html", status=403, link="", said=_SPENT)
    issued = sessions.made(Method.SESSION, bearer.identity, parts.access.now())
    await parts.access.keep_token(issued.token, _note(visit, bearer, "dashboard.sign-in"))
    answer = visit.to("/")
    _set_cookie(visit, answer, issued.text.reveal(), int(sessions.SESSION_LIFE.total_seconds()))
    return answer


async def _leave(visit: Visit) -> Response:
    """End the session now, wherever its cookie may have gone."""
    session = session_of(visit)
    if session is not None:
        note = visit.who.note("dashboard.sign-out")
        await visit.dashboard.parts.access.revoke_token(sessions.digest(Method.SESSION, session), note)
    answer = visit.to(SIGN_IN)
    _set_cookie(visit, answer, "", 0)
    return answer


async def _record_refusal(visit: Visit, known: Bearer | None, why: str) -> None:
    """A row of the audit before he hears of it. Raises TooMany."""
    visit.dashboard.parts.limits.take("refusals", address_of(visit.request))
    name, identity_id = (known.identity.name, known.identity.id) if known else ("", "")
    note = Note("dashboard.refused", name, identity_id, address_of(visit.request), id_of(visit.request), {"why": why})
    await visit.dashboard.parts.audit.record(note)


def _note(visit: Visit, bearer: Bearer, kind: str) -> Note:
    identity = bearer.identity
    return Note(kind, identity.name, identity.id, address_of(visit.request), id_of(visit.request))


def _set_cookie(visit: Visit, answer: Response, value: str, seconds: int) -> None:
    """Lax: a link in a chat may lead to a page; no page of others can send a form, which bears a word of its own."""
    answer.set_cookie(
        cookie_name(visit.dashboard),
        value,
        max_age=seconds,
        secure=visit.dashboard.is_secure,
        httponly=True,
        samesite="lax",
    )


ROUTES = [
    page(SIGN_IN, _ask, is_open=True),
    page(SIGN_IN, _enter, methods=["POST"], is_open=True),
    page("/sign-out", _leave, methods=["POST"]),
]
