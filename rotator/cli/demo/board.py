"""What does a person see while the demo runs? Every rotation, its secrets growing old, and what happened last."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING

from rotator.cli.progress import Lines
from rotator.cli.tables import far
from rotator.domain import events
from rotator.domain.events import Event
from rotator.domain.model import CredentialState
from rotator.domain.next_time import next_rotation_at
from rotator.domain.outside import shown_credentials, state_of
from rotator.observers.progress import news_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

    from rotator.cli.demo.tenant import Tenant
    from rotator.domain.model import Credential, Facts
    from rotator.store.store import SqlStore

_BAR = 10
_MOST_BARS = 3
_COLOURS = {CredentialState.PENDING: "yellow", CredentialState.CURRENT: "green", CredentialState.RETIRING: "magenta"}
#: The first part of a key id tells it from the dozen others on the screen.
_LONG_ID = re.compile(r"\b([0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_STATES = {"active": "green", "rotating": "yellow", "failed": "red", "held": "red", "new": "cyan"}
#: Worth a line where there is no table.
_TOLD = ("close", "revoke", "reclaim", "alarm")
_COUNTED: dict[type[Event], str] = {
    events.Issued: "issued",
    events.SignInTried: "sign-ins",
    events.Delivered: "delivered",
    events.Promoted: "promoted",
    events.Reclaimed: "reclaimed",
    events.Revoked: "revoked",
}


class Board:
    """The port `Observer`, and a table that is drawn from the books; lines where there is no terminal."""

    def __init__(self, tenant: Tenant, *, live: bool) -> None:
        self._tenant = tenant
        self._live = live
        self._lines = Lines()
        self._last: dict[str, tuple[str, bool | None]] = {}
        self._counts: Counter[str] = Counter(dict.fromkeys(_COUNTED.values(), 0))

    def told(self, event: Event) -> None:
        """Remember what is worth showing."""
        if type(event) in _COUNTED:
            self._counts[_COUNTED[type(event)]] += 1
        news = news_of(event)
        if news is None:
            return
        # Of a success the first part will do: the bars show the rest.
        said = news.text.partition(";")[0] if news.step == "close" and news.ok else news.text
        self._last[news.rotation] = (_LONG_ID.sub(r"\1", said), news.ok)
        if not self._live and news.step in _TOLD:
            self._lines.heard(news)

    def screen(self) -> AbstractContextManager[Live | None]:
        """While in force, `draw` draws."""
        if not self._live:
            return nullcontext()
        from rich.live import Live

        return Live(auto_refresh=False)

    async def draw(self, store: SqlStore, screen: Live | None) -> None:
        """Show how things stand now."""
        if screen is not None:
            screen.update(self._picture(await store.facts(), self._tenant.now()), refresh=True)

    def _picture(self, found: Sequence[Facts], now: datetime) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("rotation", "state", "secrets", "next", "last"):
            table.add_column(title, no_wrap=title != "last")
        room = _room_for_last(found)
        for facts in found:
            text, ok = self._last.get(facts.rotation.name, ("", None))
            state = state_of(facts)
            table.add_row(
                facts.rotation.name,
                Text(state, style=_STATES.get(state, "")),
                _bars(facts, now),
                far(next_rotation_at(facts), now),
                Text(shorten(text, room), style={True: "green", False: "red", None: ""}[ok]),
            )
        counts = "  ".join(f"{what} {count}" for what, count in self._counts.items())
        troubles = [
            Text(f"{facts.rotation.name}: {facts.standing.message}", style="red")
            for facts in found
            if state_of(facts) == "failed"
        ]
        return Group(Text(f"{now:%a %Y-%m-%d %H:%M}Z   {counts}", style="bold"), table, Text(""), *troubles)


def _room_for_last(found: Sequence[Facts]) -> int:
    """What the other columns leave of a line: a row that wraps would make the table jump."""
    longest = max((len(facts.rotation.name) for facts in found), default=0)
    others = longest + len("rotating") + _MOST_BARS * (_BAR + 1) + len("119m ago") + 4 * 2
    return max(10, shutil.get_terminal_size().columns - others)


def shorten(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _bars(facts: Facts, now: datetime) -> Text:
    """One bar for each secret: how much of its life is left. Green is in use, yellow new, magenta on its way out."""
    from rich.text import Text

    bars = Text()
    for credential in shown_credentials(facts)[:_MOST_BARS]:
        left = round(_BAR * _left(credential, now))
        style = _COLOURS.get(credential.state, "")
        bars.append("█" * left, style=style)
        bars.append("░" * (_BAR - left) + " ", style=f"dim {style}")
    return bars


def _left(credential: Credential, now: datetime) -> float:
    """From 1 when it begins to 0 at its end; of one that is retiring, until it is to be revoked."""
    end = credential.revoke_at or credential.expires_at
    begin = credential.retired_at or credential.starts_at
    whole = (end - begin).total_seconds()
    return min(1.0, max(0.0, (end - now).total_seconds() / whole)) if whole > 0 else 0.0
