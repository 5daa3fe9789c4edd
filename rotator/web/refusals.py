"""With which status and which word is a request refused? Infisical's words, so that its clients know them."""

from __future__ import annotations

from rotator.errors import (
    AccessDenied,
    ApplicationNotFound,
    ConfigError,
    DestinationError,
    DirectoryError,
    DirectoryThrottled,
    DirectoryUnavailable,
    LeaseHeld,
    RotatorError,
    StoreError,
)


class Refused(RotatorError):
    """A request that is not carried out; each kind has its status and its word."""

    status = 400
    word = "BadRequest"

    def __init__(self, what: str, *, hint: str = "", retry_after: int = 0) -> None:
        """`retry_after` is in seconds; 0: says nothing."""
        super().__init__(what, hint=hint)
        self.retry_after = retry_after


class BadRequest(Refused):
    """The request goes against a rule."""


class Unauthorized(Refused):
    """Nobody we know, or no longer."""

    status = 401
    word = "UnauthorizedError"


class TokenRefused(Refused):
    """The access token opens nothing: unknown, revoked or expired. 403, as Infisical answers it."""

    status = 403
    word = "TokenError"


class Forbidden(Refused):
    """Known, but may not do this."""

    status = 403
    word = "PermissionDenied"


class NotFound(Refused):
    """Not there, or not for this caller to know of."""

    status = 404
    word = "NotFound"


class Conflict(Refused):
    """It stands against what is so."""

    status = 409
    word = "Conflict"


class Invalid(Refused):
    """A value that the schema lets through and the rules do not."""

    status = 422
    word = "ValidationFailure"


class TooLarge(Refused):
    """More than we read."""

    status = 413
    word = "PayloadTooLarge"


class TooSlow(Refused):
    """The request did not arrive in time."""

    status = 408
    word = "RequestTimeout"


class TooMany(Refused):
    """More requests than are allowed."""

    status = 429
    word = "RateLimitExceeded"


class Unavailable(Refused):
    """What it needs does not answer now."""

    status = 503
    word = "ServiceUnavailable"


#: Errors of the inside, the first that fits: status and word.
_INSIDE: tuple[tuple[type[RotatorError], int, str], ...] = (
    (AccessDenied, 403, "PermissionDenied"),
    (ConfigError, 400, "BadRequest"),
    (ApplicationNotFound, 400, "BadRequest"),
    (DirectoryThrottled, 503, "ServiceUnavailable"),
    (DirectoryUnavailable, 503, "ServiceUnavailable"),
    (DirectoryError, 400, "BadRequest"),
    (DestinationError, 400, "BadRequest"),
    (LeaseHeld, 409, "Conflict"),
    (StoreError, 503, "ServiceUnavailable"),
)


def status_of(problem: RotatorError) -> tuple[int, str]:
    """The status and the word for an error."""
    if isinstance(problem, Refused):
        return problem.status, problem.word
    return next(((status, word) for kind, status, word in _INSIDE if isinstance(problem, kind)), (400, "BadRequest"))
