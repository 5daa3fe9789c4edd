"""Which few troubles are enough to break the same law? A failing seed is told again with ever fewer strikes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.simulation.story import Account, planned, tell
from tests.simulation.trouble import Strike

#: So often a story is told again at most, a second or two each.
_MOST_TELLINGS = 60


def shortest(account: Account) -> str:
    """The log that tells why, and the command that tells it again."""
    short = shorten(account)
    plan = planned(account.seed, account.days)
    numbers = ",".join(str(plan.index(strike)) for strike in short.strikes)
    command = f"{account.seed} --days {account.days} --strikes '{numbers}'"
    return f"{short}\nwith: {'; '.join(map(str, short.strikes))}\nagain: .venv/bin/python -m tests.simulation {command}"


def shorten(account: Account) -> Account:
    """The same seed with as few strikes as it takes to break the same law; itself when it broke none."""
    if not account.broken:
        return account
    search = _Search(account)
    size = len(account.strikes)
    while size and search.tellings < _MOST_TELLINGS:
        size = min(size, len(search.best.strikes))
        if not search.drop_some(size):
            size //= 2
    return search.best


class _Search:
    """Leaves out so many strikes at a time, as long as the law is still broken."""

    def __init__(self, account: Account) -> None:
        self.best = account
        self.tellings = 0
        self._law = _law(account)

    def drop_some(self, size: int) -> bool:
        """Try each run of that length, the last ones first; tells whether one could be left out."""
        for start in range(len(self.best.strikes) - size, -1, -size):
            kept = (*self.best.strikes[:start], *self.best.strikes[start + size :])
            if self.tellings < _MOST_TELLINGS and self._breaks(kept):
                return True
        return False

    def _breaks(self, strikes: Sequence[Strike]) -> bool:
        self.tellings += 1
        told = tell(self.best.seed, days=self.best.days, strikes=strikes)
        if _law(told) != self._law:
            return False
        self.best = told
        return True


def _law(account: Account) -> str:
    return account.broken[0].partition(":")[0] if account.broken else ""
