"""How does a command speak to a daemon elsewhere? Over its HTTP API, with `--server` and a token from a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.cli.exits import WrongUse
from rotator.errors import AccessDenied, RotatorError, StoreUnavailable

if TYPE_CHECKING:
    import httpx

_ROTATIONS = "/api/v2/secret-rotations/azure-client-secret"
#: The commands that can.
COMMANDS = ("status", "rotate", "history", "pause", "resume", "approve")
#: A rotation is answered when it has ended, proof and delivery included.
_PATIENCE = 1300.0


class Remote:
    """The API of one daemon. Raises AccessDenied, StoreUnavailable, WrongUse, or RotatorError in the API's words."""

    def __init__(self, http: httpx.Client, server: str) -> None:
        self._http = http
        self._server = server

    def rotations(self) -> list[dict[str, Any]]:
        """All rotations that the token may see, by name."""
        found: list[dict[str, Any]] = []
        for project in self._ask("GET", "/api/v1/projects")["projects"]:
            found += self._of_project(project["id"])
        return sorted(found, key=lambda each: str(each["name"]))

    def named(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Those of these names, in that order."""
        known = {each["name"]: each for each in self.rotations()}
        for name in names:
            if name not in known:
                raise WrongUse(f"there is no rotation {name!r} that you may see", hint="'status' lists them.")
        return [known[name] for name in dict.fromkeys(names)]

    def do(self, rotation: Mapping[str, Any], what: str) -> dict[str, Any]:
        """`rotate-secrets`, `pause`, `resume` or `approve`; the rotation as it is then."""
        done: dict[str, Any] = self._ask("POST", f"{_ROTATIONS}/{rotation['id']}/{what}")["secretRotation"]
        return done

    def attempts(self, rotation: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """The latest attempts, newest first, with their journals."""
        path = f"{_ROTATIONS}/{rotation['id']}/attempts"
        found: list[dict[str, Any]] = self._ask("GET", path, limit=limit)["attempts"]
        return found

    def _of_project(self, project_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._ask("GET", _ROTATIONS, projectId=project_id, limit=1000, offset=len(found))
            found += page["secretRotations"]
            if not page["secretRotations"] or len(found) >= page["totalCount"]:
                return found

    def _ask(self, method: str, path: str, **query: Any) -> Any:
        import httpx

        try:
            answer = self._http.request(method, path, params=query)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as problem:
            why = str(problem) if isinstance(problem, httpx.HTTPError) else "its answer is not one of this API"
            raise StoreUnavailable(f"{self._server} does not answer: {why or type(problem).__name__}") from None
        if answer.status_code == 200:
            return body
        raise _refusal(answer.status_code, str(body.get("message", "")) if isinstance(body, dict) else "")


def _refusal(status: int, message: str) -> RotatorError:
    if status in {401, 403}:
        return AccessDenied(message)
    if status in {429, 502, 503, 504}:
        return StoreUnavailable(message)
    return RotatorError(message or f"the server answered {status}")


@contextmanager
def opened(server: str, token_file: str) -> Iterator[Remote]:
    """The daemon at that address. Raises WrongUse for an address in clear beyond this machine, or a missing token."""
    import httpx

    try:
        url = httpx.URL(server)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise WrongUse(f"--server {server!r} is not an address", hint="Such as https://rotator.example.com.")
    if url.scheme == "http" and url.host not in {"localhost", "127.0.0.1", "::1"}:
        raise WrongUse(f"--server {server} would send the token in clear", hint="Use https.")
    headers = {"authorization": f"Bearer {_token(token_file)}"}
    with httpx.Client(base_url=url, headers=headers, timeout=httpx.Timeout(_PATIENCE, connect=10)) as http:
        yield Remote(http, server)


def _token(path: str) -> str:
    if not path:
        raise WrongUse("--server needs --token-file", hint="'rotator identity token NAME' on its host makes a token.")
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not text"
        raise WrongUse(f"--token-file {path} cannot be read: {why}") from None
    if not text or not text.isascii() or not text.isprintable():
        raise WrongUse(f"--token-file {path} holds no token")
    return text
