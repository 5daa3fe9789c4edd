"""Where are rotations and connections of the API made? Between its routes and store, Entra and engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from rotator.app import Engine
from rotator.config.api_reach import Allowed
from rotator.config.connections import schedule_of
from rotator.config.from_api import (
    connection_from,
    own_rotation_of,
    rotation_from,
    values_of,
)
from rotator.domain.definition import definition_hash
from rotator.domain.edits import Add, Change, Edit, Retire
from rotator.domain.inventory import Holder
from rotator.domain.model import Application, Folder, Request, Rotation, Secret
from rotator.domain.resources import CODE, REFRESH_TOKEN, VERIFIER, Checked, MadeConnection, ShownConnection
from rotator.domain.stock import Look
from rotator.entra.options import AnyConnection, OAuthConnection, tenant_and_client
from rotator.errors import DefinitionsMoved, DirectoryError
from rotator.fitting import checked, held_by_others, refuse_taken, refuse_unfit
from rotator.ports import Proof, Registration
from rotator.references import SecretMissing
from rotator.stocktaking import IN_PASSING, stocks_of
from rotator.web.refusals import BadRequest, Conflict, NotFound


class Desk:
    """Implements the protocols `RotationDesk` and `ConnectionDesk` of the API; one change at a time."""

    def __init__(self, engine: Engine, read_at: datetime) -> None:
        """`read_at` stands for when configured connections were made, which nothing records."""
        self._engine = engine
        self._read_at = read_at
        self._store = engine.store
        self._turn = asyncio.Lock()

    # Rotations.

    async def define(self, values: Mapping[str, object]) -> Rotation:
        """Define a new rotation, once Entra has said that it can work."""
        async with self._turn:
            rotation = await self._new(values)
            await refuse_taken(self._store, rotation)
            await refuse_unfit(self._engine.directories, rotation)
            await self._write([Add(rotation)])
        return rotation

    async def preflight(self, values: Mapping[str, object], of: Rotation | None = None) -> Sequence[Checked]:
        """What the books and Entra say to these values, or to these changes of a rotation; nothing is kept."""
        rotation = await self._new(values) if of is None else await self.changed(of, values)
        return await checked(self._store, self._engine.directories, rotation)

    async def changed(self, rotation: Rotation, changes: Mapping[str, object]) -> Rotation:
        """The rotation that `redefine` would leave; nothing is kept. Raises Conflict for another application."""
        values = {**values_of(rotation), **changes}
        for one, other in (("rotateAt", "rotateAtUtc"), ("rotateAtUtc", "rotateAt")):
            if one in changes and other not in changes:
                values.pop(other, None)
        built = self._built(_whole_parameters(values, rotation))
        changed = replace(built, id=rotation.id, initial=rotation.initial, adopt_key_id=rotation.adopt_key_id)
        _refuse_other_application(rotation, changed)
        if changed.name != rotation.name and await self._store.find(changed.name) is not None:
            raise BadRequest(f"There is a rotation named {changed.name} already")
        return changed

    async def redefine(self, rotation: Rotation, changes: Mapping[str, object], *, seen: str = "") -> Rotation:
        """Define it anew with these values in place of those it has; another application is refused.

        `seen`: the hash of the definition that the changes were thought out upon; Conflict when it has another by now.
        """
        async with self._turn:
            edition = await self._store.edition()
            standing = await self._standing(rotation)
            if seen and definition_hash(standing) != seen:
                raise Conflict(f"The rotation {rotation.name} has been changed meanwhile", hint="Look at it again.")
            changed = await self.changed(standing, changes)
            await refuse_taken(self._store, changed)
            moves = changed.schedule != standing.schedule or (changed.auto and not standing.auto)
            edit = Change(changed, await self._store.now() if moves else None)
            try:
                await self._write([edit], edition=edition)
            except DefinitionsMoved:
                raise Conflict("Definitions have been changed meanwhile, on another node", hint="Try again.") from None
        return changed

    async def _standing(self, rotation: Rotation) -> Rotation:
        """As it is defined now. Raises NotFound once it has gone."""
        try:
            facts, _ = await self._store.look(rotation.id)
        except KeyError:
            raise NotFound(f"Secret rotation {rotation.id} not found") from None
        return facts.rotation

    async def taken(self, folder: Folder, names: Collection[str], *, rotation_id: str = "") -> Mapping[str, str]:
        """Those of the names that show a secret of another rotation -> its id."""
        return await held_by_others(self._store, folder, names, rotation_id=rotation_id)

    async def retire(self, rotation: Rotation) -> None:
        """Take its definition away: no more rotations."""
        await self._write([Retire(rotation.id, await self._store.now())])

    async def clear(self, rotation: Rotation) -> None:
        """Take what it delivered out of its destinations. Raises DestinationError."""
        for rule in rotation.destinations:
            destination = self._engine.world.destinations.open(rotation, rule)
            try:
                placed = await destination.read()
                if placed is not None and placed.marker is not None:
                    await destination.remove(over=placed)
            finally:
                await destination.close()

    async def ask(self, rotation_id: str, kind: str, by: str, **facts: object) -> str:
        """File a request with the engine; its id."""
        request = Request(str(uuid4()), rotation_id, kind, await self._store.now(), by=by, facts=facts)
        try:
            await self._store.ask(request)
        except KeyError:
            raise NotFound(f"Secret rotation {rotation_id} not found") from None
        self.wake()
        return request.id

    def wake(self) -> None:
        """Let the engine look at once for what it may do now, and not at its next poll."""
        self._engine.dispatcher.nudged.set()

    async def prove(self, rotation: Rotation, secret: Secret) -> Proof:
        """One sign-in as its application. Raises DirectoryError."""
        directory = await self._engine.directories.open(rotation.connection)
        return await directory.prove(rotation.application.client_id, secret)

    async def _new(self, values: Mapping[str, object]) -> Rotation:
        rotation = replace(self._built(values), id=str(uuid4()))
        if await self._store.find(rotation.name) is not None:
            raise BadRequest(f"There is a rotation named {rotation.name} already")
        return rotation

    def _built(self, values: Mapping[str, object]) -> Rotation:
        name = str(values["connection"])
        options = self._engine.secrets.connections.get(name)
        if options is None:
            raise BadRequest(f"There is no connection {name}")
        return rotation_from(values, options, self._allowed())

    def _allowed(self) -> Allowed:
        allow = self._engine.configuration.api.allow
        return Allowed(allow.kinds, allow.paths, allow.hosts)

    async def _write(self, edits: Sequence[Edit], *, edition: int | None = None) -> None:
        await self._store.define(edits, edition=edition)
        self.wake()

    # Connections.

    async def connections(self) -> Sequence[ShownConnection]:
        """All, by name."""
        made = {each.name: each for each in await self._store.resources.connections()}
        ids = await self._store.ids()
        found = []
        for name, options in sorted(self._engine.secrets.connections.items()):
            own = made.get(name)
            fingerprint = own.fingerprint if own else await self._fingerprint(options)
            found.append(self._shown(options, own, connection_id=ids.connection(name), fingerprint=fingerprint))
        return found

    async def add(
        self, name: str, document: Mapping[str, object], *, secrets: Mapping[str, Secret], project: str
    ) -> ShownConnection:
        """Make one whose sign-in works. Raises SignInRefused and the like, or ConfigError."""
        made = MadeConnection(str(uuid4()), name, project, document, secrets)
        async with self._turn:
            if name in self._engine.secrets.connections:
                raise BadRequest(f"There is a connection named {name} already")
            options, made = await self._tried(made)
            await self._refuse_own_twice(options)
            if not await self._store.resources.add_connection(made):
                raise BadRequest(f"There is a connection named {name} already")
            await self._engine.take_connections()
            await self._define_own(options)
        return await self._named(name)

    async def change(
        self, connection: ShownConnection, changes: Mapping[str, object], *, secrets: Mapping[str, Secret]
    ) -> ShownConnection:
        """Change one; new credentials must work. `changes` may hold the name."""
        async with self._turn:
            before = await self._made(connection.id)
            if before.version != connection.version:
                raise Conflict(f"The connection {connection.name} has been changed meanwhile", hint="Read it again.")
            name = str(changes.get("name", before.name))
            rest = {key: value for key, value in changes.items() if key != "name"}
            if name != before.name:
                await self._refuse_in_use(before.name)
            made = replace(before, name=name, document={**before.document, **rest}, secrets=secrets or before.secrets)
            if "credentials" in changes:
                options, made = await self._tried(made)
            else:
                options = self._options(made)
            if not await self._store.resources.change_connection(made, with_secrets=bool(secrets)):
                raise Conflict(f"The connection has changed meanwhile, or {name} is taken", hint="Read it again.")
            await self._engine.take_connections()
            await self._define_own(options)
        return await self._named(name)

    async def remove(self, connection: ShownConnection) -> None:
        """Take one out that no rotation uses."""
        async with self._turn:
            before = await self._made(connection.id)
            await self._refuse_in_use(before.name)
            await self._store.resources.remove_connection(before.id)
            await self._engine.take_connections()

    async def applications(self, connection: ShownConnection) -> AsyncGenerator[Sequence[Application], None]:
        """All applications it may see, a page at a time."""
        directory = await self._engine.directories.open(connection.name)
        async with aclosing(directory.applications()) as pages:
            async for page in pages:
                yield page

    async def holders(self, connection: ShownConnection) -> AsyncGenerator[Sequence[Holder], None]:
        """The same with their secrets, without certificates."""
        from rotator.entra.inventory import applications_with_secrets

        directory = await self._engine.directories.open(connection.name)
        async with aclosing(applications_with_secrets(directory)) as pages:
            async for page in pages:
                yield page

    async def registration(self, connection: ShownConnection, object_id: str) -> Registration:
        """One application with its secrets, as Entra shows it now. Raises DirectoryError."""
        directory = await self._engine.directories.open(connection.name)
        return await directory.registration(Application("", object_id))

    async def inventory(
        self, connections: Sequence[ShownConnection], *, unused_after: timedelta | None = None
    ) -> AsyncGenerator[Look, None]:
        """What these see that expires, a page at a time, and which of them cannot be asked."""
        names, now = [each.name for each in connections], await self._store.now()
        looks = stocks_of(
            self._engine.directories, self._store, names, now=now, page=IN_PASSING, unused_after=unused_after
        )
        async with aclosing(looks):
            async for look in looks:
                yield look

    def oauth_client(self) -> str:
        """The client id in whose name people sign in; empty where nobody may."""
        oauth = self._engine.configuration.api.oauth
        return oauth.client_id if oauth else ""

    async def _tried(self, made: MadeConnection) -> tuple[AnyConnection, MadeConnection]:
        """New credentials have signed in, a code has become a refresh token."""
        options = self._options(made)
        directories, oauth = self._engine.directories, self._engine.configuration.api.oauth
        try:
            if isinstance(options, OAuthConnection) and oauth is not None:
                code, verifier = made.secrets[CODE], made.secrets.get(VERIFIER)
                token = await directories.redeem(options, code, oauth.redirect_uri, verifier)
                made = replace(made, secrets={REFRESH_TOKEN: token})
            else:
                await directories.try_out(options)
        except DirectoryError as problem:
            # Whatever kept it from signing in, it has not: nothing is kept.
            raise BadRequest(problem.what, hint=problem.hint) from None
        return options, replace(made, fingerprint=await self._fingerprint(options, made.secrets))

    def _options(self, made: MadeConnection) -> AnyConnection:
        configuration = self._engine.configuration
        return connection_from(made, configuration.clouds, configuration.api.oauth)

    async def _define_own(self, options: AnyConnection) -> None:
        """The rotation of the connection's own secret follows its options."""
        wanted = own_rotation_of(options)
        named = await self._store.definitions_named([f"connection-{options.name}"])
        known = [each for each in named if each.rotation.own_connection == options.name]
        known.sort(key=lambda each: each.switches.retired_at is not None)
        now = await self._store.now()
        if wanted is None:
            await self._write([Retire(each.rotation.id, now) for each in known if each.switches.retired_at is None])
        elif known:
            await self._write([Change(replace(wanted, id=known[0].rotation.id), now)])
        else:
            await self._write([Add(replace(wanted, id=str(uuid4())))])

    async def _refuse_own_twice(self, options: AnyConnection) -> None:
        mine = tenant_and_client(options)
        others = [each for each in self._engine.secrets.connections.values() if each.is_auto_rotation_enabled]
        if options.is_auto_rotation_enabled and any(tenant_and_client(each) == mine for each in others):
            raise BadRequest("Another connection rotates the secret of this client id already")
        if options.is_auto_rotation_enabled and await self._store.find(f"connection-{options.name}") is not None:
            raise BadRequest(f"There is a rotation named connection-{options.name} already")

    async def _refuse_in_use(self, name: str) -> None:
        """A connection whose own secret was rotated is in use too, until that rotation has been forgotten."""
        users = await self._store.users_of(name, most=5)
        if users:
            own = next((user for user, is_own in users if is_own), "")
            hint = f"Switch isAutoRotationEnabled off, then 'rotator forget {own}' on its host." if own else ""
            names = ", ".join(sorted(user for user, _ in users))
            raise BadRequest(f"The connection {name} is used by {names}", hint=hint)

    async def _made(self, connection_id: str) -> MadeConnection:
        for each in await self._store.resources.connections():
            if each.id == connection_id:
                return each
        raise NotFound(f"App connection {connection_id} not found")

    async def _named(self, name: str) -> ShownConnection:
        return next(each for each in await self.connections() if each.name == name)

    async def _fingerprint(self, options: AnyConnection, made: Mapping[str, Secret] | None = None) -> str:
        """Of what it signs in with as configured or `made`; a reference that leads nowhere counts as itself."""
        said: dict[str, str] = {"method": options.method}
        for name, value in options.credentials:
            said[name] = _text_of(value)
        if options.method == "oauth":
            said |= {name: text.reveal() for name, text in (made or {}).items()}
        return await self._store.fingerprint(Secret(json.dumps(said, sort_keys=True)))

    def _shown(
        self, options: AnyConnection, made: MadeConnection | None, *, connection_id: str, fingerprint: str
    ) -> ShownConnection:
        tenant_id, client_id = tenant_and_client(options)
        rule = options.rotation
        schedule = schedule_of(rule.rotation_interval, rule.rotate_at_utc, rule.rotate_at) if rule else None
        return ShownConnection(
            id=connection_id,
            name=options.name,
            method=options.method,
            tenant_id=tenant_id,
            client_id="" if options.method == "oauth" else client_id,
            fingerprint=fingerprint,
            created_at=(made.created_at if made else None) or self._read_at,
            updated_at=(made.updated_at if made else None) or self._read_at,
            description=options.description,
            cloud=options.cloud,
            project=made.project if made else "",
            version=made.version if made else 1,
            auto=options.is_auto_rotation_enabled,
            schedule=schedule,
            defined_at="" if made else _files(self._engine.configuration.sources),
        )


def _files(sources: Collection[str]) -> str:
    return " or ".join(sorted(sources)) or "the configuration"


def _text_of(value: object) -> str:
    resolve = getattr(value, "resolve", None)
    if resolve is None:
        return str(value)
    try:
        return str(resolve().reveal())
    except SecretMissing:
        return str(value)


def _whole_parameters(values: Mapping[str, object], rotation: Rotation) -> dict[str, object]:
    """Parameters replace one another whole; an id left out is the one we know."""
    given = values.get("parameters")
    app = rotation.application
    known = {"objectId": app.object_id, "clientId": app.client_id}
    whole = {**{key: value for key, value in known.items() if value}, **(given if isinstance(given, Mapping) else {})}
    return {**values, "parameters": whole}


def _refuse_other_application(before: Rotation, after: Rotation) -> None:
    one, other = before.application, after.application
    pairs = ((one.object_id, other.object_id), (one.client_id, other.client_id))
    if any(held and said and held.lower() != said.lower() for held, said in pairs):
        raise Conflict(
            f"The rotation {before.name} is for the application {one.object_id or one.client_id}; keys live there",
            hint="Delete it with revokeGeneratedCredentials=true, and make one for the other application.",
        )
