"""What does one connection see of Entra, and what may it change there? The port `Directory` over Graph."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from rotator.answers import parsed
from rotator.domain.model import Application, Secret
from rotator.entra.answers import Answer
from rotator.entra.graph_refusals import Subjects, certain_refusal, failure, is_already_gone, outcome_unknown
from rotator.entra.rights import is_application, needs_ownership, require_ownership
from rotator.errors import DirectoryThrottled, DirectoryUnavailable, OutcomeUnknown
from rotator.ports import Issued, Listed, Proof, Registration

if TYPE_CHECKING:
    from rotator.entra.answers import LastAnswer
    from rotator.entra.asking import Ask, Asker
    from rotator.entra.graph_client import GraphClient
    from rotator.entra.graph_models import ApplicationAnswer, PasswordAnswer
    from rotator.entra.limits import Limits
    from rotator.entra.login import Login
    from rotator.entra.proof import Prover
    from rotator.ports import Clock

#: Two secrets where these may sign in: https://learn.microsoft.com/entra/identity-platform/supported-accounts-validation
_PERSONAL: Final = frozenset({"AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"})
_PERSONAL_ROOM: Final = 2
_READING: Final = "reading the application"
_LISTING: Final = "listing the applications"
_OWNERS: Final = "reading the owners"
#: 999 is the most that Graph gives at once: https://learn.microsoft.com/graph/paging
_APPLICATIONS: Final = "applications?$select=id,appId,displayName&$top=999"
_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(minutes=2)


class EntraDirectory:
    """One connection's view of Entra. No method repeats a write; a read is sent again only with a renewed token.

    Writes to one application are sent one after the other: Entra refuses concurrent ones in several ways, some unclear.
    """

    def __init__(
        self,
        graph: GraphClient,
        login: Login,
        *,
        asker: Asker,
        limits: Limits,
        prover: Prover,
        clock: Clock,
        last_answer: LastAnswer,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._graph = graph
        self._login = login
        self._asker = asker
        self._limits = limits
        self._prover = prover
        self._clock = clock
        self._last_answer = last_answer
        self._close = close
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._seen: dict[str, tuple[str, datetime | None]] = {}
        self._calls = 0
        self._retired = False

    async def registration(self, application: Application) -> Registration:
        """The application by object id, or by client id where that is all there is."""
        ids = {"object_id": application.object_id, "client_id": application.client_id}
        async with self._call():
            answer = await self._asker.repeatable(_READING, partial(self._graph.application, **ids))
            if answer.status != 200:
                named = application.name or application.object_id or application.client_id
                raise failure(_READING, answer, await self._subjects(named))
        found = self._graph.application_in(answer)
        if not found.object_id:
            raise DirectoryUnavailable(_READING, "the answer was not an application", status=answer.status)
        self._seen[found.object_id] = (found.display_name, found.created_at)
        return _registration(application, found)

    async def add_password(self, object_id: str, *, display_name: str, expires_at: datetime) -> Issued:
        """Create a credential; sent once at most. OutcomeUnknown whenever Graph may have made one (law L4)."""
        ask = partial(self._graph.add_password, object_id, display_name, expires_at)
        async with self._call():
            answer = await self._asker.once("addPassword", self._turn(object_id), ask)
            if answer.status != 200:
                subjects = await self._subjects(self._name(object_id))
                if answer.status == 403:
                    await self._login.reconsider()
                raise certain_refusal("addPassword", answer, subjects) or outcome_unknown("addPassword", answer)
        return self._issued(answer, expires_at)

    async def remove_password(self, object_id: str, key_id: str) -> None:
        """Remove a credential; one that is already gone is success."""
        ask = partial(self._graph.remove_password, object_id, key_id)
        async with self._call():
            async with self._turn(object_id):
                answer = await self._asker.repeatable("removePassword", ask)
            if answer.status != 204 and not is_already_gone(answer, key_id):
                raise failure("removePassword", answer, await self._subjects(self._name(object_id)))

    async def prove(self, client_id: str, secret: Secret) -> Proof:
        """One fresh sign-in as that application, past every token cache."""
        async with self._call():
            return await self._prover.prove(client_id, secret)

    async def longest_lifetime(self, object_id: str) -> timedelta | None:
        """The longest lifetime that app management policies allow; PolicyRefused when new secrets are forbidden."""
        async with self._call():
            if object_id not in self._seen:
                await self.registration(Application(tenant_id="", object_id=object_id))
            name, created_at = self._seen[object_id]
            return await self._limits.longest(object_id, name, created_at)

    def entra_time(self) -> tuple[datetime, float] | None:
        """The `Date` of Entra's last answer and the monotonic time at which it came."""
        return self._last_answer.time()

    def quiet_until(self) -> float | None:
        """The monotonic time before which Graph wants no requests; None: it never asked for that."""
        return self._asker.quiet_until

    async def sign_in(self) -> None:
        """Get an access token. Raises SignInRefused, DirectoryUnavailable, DirectoryThrottled."""
        async with self._call():
            await self._login.token()

    async def confirm_right(self, object_id: str) -> bool:
        """May we write to this application? False: that cannot be told. Raises PermissionDenied when we may not."""
        async with self._call():
            rights = await self._login.claims()
            if not is_application(rights):
                return False
            if not needs_ownership(rights):
                return True
            answer = await self._asker.repeatable(_OWNERS, partial(self._graph.owners_of, object_id))
            subjects = await self._subjects(self._name(object_id))
            if answer.status != 200:
                raise failure(_OWNERS, answer, subjects)
            require_ownership(rights, answer, subjects)
            return True

    async def applications(self) -> AsyncGenerator[Sequence[Application], None]:
        """All applications that the connection may see, a page at a time."""
        async with contextlib.aclosing(self.pages(_LISTING, _APPLICATIONS)) as pages:
            async for page in pages:
                yield [_application(row) for row in page]

    async def pages(
        self, operation: str, path: str, *, eventual: bool = False, beta: bool = False, tries: int = 1
    ) -> AsyncGenerator[Sequence[Mapping[str, object]], None]:
        """A list of Graph's, a page at a time, by its path below Graph.

        `tries`: how often a page is asked for that Graph throttles, each time when it allows, after 2 min at most.
        """
        next_link, followed = path, set[str]()
        async with self._call():
            while next_link:
                if next_link in followed:
                    raise DirectoryUnavailable(operation, "the pages lead round in a circle")
                followed.add(next_link)
                ask = partial(self._graph.page, next_link, eventual=eventual, beta=beta)
                page = parsed((await self._page(operation, ask, tries)).content)
                rows = page.get("value")
                yield [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
                next_link = str(page.get("@odata.nextLink") or "")

    async def _page(self, operation: str, ask: Ask, tries: int) -> Answer:
        while True:
            tries -= 1
            answer = await self._asker.repeatable(operation, ask)
            if answer.status == 200:
                return answer
            refusal = failure(operation, answer, await self._subjects("the tenant's applications"))
            if not isinstance(refusal, DirectoryThrottled) or tries <= 0:
                raise refusal
            await self._clock.sleep(min(refusal.retry_after or _PAUSE, _LONGEST_PAUSE).total_seconds())

    async def retire(self) -> None:
        """Close as soon as no call is under way; calls that began before still end as they would have."""
        self._retired = True
        if self._calls == 0:
            await self._close()

    @contextlib.asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            if self._retired and self._calls == 0:
                await self._close()

    def _turn(self, object_id: str) -> asyncio.Lock:
        return self._turns.setdefault(object_id, asyncio.Lock())

    def _name(self, object_id: str) -> str:
        return self._seen.get(object_id, ("", None))[0] or object_id

    async def _subjects(self, application: str) -> Subjects:
        return Subjects(await self._login.principal(), application)

    def _issued(self, answer: Answer, expires_at: datetime) -> Issued:
        made = self._graph.password_in(answer)
        if not made.key_id or made.secret is None:
            raise OutcomeUnknown("addPassword", "the answer holds no key id or no secret", status=answer.status)
        return Issued(
            key_id=made.key_id,
            text=made.secret,
            display_name=made.display_name,
            starts_at=_utc(made.starts_at) or self._clock.now(),
            expires_at=_utc(made.expires_at) or expires_at,
            hint=made.hint,
        )


def _application(row: Mapping[str, object]) -> Application:
    return Application("", str(row.get("id", "")), str(row.get("appId", "")), str(row.get("displayName") or ""))


def _registration(asked: Application, found: ApplicationAnswer) -> Registration:
    application = Application(asked.tenant_id, found.object_id, found.client_id, found.display_name)
    room = _PERSONAL_ROOM if found.sign_in_audience in _PERSONAL else None
    return Registration(application, tuple(map(_listed, found.credentials)), room)


def _listed(found: PasswordAnswer) -> Listed:
    return Listed(found.key_id, found.display_name, _utc(found.starts_at), _utc(found.expires_at), found.hint)


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
