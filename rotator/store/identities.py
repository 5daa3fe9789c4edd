"""Which identities are there, and how does each sign in?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from rotator.domain.access import ClientSecret, Grant, Identity, Method, Role, SignIn, TokenRule
from rotator.store.access_schema import client_secrets, identities, sign_ins
from rotator.store.rows import Row, instant, micros, text_of
from rotator.store.session import Transaction
from rotator.store.statements import Prepared

_ADD = Prepared(insert(identities).values({c.name: bindparam(c.name) for c in identities.c}))
_CHANGE = Prepared(
    update(identities)
    .where(identities.c.id == bindparam("of"))
    .values(name=bindparam("name"), grants=bindparam("grants"), updated_at=bindparam("now"))
)
_REMOVE = Prepared(delete(identities).where(identities.c.id == bindparam("of")))
_ONE = Prepared(
    select(*identities.c).where(or_(identities.c.id == bindparam("of"), identities.c.name == bindparam("of")))
)
_ALL = Prepared(select(*identities.c).order_by(identities.c.name))

_ATTACH = Prepared(insert(sign_ins).values({c.name: bindparam(c.name) for c in sign_ins.c}))
_SET = ("ttl", "max_ttl", "uses", "trusted", "facts", "updated_at")
_PATCH = Prepared(
    update(sign_ins).where(sign_ins.c.id == bindparam("of")).values({name: bindparam(name) for name in _SET})
)
_DETACH = Prepared(
    delete(sign_ins).where(sign_ins.c.identity_id == bindparam("of"), sign_ins.c.method == bindparam("by"))
)
_ATTACHED = Prepared(
    select(*sign_ins.c).where(sign_ins.c.identity_id == bindparam("of"), sign_ins.c.method == bindparam("by"))
)
_HANDLED = Prepared(
    select(*sign_ins.c).where(sign_ins.c.handle == bindparam("handle"), sign_ins.c.method == bindparam("by"))
)

_KEEP = Prepared(insert(client_secrets).values({c.name: bindparam(c.name) for c in client_secrets.c}))
_KEPT = Prepared(
    select(*client_secrets.c).where(client_secrets.c.identity_id == bindparam("of")).order_by(client_secrets.c.id)
)
_SPEND = Prepared(
    update(client_secrets)
    .where(
        client_secrets.c.id == bindparam("of"),
        client_secrets.c.revoked_at.is_(None),
        or_(client_secrets.c.uses_limit == 0, client_secrets.c.uses < client_secrets.c.uses_limit),
    )
    .values(uses=client_secrets.c.uses + 1)
)
_REVOKE = Prepared(
    update(client_secrets)
    .where(client_secrets.c.id == bindparam("of"), client_secrets.c.identity_id == bindparam("identity"))
    .values(revoked_at=func.coalesce(client_secrets.c.revoked_at, bindparam("now")))
)
_FORGET = Prepared(delete(client_secrets).where(client_secrets.c.identity_id == bindparam("of")))


def add(tx: Transaction, identity_id: str, name: str, *, grants: Sequence[Grant]) -> Identity | None:
    """A new identity; None when the name is taken."""
    if tx.row(_ONE, {"of": name}) is not None:
        return None
    made = Identity(identity_id, name, tuple(grants), tx.time, tx.time)
    row = {"id": made.id, "name": name, "grants": grants_text(grants), "created_at": tx.now, "updated_at": tx.now}
    tx.run(_ADD, row)
    return made


def change(tx: Transaction, identity: Identity) -> bool:
    """Give it another name and other grants; False when the name is taken."""
    other = tx.row(_ONE, {"of": identity.name})
    if other is not None and other[0] != identity.id:
        return False
    grants = grants_text(identity.grants)
    tx.run(_CHANGE, {"of": identity.id, "name": identity.name, "grants": grants, "now": tx.now})
    return True


def remove(tx: Transaction, identity_id: str) -> None:
    """Take it away with its sign-ins, client secrets and tokens."""
    tx.run(_REMOVE, {"of": identity_id})


def find(tx: Transaction, name_or_id: str) -> Identity | None:
    """By id or by name."""
    row = tx.row(_ONE, {"of": name_or_id})
    return None if row is None else identity_of(row)


def every(tx: Transaction) -> list[Identity]:
    """All of them, by name."""
    return [identity_of(row) for row in tx.rows(_ALL)]


def attach(tx: Transaction, made: SignIn) -> bool:
    """Add a way to sign in; False when the identity has one of that method."""
    if tx.row(_ATTACHED, {"of": made.identity_id, "by": made.method.value}) is not None:
        return False
    tx.run(
        _ATTACH,
        {
            "id": made.id,
            "identity_id": made.identity_id,
            "method": made.method.value,
            "handle": made.handle,
            "created_at": micros(made.created_at),
            **_set(made),
        },
    )
    return True


def patch(tx: Transaction, changed: SignIn) -> None:
    """Replace its rule and facts."""
    tx.run(_PATCH, {"of": changed.id, **_set(changed)})


def detach(tx: Transaction, identity_id: str, method: Method) -> bool:
    """Take a way to sign in away; False when there is none. Client secrets go with universal auth."""
    if method is Method.UNIVERSAL:
        tx.run(_FORGET, {"of": identity_id})
    return tx.run(_DETACH, {"of": identity_id, "by": method.value}) > 0


def sign_in(tx: Transaction, method: Method, *, identity: str = "", handle: str = "") -> SignIn | None:
    """The identity's way to sign in by that method; or that of a handle."""
    by = {"by": method.value}
    row = tx.row(_HANDLED, {"handle": handle, **by}) if handle else tx.row(_ATTACHED, {"of": identity, **by})
    return None if row is None else _sign_in_of(row)


