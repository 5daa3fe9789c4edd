"""Which access tokens are out, and may this one still be used?"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from rotator.domain.access import AccessToken, Bearer, Method, TokenRule
from rotator.store.access_schema import access_tokens, identities, sign_ins
from rotator.store.identities import identity_of, rule_of
from rotator.store.rows import Row, instant, micros
from rotator.store.session import Transaction
from rotator.store.statements import Prepared

_KEEP = Prepared(insert(access_tokens).values({c.name: bindparam(c.name) for c in access_tokens.c}))
_RULE = (sign_ins.c.ttl, sign_ins.c.max_ttl, sign_ins.c.uses, sign_ins.c.trusted)
_BEARER = Prepared(
    select(*access_tokens.c, *identities.c, *_RULE)
    .select_from(
        access_tokens.join(identities, identities.c.id == access_tokens.c.identity_id).outerjoin(
            sign_ins,
            and_(sign_ins.c.identity_id == access_tokens.c.identity_id, sign_ins.c.method == access_tokens.c.method),
        )
    )
    .where(access_tokens.c.digest == bindparam("digest"))
)
_SPEND = Prepared(
    update(access_tokens)
    .where(access_tokens.c.digest == bindparam("digest"), access_tokens.c.uses < access_tokens.c.uses_limit)
    .values(uses=access_tokens.c.uses + 1)
)
_RENEW = Prepared(
    update(access_tokens).where(access_tokens.c.digest == bindparam("digest")).values(expires_at=bindparam("until"))
)
_REVOKE = Prepared(delete(access_tokens).where(access_tokens.c.digest == bindparam("digest")))
_REVOKE_ALL = Prepared(
    delete(access_tokens).where(
        access_tokens.c.identity_id == bindparam("of"),
        or_(bindparam("by") == "", access_tokens.c.method == bindparam("by")),
    )
)
_EXPIRED = Prepared(delete(access_tokens).where(access_tokens.c.expires_at < bindparam("now")))
_TOKEN = len(access_tokens.c)
_IDENTITY = _TOKEN + len(identities.c)
#: Tokens made on the host have no sign-in whose rule could change.
_FREE = TokenRule()


def keep(tx: Transaction, token: AccessToken) -> None:
    """Remember the digest of a fresh token."""
    tx.run(
        _KEEP,
        {
            "digest": token.digest,
            "id": token.id,
            "identity_id": token.identity_id,
            "method": token.method.value,
            "created_at": micros(token.created_at),
            "expires_at": None if token.expires_at is None else micros(token.expires_at),
            "uses_limit": token.uses_limit,
            "uses": 0,
        },
    )


def bearer(tx: Transaction, digest: str) -> Bearer | None:
    """What is known of the token with that digest; None: nothing, or its way to sign in has been taken away."""
    row = tx.row(_BEARER, {"digest": digest})
    if row is None:
        return None
    token, rule = _token_of(row[:_TOKEN]), row[_IDENTITY:]
    if rule[0] is None and not token.method.stands_alone:
        return None
    return Bearer(
        token,
        identity_of(row[_TOKEN:_IDENTITY]),
        _FREE if rule[0] is None else rule_of(*rule),
        instant(tx.real),
    )


def spend(tx: Transaction, digest: str) -> bool:
    """Count one use of a token that has a limit; False when none is left."""
    return tx.run(_SPEND, {"digest": digest}) > 0


def renew(tx: Transaction, digest: str, until: datetime | None) -> bool:
    """Let it live until then; False when it is gone."""
    return tx.run(_RENEW, {"digest": digest, "until": None if until is None else micros(until)}) > 0


def revoke(tx: Transaction, digest: str) -> bool:
    """It opens nothing any more; False when it was gone."""
    return tx.run(_REVOKE, {"digest": digest}) > 0


def revoke_all(tx: Transaction, identity_id: str, method: Method | None = None) -> None:
    """Every token of an identity, or those of one method."""
    tx.run(_REVOKE_ALL, {"of": identity_id, "by": method.value if method else ""})


def forget_expired(tx: Transaction, before: datetime) -> int:
    """Expired tokens need not be remembered: an unknown one is refused alike."""
    return tx.run(_EXPIRED, {"now": micros(before)})


def _token_of(row: Row) -> AccessToken:
    digest, id_, identity_id, method, created_at, expires_at, limit, uses = row
    ends = None if expires_at is None else instant(expires_at)
    return AccessToken(digest, id_, identity_id, Method(method), instant(created_at), ends, limit, uses)
