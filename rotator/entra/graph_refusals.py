"""What does an answer of Graph other than success mean: certainly nothing done, try again, or nobody knows?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rotator.answers import retry_after
from rotator.entra.answers import Answer
from rotator.errors import (
    ApplicationNotFound,
    DirectoryError,
    DirectoryThrottled,
    DirectoryUnavailable,
    OutcomeUnknown,
    PermissionDenied,
    PolicyRefused,
    RequestRefused,
    SignInRefused,
    TooManyCredentials,
)

#: Statuses after which a read or a removal may simply be tried again. 409 and 503: Directory_ConcurrencyViolation.
_AGAIN: Final = frozenset({408, 409, 423, 425})
_CONCURRENT: Final = "concurrent"
_POLICY_HINT = "Choose a shorter `lifetime`, or have the application exempted from the app management policy."


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whom an answer is about, by name where we know it, else by id; for hints."""

    principal: str
    application: str


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One row of the table of refusals: with these statuses this code means that nothing was done."""

    statuses: frozenset[int]
    error: type[DirectoryError]
    hint: Callable[[Subjects], str]


def _row(error: type[DirectoryError], hint: str, *statuses: int) -> _Refusal:
    return _Refusal(frozenset(statuses), error, lambda s: hint.format(principal=s.principal, application=s.application))


#: Sources: entra-graph facts (Microsoft's error pages, azure-cli#12946 for TooManyAppPasswords,
#: microsoft-365-agents-toolkit#10998 for the policy codes). A code that is missing here is not a certain refusal.
_REFUSALS: Mapping[str, _Refusal] = {
    "Request_BadRequest": _row(RequestRefused, "", 400),
    "CredentialInvalidLifetimeAsPerAppPolicy": _row(PolicyRefused, _POLICY_HINT, 400),
    "CredentialTypeNotAllowedAsPerAppPolicy": _row(
        PolicyRefused, "An app management policy forbids new secrets for '{application}': have it exempted.", 400, 403
    ),
    "TooManyAppPasswords": _row(
        TooManyCredentials,
        "'{application}' admits personal accounts and so holds at most two secrets: remove one that is not used.",
        400,
    ),
    "Directory_QuotaExceeded": _row(
        TooManyCredentials, "'{application}' is full: remove secrets or certificates that are not used.", 400, 403
    ),
    "InvalidAuthenticationToken": _row(SignInRefused, "Graph did not accept our access token; check `cloud`.", 401),
    "Authentication_ExpiredToken": _row(SignInRefused, "Set this machine's clock.", 401),
    "Authentication_MissingOrMalformed": _row(SignInRefused, "Check `cloud` and its `graph` address.", 401),
    "Authorization_IdentityNotFound": _row(
        SignInRefused, "The service principal '{principal}' is unknown in this tenant: check `tenantId`.", 401, 403
    ),
    "Authorization_RequestDenied": _row(
        PermissionDenied,
        "Make the service principal '{principal}' an owner of '{application}' or grant Application.ReadWrite.OwnedBy.",
        403,
    ),
    "Request_ResourceNotFound": _row(
        ApplicationNotFound,
        "Check `objectId`, `clientId` and the connection's tenant: '{application}' is not an application there.",
        404,
    ),
}


def certain_refusal(operation: str, answer: Answer, subjects: Subjects) -> DirectoryError | None:
    """The refusal when Graph certainly did nothing; None when nobody knows (law L4)."""
    row = _REFUSALS.get(answer.error.code)
    if row is None or answer.status not in row.statuses or _is_concurrency(answer):
        return None
    return _refused(row, operation, answer, subjects)


def outcome_unknown(operation: str, answer: Answer) -> OutcomeUnknown:
    """The error for any other answer to a request that may have been carried out."""
    said = answer.error.message or "no text"
    detail = f"Graph answered {answer.status} ({said}); it may have been carried out"
    wait = retry_after(answer.headers)
    return OutcomeUnknown(operation, detail, code=answer.error.code, status=answer.status, retry_after=wait)


def failure(operation: str, answer: Answer, subjects: Subjects) -> DirectoryError:
    """The error for an answer to a request that may be repeated: a read or a removal."""
    if answer.status == 429:
        wait = retry_after(answer.headers)
        return DirectoryThrottled(operation, retry_after=wait, request_id=answer.request_id)
    if answer.status >= 500 or answer.status in _AGAIN or _is_concurrency(answer):
        return _unavailable(operation, answer, answer.error.message or "no text")
    row = _REFUSALS.get(answer.error.code)
    if row is not None and answer.status in row.statuses:
        return _refused(row, operation, answer, subjects)
    if not answer.error.code:
        return _unavailable(operation, answer, "not an answer of Graph", hint="A proxy on the way may have answered.")
    kind = {401: SignInRefused, 403: PermissionDenied, 404: ApplicationNotFound}.get(answer.status, RequestRefused)
    return kind(
        operation,
        answer.error.message,
        code=answer.error.code,
        status=answer.status,
        request_id=answer.request_id,
    )


def is_already_gone(answer: Answer, key_id: str) -> bool:
    """Whether a removal was refused because there is no such secret any more.

    The status is not documented; clients match this text with 400 (entra-graph facts), and a 404 that names the key.
    """
    said = answer.error.message.lower()
    return answer.status in {400, 404} and ("no password credential found" in said or key_id.lower() in said)


def _refused(row: _Refusal, operation: str, answer: Answer, subjects: Subjects) -> DirectoryError:
    hint = row.hint(subjects)
    return row.error(
        f"Graph refused {operation}",
        "" if hint else answer.error.message,
        code=answer.error.code,
        status=answer.status,
        request_id=answer.request_id,
        hint=hint,
    )


def _unavailable(operation: str, answer: Answer, said: str, *, hint: str = "") -> DirectoryUnavailable:
    return DirectoryUnavailable(
        operation,
        f"Graph answered {answer.status} ({said})",
        code=answer.error.code,
        status=answer.status,
        request_id=answer.request_id,
        hint=hint,
    )


def _is_concurrency(answer: Answer) -> bool:
    return answer.status == 400 and _CONCURRENT in answer.error.message.lower()
