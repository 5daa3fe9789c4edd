"""What can go wrong, and what the reader should do about it.

RotatorError                       what happened, where; .hint what to do; .retryable
├─ ConfigError                     before we start; names file:line:column
├─ DirectoryError                  Entra said no
│  ├─ DirectoryUnavailable  retry      the service, the network or its limits; nothing was changed
│  ├─ DirectoryThrottled    retry      with retry_after
│  ├─ OutcomeUnknown                   a write that may have been carried out
│  ├─ SignInRefused                    the connection's own sign-in
│  ├─ PermissionDenied                 which permission, which owner
│  ├─ ApplicationNotFound
│  ├─ PolicyRefused                    lifetime, passwordAddition
│  ├─ TooManyCredentials               no room for one more secret
│  ├─ RequestRefused                   any other refusal of a table of refusals
│  └─ NotYetPropagated      retry
├─ DestinationError                (destination, operation)
│  ├─ DestinationUnavailable retry
│  ├─ DestinationRefused
│  └─ NotOurs                          something is there that does not bear our marker
├─ StoreError
│  ├─ StoreUnavailable       retry
│  │  └─ DefinitionsMoved              another node has changed them meanwhile
│  ├─ StoreUnusable                    newer schema, second engine, no key opens it
│  │  └─ NoBooks                       there is nothing to read yet
│  ├─ LeaseHeld
│  ├─ LimitReached           retry     of what all nodes share, with the wait
│  └─ LeaseLost                        stop at once
├─ AddressTaken             retry   somebody else listens where we are to
└─ AccessDenied                    the API's own callers
"""

from __future__ import annotations

from datetime import timedelta


class RotatorError(Exception):
    """Something a person can understand and act on; its text never holds a secret."""

    retryable = False
    #: The fault lies with the connection (its sign-in, its rights, its tenant), not with one rotation.
    connection_fault = False

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        """One line: what happened, then what to do."""
        return f"{self.what}. {self.hint}" if self.hint else self.what


class ConfigError(RotatorError):
    """It cannot be used as it stands; a problem is a line `file:line:column: path: what is wrong (what is allowed)`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DirectoryError(RotatorError):
    """Entra or Graph refused or failed; `code` is Graph's or AADSTS's, `status` the HTTP status (0: no answer)."""

    def __init__(
        self,
        operation: str,
        detail: str,
        *,
        code: str = "",
        status: int = 0,
        request_id: str = "",
        hint: str = "",
    ) -> None:
        where = f"{operation}: {code}: {detail}" if code else f"{operation}: {detail}"
        super().__init__(where.rstrip(".: "), hint=hint)
        self.operation = operation
        self.detail = detail
        self.code = code
        self.status = status
        self.request_id = request_id


class DirectoryUnavailable(DirectoryError):
    """The service or the network failed while reading or removing; trying again is safe."""

    retryable = True
    connection_fault = True


class DirectoryThrottled(DirectoryError):
    """Too many requests; `retry_after` is what the service asked for, or None when it did not say."""

    retryable = True

    def __init__(
        self, operation: str, *, retry_after: timedelta | None, status: int = 429, request_id: str = ""
    ) -> None:
        said = f"asked to wait {int(retry_after.total_seconds())} s" if retry_after else "did not say how long to wait"
        super().__init__(
            operation, f"Graph throttled us and {said}", code="TooManyRequests", status=status, request_id=request_id
        )
        self.retry_after = retry_after


class OutcomeUnknown(DirectoryError):
    """A write may or may not have been carried out (law L4); never repeated blindly. `retry_after`: as asked."""

    def __init__(
        self, operation: str, detail: str, *, code: str = "", status: int = 0, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(operation, detail, code=code, status=status)
        self.retry_after = retry_after


class SignInRefused(DirectoryError):
    """The connection could not sign in: its secret, certificate or identity was refused."""

    connection_fault = True


class PermissionDenied(DirectoryError):
    """Graph refused for lack of permission or ownership."""

    connection_fault = True


class ApplicationNotFound(DirectoryError):
    """No such application in the tenant, or not visible to the connection."""


class PolicyRefused(DirectoryError):
    """An app management policy forbids the secret or its lifetime."""


class TooManyCredentials(DirectoryError):
    """The application has no room for one more secret."""


class RequestRefused(DirectoryError):
    """Graph refused for a reason that trying again will not change."""


class NotYetPropagated(DirectoryError):
    """Entra does not agree with itself yet; later reads will."""

    retryable = True


class DestinationError(RotatorError):
    """A destination refused or failed during `operation` (check, read or write)."""

    def __init__(
        self, destination: str, operation: str, detail: str, *, hint: str = "", retry_after: timedelta | None = None
    ) -> None:
        super().__init__(f"{destination}: {operation}: {detail}", hint=hint)
        self.destination = destination
        self.operation = operation
        self.detail = detail
        self.retry_after = retry_after


class DestinationUnavailable(DestinationError):
    """The destination did not answer, or answered that it cannot now."""

    retryable = True


class DestinationRefused(DestinationError):
    """The destination will not take it as things stand: rights, form, space."""


class NotOurs(DestinationError):
    """The place exists and does not bear our marker; taken over only with `adopt: true`."""


class StoreError(RotatorError):
    """The state database."""


class StoreUnavailable(StoreError):
    """The database did not answer; nothing was recorded."""

    retryable = True


class DefinitionsMoved(StoreUnavailable):
    """The definitions have been changed since they were read; nothing was recorded."""

    def __init__(self) -> None:
        super().__init__("The definitions have been changed by somebody else meanwhile", hint="Try again.")


class StoreUnusable(StoreError):
    """The database cannot be used by this program as it is (newer schema, no key opens it)."""


class NoBooks(StoreUnusable):
    """The database at `where` is empty, and reading makes no books."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"there is no state database {where} yet", hint="'rotator run' makes it; 'rotator plan' works without."
        )


class LeaseHeld(StoreError):
    """Another engine holds the lease or the database."""


class LimitReached(StoreError):
    """There is not enough left of what all nodes share: nothing was written. There is some again after `wait`."""

    retryable = True

    def __init__(self, limit: str, wait: timedelta) -> None:
        """`limit` is what there is not enough of: attempts or writes."""
        super().__init__(f"the limit of {limit} is reached; there is room in {wait.total_seconds():.1f} s")
        self.limit = limit
        self.wait = wait


class LeaseLost(StoreError):
    """Our fencing token is stale: another node has taken over; nothing was written."""


class AddressTaken(RotatorError):
    """Another process listens on the address that we are to listen on."""

    retryable = True

    def __init__(self, address: str, *, option: str = "api.listen", none: str = '"off": no API') -> None:
        super().__init__(
            f"another process listens on {address}",
            hint=f"End it, or set {option} to another address ({none}).",
        )


class AccessDenied(RotatorError):
    """A caller of ours may not do this."""
