"""How does a browser get in? By a one-time link to the demo's own dashboard, on this machine alone."""

from __future__ import annotations

import asyncio
import webbrowser
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rotator.cli.dashboard import fresh_link, opened_by
from rotator.cli.noted import audit_of

if TYPE_CHECKING:
    from rotator.app import Engine


async def show_the_way(engine: Engine, address: str, *, is_opened: bool) -> None:
    """Print where the dashboard is; `is_opened`: let this machine's browser open it as well."""
    if find_spec("jinja2") is None:
        print("The dashboard is not installed: entra-rotator[dashboard] has it.\n", flush=True)
        return
    link = opened_by(address, (await fresh_link(audit_of(engine.store))).reveal())
    print(f"The dashboard is there for one browser, within ten minutes:\n  {link}")
    print(f"Its numbers for Prometheus: {address}/metrics\n", flush=True)
    if is_opened and not await asyncio.to_thread(webbrowser.open, link):
        print("No browser could be started here; open the link by hand.\n", flush=True)
