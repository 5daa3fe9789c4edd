"""How does a person come in with Microsoft Entra, and in which roles? By OpenID Connect, code flow with PKCE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from starlette.responses import RedirectResponse, Response

from rotator.domain.access import Grant, Identity, Method, Note
from rotator.domain.secret import Secret
from rotator.errors import DirectoryError
from rotator.redaction import redact_text
from rotator.web.access import address_of
from rotator.web.auth.id_tokens import checked_person, points_to_groups, texts_of
from rotator.web.dashboard import cookies, sessions
from rotator.web.dashboard.flows import LIFE, Flow, safe_return
from rotator.web.dashboard.parts import EntraSignIn
from rotator.web.dashboard.signing import opened, record_refusal
from rotator.web.dashboard.visits import ENTRA, ENTRA_RETURN, SIGN_IN, Visit, page
from rotator.web.envelope import id_of
from rotator.web.refusals import NotFound, Unauthorized, Unavailable, status_of

#: Identities of people are known by tenant and object id alone: names change, and are given anew.
_PEOPLE = UUID("b1f0a7d6-63b5-5d0b-8a51-0a5f3c9c6b0e")
_LONGEST_NAME = 64
_LONGEST_SAID = 300
#: Longer than a page to come back to may be, so that none is cut into another.
_LONGEST_ADDRESS = 4096
_NOT_BEGUN = "This sign-in was not begun in this browser, or more than ten minutes ago"


async def _begin(visit: Visit) -> Response:
    """Send the browser to Entra, with what must come back in its cookie."""
    sign_in = _configured(visit)
    flow = Flow.begun(safe_return(visit.asked("to", most=_LONGEST_ADDRESS)))
    url = sign_in.authority.sign_in_url(
        redirect_uri=_redirect_uri(sign_in), state=flow.state, nonce=flow.nonce, challenge=flow.challenge
    )
    answer = RedirectResponse(url, 303)
    cookies.write(answer, cookies.SIGN_IN, flow.cookie, life=LIFE, is_secure=visit.dashboard.is_secure)
    return answer


async def _return(visit: Visit) -> Response:
    """What Entra has sent back becomes a session, or a page that says why not; either ends what was begun."""
    sign_in = _configured(visit)
    if not {"code", "error", "state"} & visit.request.query_params.keys():
        return visit.to(SIGN_IN)  # from signing out
    # Each may cost a request to Entra, in our name.
    visit.dashboard.parts.limits.take("logins", address_of(visit.request))
    try:
        answer = await _entered(visit, sign_in)
    except (Unauthorized, Unavailable, DirectoryError) as problem:
        answer = await _refused(visit, problem)
    cookies.remove(answer, cookies.SIGN_IN, is_secure=visit.dashboard.is_secure)
    return answer


async def _entered(visit: Visit, sign_in: EntraSignIn) -> Response:
    flow = _flow(visit)
    code = _code(visit)
    id_token, access_token = await sign_in.authority.redeem(
        code, redirect_uri=_redirect_uri(sign_in), verifier=flow.verifier
    )
    claims = await checked_person(
        id_token.reveal(),
        sign_in.keyring,
        tenant_id=sign_in.tenant_id,
        client_id=sign_in.client_id,
        nonce=flow.nonce,
    )
    grants = await _grants(sign_in, claims, access_token)
    if not grants:
        return await _without_role(visit, sign_in, claims)
    return await _session(visit, sign_in, claims, grants=grants, path=flow.about)


def _flow(visit: Visit) -> Flow:
    """What this browser has begun and has not come back from. Raises Unauthorized."""
    flow = Flow.kept(cookies.read(visit.request, cookies.SIGN_IN, is_secure=visit.dashboard.is_secure))
    state = visit.asked("state", most=256)
    if flow is None or not flow.is_of(state):
        raise Unauthorized(_NOT_BEGUN)
    if not visit.dashboard.seen.is_first(state):
        raise Unauthorized("This sign-in has come back before")
    return flow


def _code(visit: Visit) -> Secret:
    """Raises Unauthorized with Entra's words, which nobody else can have put there: the state was ours."""
    code = visit.asked("code", most=4096)
    if not code or visit.asked("error"):
        said = visit.asked("error_description", most=_LONGEST_SAID).partition(" Trace ID:")[0]
        raise Unauthorized(f"Entra has not signed you in: {redact_text(said or visit.asked('error') or 'no code')}")
    return Secret(code)


async def _grants(sign_in: EntraSignIn, claims: Mapping[str, Any], access_token: Secret) -> tuple[Grant, ...]:
    """What all rules that fit grant. Graph is asked where the token cannot hold his groups. Raises DirectoryError."""
    roles = texts_of(claims, "roles")
    groups = frozenset(each.lower() for each in texts_of(claims, "groups"))
    wanted = {rule.group for rule in sign_in.rules if rule.group}
    if wanted and points_to_groups(claims):
        groups = await sign_in.authority.groups_of(access_token, wanted)
    fit = (rule for rule in sign_in.rules if rule.app_role in roles or rule.group in groups)
    return tuple(dict.fromkeys(rule.grant for rule in fit))


