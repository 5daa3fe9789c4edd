"""Does the text of a secret show anywhere but where it belongs? A whole life, with faults, all logging on."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.app import Engine, Time, open_engine
from rotator.config import load
from rotator.observers.log import LogObserver
from rotator.simulator.server import Running
from rotator.simulator.simulation import SimulatorOptions
from tests.simulated import tenant

CONFIGURATION = """
state: {{url: sqlite:///{folder}/state.db}}
api: {{listen: "off"}}
logging: {{level: debug, format: json}}
clouds: {{simulated: {{authority: "{authority}", graph: "{graph}", scope: "{scope}", caFile: "{ca}"}}}}
connections:
  - name: contoso
    method: client-secret
    cloud: simulated
    credentials: {{tenantId: {tenant}, clientId: {client}, clientSecret: {{file: {folder}/admin-secret}}}}
defaults:
  {{connection: contoso, rotationInterval: 30, overlap: 48h, verify: {{successes: 2, interval: 0s, deadline: 2s}}}}
rotations:
  - name: billing-api
    parameters: {{objectId: {first}}}
    secretsMapping: {{clientId: BILLING_ID, clientSecret: BILLING_SECRET}}
    destinations: [{{kind: embedded}}, {{kind: file, path: {folder}/out/billing.env, format: dotenv}}]
  - name: shipping
    parameters: {{objectId: {second}}}
    secretsMapping: {{clientId: SHIPPING_ID, clientSecret: SHIPPING_SECRET}}
    destinations: [{{kind: file, path: {folder}/out/shipping.json, format: json}}]
"""


class Overheard:
    """The tenant's book of passwords, with somebody listening when a text is handed out."""

    def __init__(self, book: object, texts: list[str]) -> None:
        self._book = book
        self._texts = texts
        #: What happens when the next one is handed out.
        self.happens: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def add(self, *args: Any, **keywords: Any) -> Any:
        password, text = self._book.add(*args, **keywords)  # type: ignore[attr-defined]
        self._texts.append(text)
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return password, text


class Life:
    """An engine over HTTPS whose time can be moved, and every secret text that Entra has ever handed out."""

    def __init__(self, folder: Path, running: Running) -> None:
        self.folder = folder
        self.running = running
        self.texts = [running.ready.adminClientSecret]
        self.passed = timedelta()
        tenant = running.simulation.entra.tenant
        self.book = Overheard(tenant.passwords, self.texts)
        tenant.passwords = self.book  # type: ignore[assignment]
        #: What waited in files while the database could not be written.
        self.spooled: list[bytes] = []

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        ready = self.running.ready
        (self.folder / "admin-secret").write_text(ready.adminClientSecret)
        (self.folder / "config.yaml").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                authority=ready.authority,
                graph=ready.graph,
                scope=ready.scope,
                ca=ready.caFile,
                tenant=ready.tenantId,
                client=ready.adminClientId,
                first=ready.applications[0]["objectId"],
                second=ready.applications[1]["objectId"],
            )
        )
        time = Time(offset=lambda: self.passed)
        async with open_engine(load(self.folder / "config.yaml"), observers=[LogObserver()], time=time) as engine:
            yield engine

    async def pass_by(self, engine: Engine, span: timedelta) -> None:
        """Entra's clock and ours go on together; then everything due is done."""
        self.passed += span
        self.running.simulation.clock.advance(span.total_seconds())
        for _ in range(6):
            await engine.dispatcher.fill()
            await engine.dispatcher.settle()

    async def outage(self, engine: Engine) -> None:
        """Somebody holds the database from an issue until its secret waits in a file."""
        other = sqlite3.connect(self.folder / "state.db", isolation_level=None)
        self.book.happens = lambda: other.execute("BEGIN IMMEDIATE")
        await engine.ask("shipping", "rotate")
        under_way = asyncio.create_task(self.pass_by(engine, timedelta()))
        while not self.spooled:
            await asyncio.sleep(0.05)
            self.spooled = [file.read_bytes() for file in self.folder.glob("state.db.spool/*.spooled")]
        other.close()
        await under_way
        assert not list(self.folder.glob("state.db.spool/*"))


async def test_L11_no_text_of_a_secret_shows_in_logs_errors_books_or_the_database(
    tmp_path: Path, logged: io.StringIO
) -> None:
    (tmp_path / "out").mkdir()
    async with tenant(SimulatorOptions(applications=2, seed=11)) as running:
        life = Life(tmp_path, running)
        async with life.engine() as engine:
            await live(life, engine)
            shown = await shown_to_people(engine)
            assert any(facts.standing.last_rotated_at for facts in await engine.store.facts())
    assert len(life.texts) >= 6, "the life was too short to show anything"
    assert "addPassword" in logged.getvalue() or "attempt began" in logged.getvalue()
    for place, content in {"the log": logged.getvalue(), "what people are shown": shown}.items():
        assert not [text for text in life.texts if text in content], f"a secret shows in {place}"
    assert not in_the_clear(tmp_path, life.texts)
    assert not [text for text in life.texts for file in life.spooled if text.encode() in file]


def in_the_clear(folder: Path, texts: list[str]) -> list[str]:
    """Files of the database in which one of the texts can be read."""
    files = {file.name: file.read_bytes() for file in folder.glob("state.db*") if file.is_file()}
    assert "state.db" in files
    return [name for name, content in files.items() if any(text.encode() in content for text in texts)]


async def live(life: Life, engine: Engine) -> None:
    """First secrets, lost answers, refused proofs, a place that cannot be written, revocations."""
    faults = life.running.simulation.entra.faults
    await life.pass_by(engine, timedelta())
    faults.add(match="^addPassword", when="after", status=503, times=1)
    await engine.ask("billing-api", "rotate")
    await engine.ask("shipping", "rotate")
    await life.pass_by(engine, timedelta(seconds=1))
    await life.pass_by(engine, timedelta(hours=1))
    await life.outage(engine)
    faults.add(match="^token", code=7000215, times=400, clientId=life.running.ready.applications[1]["clientId"])
    await engine.ask("shipping", "rotate")
    await life.pass_by(engine, timedelta(hours=1))
    faults.clear()
    faults.add(match="^removePassword", when="after", reset=True, times=1)
    (life.folder / "out").chmod(0o500)
    await engine.ask("billing-api", "rotate")
    await life.pass_by(engine, timedelta(days=3))
    (life.folder / "out").chmod(0o700)
    await life.pass_by(engine, timedelta(days=40))
    await life.pass_by(engine, timedelta(days=3))


async def shown_to_people(engine: Engine) -> str:
    """Everything the books would tell, and what an error looks like with its traceback."""
    parts: list[object] = [await engine.state()]
    for facts in await engine.store.facts():
        parts += [facts, asdict(facts.standing), await engine.store.ledger(facts.rotation.id)]
        parts.append(await engine.store.history(facts.rotation.id))
        current = facts.current
        text = await engine.store.text(current.key_id) if current else None
        parts += [text, f"{text}", [text]]
        with pytest.raises(TypeError) as caught:
            json.dumps({"secret": text})
        parts.append("".join(traceback.format_exception(caught.value)))
    return "\n".join(map(repr, parts))
