"""How does Entra say no?"""

from rotator.simulator.wire import Json


class GraphRefusal(Exception):
    """Microsoft Graph answers with an error; `code` is the word clients branch on."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: tuple[Json, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers


class SignInRefusal(Exception):
    """The token endpoint answers with an error; `number` is the one of AADSTS."""

    def __init__(self, number: int, text: str, *, error: str = "invalid_client", status: int = 401) -> None:
        super().__init__(f"AADSTS{number}: {text}")
        self.number = number
        self.text = text
        self.error = error
        self.status = status


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphRefusal:
    """The request itself is wrong."""
    return GraphRefusal(400, code, message)


def not_found(identifier: str) -> GraphRefusal:
    """No such object, or one that this reader cannot see yet."""
    return GraphRefusal(
        404,
        "Request_ResourceNotFound",
        f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not present.",
    )


def denied() -> GraphRefusal:
    """The caller lacks a permission, or does not own the object."""
    return GraphRefusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