async def _session(
    visit: Visit, sign_in: EntraSignIn, claims: Mapping[str, Any], *, grants: tuple[Grant, ...], path: str
) -> Response:
    access = visit.dashboard.parts.access
    identity = await _identity(visit, sign_in, claims, grants=grants)
    issued = sessions.made(Method.ENTRA, identity, access.now(), sign_in.life)
    facts = {"objectId": claims["oid"], "tenantId": sign_in.tenant_id, "roles": _told(grants)}
    return await opened(visit, issued, _note(visit, "dashboard.sign-in", identity, facts), path)


async def _identity(
    visit: Visit, sign_in: EntraSignIn, claims: Mapping[str, Any], *, grants: tuple[Grant, ...]
) -> Identity:
    """His identity with the grants he has now; made at his first sign-in. A name that is another's is not taken."""
    access = visit.dashboard.parts.access
    identity_id, known = await _known(visit, sign_in, claims)
    if known is not None:
        return await _regranted(visit, known, grants)
    for name in _names(claims):
        made = Identity(identity_id, name, grants, access.now(), access.now())
        note = _note(visit, "identity.create", made, {"identity": name, "grants": _told(grants)})
        added = await access.add_identity(identity_id, name, grants=grants, note=note)
        if added is not None:
            return added
    raise Unauthorized("Your name here is taken by another identity")


async def _known(visit: Visit, sign_in: EntraSignIn, claims: Mapping[str, Any]) -> tuple[str, Identity | None]:
    """The id of his identity, and that if he has been here before."""
    person = f"{sign_in.tenant_id} {claims['oid']}".lower()
    identity_id = f"entra-{uuid5(_PEOPLE, person)}"
    found = await visit.dashboard.parts.access.identity(identity_id)
    return identity_id, found if found is not None and found.id == identity_id else None


async def _regranted(visit: Visit, known: Identity, grants: tuple[Grant, ...]) -> Identity:
    """What he may do now; so do sessions that he has begun before."""
    if grants == known.grants:
        return known
    access = visit.dashboard.parts.access
    note = _note(visit, "identity.patch", known, {"identity": known.name, "grants": _told(grants)})
    changed = replace(known, grants=grants, updated_at=access.now())
    await access.change_identity(changed, note)
    return changed


def _names(claims: Mapping[str, Any]) -> Iterable[str]:
    """His user name where it is one of ours, and with his object id where that is taken."""
    said = str(claims.get("preferred_username", ""))
    if said.strip() and said.isascii() and said.isprintable() and len(said) <= _LONGEST_NAME:
        yield said
        yield f"{said[: _LONGEST_NAME - 9]} {claims['oid'][:8]}"
    yield str(claims["oid"])[:_LONGEST_NAME]


async def _without_role(visit: Visit, sign_in: EntraSignIn, claims: Mapping[str, Any]) -> Response:
    """The page that says what is missing, and the audit's row."""
    _, known = await _known(visit, sign_in, claims)
    if known is not None:
        await _regranted(visit, known, ())
    person = next(iter(_names(claims)))
    await record_refusal(visit, None, f"{person} ({claims['oid']}) has signed in, and has no role here")
    wants_groups = any(rule.group for rule in sign_in.rules)
    return visit.page(
        "no_role.html",
        status=403,
        person=person,
        oid=claims["oid"],
        rules=sign_in.rules,
        lacks_groups=wants_groups and "groups" not in claims and not points_to_groups(claims),
    )


async def _refused(visit: Visit, problem: Unauthorized | Unavailable | DirectoryError) -> Response:
    status, _ = status_of(problem)
    said = redact_text(" ".join(str(problem).split()))
    await record_refusal(visit, None, said)
    return visit.page(
        "sign_in.html", status=403 if status < 500 else status, link="", said=f"{said}.".replace("..", ".")
    )


def _note(visit: Visit, kind: str, identity: Identity, facts: Mapping[str, object]) -> Note:
    return Note(kind, identity.name, identity.id, address_of(visit.request), id_of(visit.request), facts)


def _told(grants: Iterable[Grant]) -> list[str]:
    """Each as role and place, for the audit."""
    return [
        "/".join(filter(None, (each.role.value, each.project, each.environment, each.path.strip("/"))))
        for each in grants
    ]


def _configured(visit: Visit) -> EntraSignIn:
    found = visit.dashboard.sign_in()
    if found is None:
        raise NotFound("Nobody signs in with Microsoft Entra here", hint="Ask for a one-time link on the host.")
    return found


def _redirect_uri(sign_in: EntraSignIn) -> str:
    return f"{sign_in.address}{ENTRA_RETURN}"


ROUTES = [
    page(ENTRA, _begin, is_open=True),
    page(ENTRA_RETURN, _return, is_open=True),
]
