"""Who has done what over the API? `/api/v1/audit`, newest first, for admins of everything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from rotator.domain.access import AuditSearch
from rotator.domain.outside import at
from rotator.options import text
from rotator.web.access import Calling
from rotator.web.api.values import Limit
from rotator.web.parts import parts_of
from rotator.web.queries import described, read_by
from rotator.web.refusals import Invalid

router = APIRouter(tags=["audit"])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_AT, _MOST_N = 2**62, 2**31
_Text = Annotated[str, text(256)]


class Wish(BaseModel):
    """Which rows, and how many; what is absent is any."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    kind: _Text = Field(default="", description="Such as secret.read, or a beginning that ends in a dot: secret.")
    actor: _Text = Field(default="", description="The name of an identity.")
    identity_id: _Text = ""
    address: _Text = ""
    request_id: _Text = ""
    node: _Text = ""
    since: datetime | None = Field(default=None, description="Not before; without a zone it is UTC.")
    until: datetime | None = Field(default=None, description="Not after; without a zone it is UTC.")
    limit: Limit = 100
    cursor: _Text = Field(default="", description="The nextCursor of the page before.")


@router.get("/api/v1/audit", openapi_extra=described(Wish))
async def rows(request: Request, caller: Calling, wish: Annotated[Wish, Depends(read_by(Wish))]) -> dict[str, Any]:
    """The rows of all nodes. `nextCursor` leads to older ones, and is null on the last page."""
    caller.require_everywhere()
    search = AuditSearch(
        kind=wish.kind,
        actor=wish.actor,
        identity_id=wish.identity_id,
        address=wish.address,
        request_id=wish.request_id,
        node=wish.node,
        since=_zoned(wish.since),
        until=_zoned(wish.until),
        before=before(wish.cursor),
        most=wish.limit + 1,
    )
    found = await parts_of(request).access.search(search)
    shown = found[: wish.limit]
    return {
        "auditLogs": [_shape(row) for row in shown],
        "nextCursor": cursor(shown[-1]) if len(found) > len(shown) else None,
    }


def _shape(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "node": row["node"],
        "number": row["n"],
        "at": at(_EPOCH + timedelta(microseconds=row["at"])),
        "kind": row["kind"],
        "actor": row["actor"],
        "identityId": row["identity_id"] or None,
        "address": row["address"] or None,
        "requestId": row["request_id"] or None,
        "facts": row["facts"],
        "hash": row["hash"],
    }


def cursor(row: Mapping[str, Any]) -> str:
    """What leads to the rows that are older than this one."""
    return f"{row['at']}.{row['n']}.{row['node']}"


def before(text_: str) -> tuple[int, int, str] | None:
    """Where the page before ended. Raises Invalid for what no page has ended with."""
    if not text_:
        return None
    when, _, rest = text_.partition(".")
    number, _, node = rest.partition(".")
    if not (_is_number(when, _MOST_AT) and _is_number(number, _MOST_N)):
        raise Invalid("cursor is not the nextCursor of a page", hint="Leave it out to begin anew.")
    return int(when), int(number), node


def _is_number(text_: str, below: int) -> bool:
    return text_.isascii() and text_.isdigit() and len(text_) < 20 and int(text_) < below


def _zoned(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
