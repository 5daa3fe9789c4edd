"""What do browsers keep for us, and how is it kept from others?"""

from __future__ import annotations

from datetime import timedelta
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request
from starlette.responses import Response

from rotator.domain.secret import Secret

#: The session.
SESSION = "rotator"
#: What has been begun at Entra and has not come back yet: a sign-in, and a person's consent to a connection.
SIGN_IN, CONSENT = "rotator-sign-in", "rotator-consent"


def read(request: Request, name: str, *, is_secure: bool) -> Secret | None:
    """What the browser brings under that name, whatever it may be."""
    try:
        held = SimpleCookie(request.headers.get("cookie", "")).get(_named(name, is_secure=is_secure))
    except CookieError:
        return None
    return Secret(held.value) if held and held.value else None


def write(answer: Response, name: str, text: Secret, *, life: timedelta, is_secure: bool) -> None:
    """Lax: a link in a chat may lead to a page; no page of others can send a form, which bears a word of its own."""
    answer.set_cookie(
        _named(name, is_secure=is_secure),
        text.reveal(),
        max_age=int(life.total_seconds()),
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )


def remove(answer: Response, name: str, *, is_secure: bool) -> None:
    """The browser forgets it."""
    write(answer, name, Secret(""), life=timedelta(0), is_secure=is_secure)


def _named(name: str, *, is_secure: bool) -> str:
    """A name that browsers take from nobody else, where that is to be had."""
    return f"__Host-{name}" if is_secure else name
