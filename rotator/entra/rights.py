"""May we write to an application, as far as our access token and its list of owners tell? For `rotator check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rotator.answers import parsed
from rotator.errors import PermissionDenied

if TYPE_CHECKING:
    from rotator.entra.answers import Answer
    from rotator.entra.graph_refusals import Subjects

#: https://learn.microsoft.com/graph/permissions-reference
_ALL = "Application.ReadWrite.All"
_OWNED = "Application.ReadWrite.OwnedBy"


def is_application(claims: Mapping[str, object]) -> bool:
    """The token is an application's own; of a person's, directory roles decide, which it need not show."""
    return claims.get("idtyp") == "app" or isinstance(claims.get("roles"), list)


def needs_ownership(claims: Mapping[str, object]) -> bool:
    """Only applications that we own may be written to."""
    return _ALL not in _roles(claims)


def require_ownership(claims: Mapping[str, object], owners: Answer, subjects: Subjects) -> None:
    """Raise PermissionDenied unless the token has the permission and we are among the owners."""
    operation = f"the right to change '{subjects.application}'"
    if _OWNED not in _roles(claims):
        hint = (
            f"Grant {_OWNED} to '{subjects.principal}', with consent, and make it an owner of '{subjects.application}'."
        )
        raise PermissionDenied(operation, f"the access token bears neither {_OWNED} nor {_ALL}", hint=hint)
    found = parsed(owners.content).get("value")
    ids = (
        {str(each.get("id")).lower() for each in found if isinstance(each, dict)} if isinstance(found, list) else set()
    )
    if str(claims.get("oid", "")).lower() not in ids:
        hint = (
            f"Make the service principal '{subjects.principal}' an owner of '{subjects.application}', or grant {_ALL}."
        )
        raise PermissionDenied(operation, "we are not an owner", hint=hint)


def _roles(claims: Mapping[str, object]) -> tuple[object, ...]:
    roles = claims.get("roles")
    return tuple(roles) if isinstance(roles, list) else ()
