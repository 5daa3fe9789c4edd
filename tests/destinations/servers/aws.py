"""How is AWS there on loopback? moto's server, behind the sockets and faults that all test servers share."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.destinations.servers.answering import Reply, Request, Server

if TYPE_CHECKING:
    from werkzeug.test import Client

REGION = "eu-north-1"
_ACCOUNT = "123456789012"


class Aws(Server):
    """Secrets Manager as moto keeps it, for one region; `values` and the like look at it from inside."""

    def __init__(self) -> None:
        from moto.secretsmanager.models import secretsmanager_backends

        secretsmanager_backends.reset()
        self._client = _application()
        self._backend: Any = secretsmanager_backends[_ACCOUNT][REGION]
        super().__init__(self._through)

    def _through(self, request: Request) -> Reply:
        headers = [(name, value) for name, value in request.headers.items() if name != "content-length"]
        got = self._client.open(request.path, method=request.method, headers=headers, data=request.body)
        kept = {name: value for name, value in got.headers.items() if name.lower().startswith("x-amz")}
        return Reply(got.status_code, got.get_data(), kept)

    def actions(self) -> list[str]:
        """What was asked for, in order."""
        return [request.headers["x-amz-target"].partition(".")[2] for request in self.requests]

    def current(self, name: str) -> dict[str, Any]:
        """What readers of a JSON secret get; empty when there is none."""
        return dict(json.loads(self.shown().get(name, "{}")))

    def shown(self) -> dict[str, str]:
        """What readers of all secrets get."""
        rows = [(name, version) for name in self.names() for version in self._backend.secrets[name].versions.values()]
        texts = [(name, of["secret_string"]) for name, of in rows if "AWSCURRENT" in of["version_stages"]]
        assert len(dict(texts)) == len(texts)
        return dict(texts)

    def names(self) -> list[str]:
        """Of all secrets, those without a version too."""
        return sorted(self._backend.secrets)

    def tags(self, name: str) -> dict[str, str]:
        """Of the secret itself."""
        return {tag["Key"]: tag["Value"] for tag in self._backend.secrets[name].tags or ()}

    def versions(self, name: str) -> dict[str, list[str]]:
        """Version -> its labels."""
        secret = self._backend.secrets.get(name)
        return {each: sorted(of["version_stages"]) for each, of in secret.versions.items()} if secret else {}

    def put(self, name: str, content: dict[str, Any] | str) -> None:
        """A stranger makes this the current version."""
        text = content if isinstance(content, str) else json.dumps(content)
        if name not in self._backend.secrets:
            self._backend.create_secret(name, text, None, "", [], None, None, [], force_overwrite=False)
            return
        old = next((each for each, labels in self.versions(name).items() if "AWSCURRENT" in labels), "")
        made = json.loads(self._backend.put_secret_value(name, text, None, None, ["STRANGER"]))["VersionId"]
        self._backend.update_secret_version_stage(name, "AWSCURRENT", old, made)

    def make(self, name: str) -> None:
        """A stranger makes it without any version, as Terraform does."""
        self._backend.create_secret(name, None, None, "", [], None, None, [], force_overwrite=False)

    def roll_back(self, name: str) -> None:
        """A stranger makes the previous version the current one."""
        labels = self.versions(name)
        current, previous = (
            next(each for each, of in labels.items() if label in of) for label in ("AWSCURRENT", "AWSPREVIOUS")
        )
        self._backend.update_secret_version_stage(name, "AWSCURRENT", current, previous)

    def drop(self, name: str) -> None:
        """A stranger takes it away at once."""
        self._backend.delete_secret(name, None, force_delete_without_recovery=True)

    def deleted(self, name: str) -> bool:
        """It is scheduled for deletion."""
        return bool(self._backend.secrets[name].is_deleted())

    def delete(self, name: str) -> None:
        """A stranger has it deleted in a week."""
        self._backend.delete_secret(name, 7, force_delete_without_recovery=False)


@cache
def _application() -> Client:
    """What answers; it keeps nothing itself."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.test import Client

    return Client(create_backend_app("secretsmanager"), use_cookies=False)
