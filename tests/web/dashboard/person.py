"""Who looks at the pages? Somebody with a browser that knows no scripts: cookies, links and forms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from uuid import uuid4

import httpx

from rotator.domain.access import Grant, Method, Note, Role
from rotator.serving import node_of
from rotator.store.access import AccessStore
from rotator.web.dashboard import sessions
from tests.web.asking import plainly
from tests.web.house import House

NOTE = Note("test", "test")
EVERYWHERE = Grant(Role.ADMIN)


class Seen(HTMLParser):
    """The parts of a page that tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """The attributes of these elements; `class_` is one word of the class."""
        found = [attrs for name, attrs in self.tags if name == tag]
        word = wanted.pop("class_", "")
        found = [each for each in found if not word or word in each.get("class", "").split()]
        return [each for each in found if all(each.get(key) == value for key, value in wanted.items())]


class Person:
    """Somebody with cookies of his own."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, status: int = 200) -> Seen:
        answer = await self.http.get(path)
        assert answer.status_code == status, answer.text
        return Seen(answer.text)

    async def form_token(self) -> str:
        """That of any page."""
        answer = await self.http.get("/")
        return Seen(answer.text).all("input", name="form")[0]["value"]

    async def send(self, path: str, /, **values: str) -> httpx.Response:
        """A form of ours, with its token."""
        return await self.http.post(path, data={"form": await self.form_token(), **values})


def books_of(house: House) -> AccessStore:
    return house.engine.store.access(node_of(house.engine.configuration))


async def a_link(house: House, *grants: Grant, name: str = "") -> str:
    """A one-time link of a fresh identity."""
    access = books_of(house)
    made = await access.add_identity(
        str(uuid4()), name or f"person-{uuid4().hex[:6]}", grants=grants or [EVERYWHERE], note=NOTE
    )
    assert made is not None
    issued = sessions.made(Method.LINK, made, access.now())
    await access.keep_token(issued.token, NOTE)
    return issued.text.reveal()


@asynccontextmanager
async def signed_in(house: House, *grants: Grant) -> AsyncIterator[Person]:
    """Somebody who came in by a link, with these grants; default: an admin of everything."""
    async with plainly(house.address) as http:
        answer = await http.post("/sign-in", data={"link": await a_link(house, *grants)})
        assert answer.status_code == 303, answer.text
        yield Person(http)
