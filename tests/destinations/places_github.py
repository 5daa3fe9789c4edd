"""How does a test look at the secrets of GitHub Actions? As a workflow that is given them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from rotator.destinations.surroundings import Surroundings
from tests.destinations.places import Place
from tests.destinations.servers.github import TOKEN, GitHub, Shelf


class GitHubPlace(Place):
    """The secrets of a repository."""

    server: GitHub

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.server = GitHub()
        async with self.server.listening():
            yield self

    @property
    def shelf(self) -> Shelf:
        return self.server.repository

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), environment={"GITHUB_TOKEN": TOKEN})

    def options(self) -> dict[str, Any]:
        return {"endpoint": self.server.url, "repository": "example/billing", "timeout": "5s"}

    def shows(self) -> dict[str, str]:
        return {name: text for name, (text, _) in self.shelf.secrets.items()}

    def set(self, name: str, text: str) -> None:
        self.server.put(self.shelf, name, text)

    def drop(self, name: str) -> None:
        del self.shelf.secrets[name]

    def leftovers(self) -> list[str]:
        """All there is to change."""
        return [f"{self.shelf.secrets} {self.shelf.variables}"] if self.shelf.secrets or self.shelf.variables else []


class GitHubOrganisationPlace(GitHubPlace):
    """Those of an organisation."""

    @property
    def shelf(self) -> Shelf:
        return self.server.shelf("orgs/example/actions")

    def options(self) -> dict[str, Any]:
        return {"endpoint": self.server.url, "organisation": "example", "timeout": "5s"}