def keep_secret(tx: Transaction, secret: ClientSecret) -> None:
    """Remember the digest of a client secret."""
    at = {"created_at": micros(secret.created_at), "expires_at": _maybe(secret.expires_at), "revoked_at": None}
    tx.run(_KEEP, asdict(secret) | at)


def secrets_of(tx: Transaction, identity_id: str) -> list[ClientSecret]:
    """Its client secrets, revoked ones too."""
    return [_secret_of(row) for row in tx.rows(_KEPT, {"of": identity_id})]


def spend_secret(tx: Transaction, secret_id: str) -> bool:
    """Count one use; False when there is none left, or it has been revoked."""
    return tx.run(_SPEND, {"of": secret_id}) > 0


def revoke_secret(tx: Transaction, identity_id: str, secret_id: str) -> bool:
    """It signs in no more; False when there is none such."""
    return tx.run(_REVOKE, {"of": secret_id, "identity": identity_id, "now": tx.now}) > 0


def identity_of(row: Row) -> Identity:
    """An identity from its columns, in the order of the table."""
    return Identity(row[0], row[1], read_grants(row[2]), instant(row[3]), instant(row[4]))


@lru_cache(maxsize=1024)
def read_grants(text: str) -> tuple[Grant, ...]:
    """Grants from their column."""
    return tuple(
        Grant(Role(each["role"]), each["project"], each["environment"], each["path"]) for each in json.loads(text)
    )


def grants_text(grants: Sequence[Grant]) -> str:
    """Grants as they stand in their column."""
    return text_of([asdict(grant) | {"role": grant.role.value} for grant in grants])


@lru_cache(maxsize=1024)
def rule_of(ttl: int, max_ttl: int, uses: int, trusted: str) -> TokenRule:
    """A token rule from its columns."""
    return TokenRule(timedelta(seconds=ttl), timedelta(seconds=max_ttl), uses, tuple(json.loads(trusted)))


def _sign_in_of(row: Row) -> SignIn:
    id_, identity_id, method, handle, ttl, max_ttl, uses, trusted, facts, created_at, updated_at = row
    rule = rule_of(ttl, max_ttl, uses, trusted)
    times = instant(created_at), instant(updated_at)
    return SignIn(id_, identity_id, Method(method), rule, *times, handle, json.loads(facts))


def _secret_of(row: Row) -> ClientSecret:
    id_, identity_id, digest, prefix, description, created_at, expires_at, limit, uses, revoked_at = row
    ends = [instant(at) if at is not None else None for at in (expires_at, revoked_at)]
    return ClientSecret(
        id_, identity_id, digest, prefix, description, instant(created_at), ends[0], limit, uses, ends[1]
    )


def _set(sign_in_: SignIn) -> dict[str, Any]:
    rule = sign_in_.rule
    return {
        "ttl": int(rule.ttl.total_seconds()),
        "max_ttl": int(rule.max_ttl.total_seconds()),
        "uses": rule.uses,
        "trusted": text_of(list(rule.trusted)),
        "facts": text_of(dict(sign_in_.facts)),
        "updated_at": micros(sign_in_.updated_at),
    }


def _maybe(at: Any) -> int | None:
    return None if at is None else micros(at)
