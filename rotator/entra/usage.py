"""When did each secret and certificate last sign in? As a report of Graph's beta tells, where it tells."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

from rotator.entra.answers import time_of
from rotator.errors import DirectoryError, DirectoryThrottled, DirectoryUnavailable, PermissionDenied, RequestRefused

if TYPE_CHECKING:
    from rotator.entra.directory import EntraDirectory

#: https://learn.microsoft.com/graph/api/reportroot-list-appcredentialsigninactivities?view=graph-rest-beta
_REPORT = "reports/appCredentialSignInActivities"
_OPERATION = "asking for the last use of credentials"
_UNLICENSED = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
_TRIES = 5


async def last_uses(directory: EntraDirectory) -> dict[str, datetime]:
    """Key id -> when it last signed in; what never did is missing. Raises DirectoryError, with what is to be done.

    A report without any row is taken for one that is not kept: nothing may be judged by it.
    """
    found: dict[str, datetime] = {}
    try:
        async with aclosing(directory.pages(_OPERATION, _REPORT, beta=True, tries=_TRIES)) as pages:
            async for rows in pages:
                for row in rows:
                    _note(row, found)
    except (DirectoryThrottled, DirectoryUnavailable):
        raise
    except DirectoryError as problem:
        raise _explained(problem) from None
    if not found:
        hint = "The report takes a day to begin, needs a licence of Entra ID P1 or P2, and is of the public cloud only."
        raise RequestRefused(_OPERATION, "the report is empty", hint=hint)
    return found


def _note(row: object, found: dict[str, datetime]) -> None:
    activity = row.get("signInActivity") if isinstance(row, dict) else None
    at = time_of(activity.get("lastSignInDateTime")) if isinstance(activity, dict) else None
    if isinstance(row, dict) and at is not None:
        key_id = str(row.get("keyId", "")).lower()
        found[key_id] = max(at, found.get(key_id, at))


def _explained(problem: DirectoryError) -> DirectoryError:
    if problem.code == _UNLICENSED:
        hint = "Sign-in reports need a licence of Entra ID P1 or P2 in that tenant."
    elif isinstance(problem, PermissionDenied):
        hint = "Grant AuditLog.Read.All to the service principal, with admin consent."
    else:
        hint = "The report is in Graph's beta, of the public cloud only."
    said = "Graph does not tell"
    return type(problem)(_OPERATION, said, code=problem.code, status=problem.status, hint=hint)
