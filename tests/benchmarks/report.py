"""How is a number shown? Ours, the floor or peer measured beside it in the same run, their ratio, and the goal."""

from __future__ import annotations

import operator
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Goal:
    """What a number should be at least, or at most."""

    least: float | None = None
    most: float | None = None

    def verdict(self, number: float) -> str:
        """In two words and the bound."""
        if self.least is not None:
            return self._said(">=", self.least, met=operator.ge(number, self.least))
        assert self.most is not None
        return self._said("<=", self.most, met=operator.le(number, self.most))

    def _said(self, sign: str, bound: float, *, met: bool) -> str:
        return f"{'holds' if met else 'MISSES'} {sign} {bound:g}"


@dataclass(frozen=True, slots=True)
class Line:
    """One number, with what it is compared with and how it compares."""

    what: str
    ours: str
    beside: str = ""
    ratio: float | None = None
    verdict: str = ""

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"{self.what:<52} {self.ours:>10}  {self.beside:<44} {ratio:>5}  {self.verdict}".rstrip()


def show(line: Line) -> None:
    """At once: a whole run takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Spent:
    """Seconds of one run: on the clock, and of processor time with all threads; MiB, where a process was asked."""

    wall: float = 0.0
    processor: float = 0.0
    memory: float = 0.0

    def per(self, count: int) -> Self:
        return type(self)(self.wall / count, self.processor / count)


@contextmanager
def measured() -> Iterator[Spent]:
    """What the block takes."""
    spent, wall, processor = Spent(), time.perf_counter(), time.process_time()
    yield spent
    spent.wall = time.perf_counter() - wall
    spent.processor = time.process_time() - processor


@dataclass(slots=True)
class Runs:
    """Runs of several contestants, taken in turns, so that a neighbour on the machine disturbs all alike."""

    taken: dict[str, list[Spent]] = field(default_factory=dict)

    def add(self, name: str, spent: Spent) -> None:
        self.taken.setdefault(name, []).append(spent)

    def wall(self, name: str) -> float:
        """The median, in seconds."""
        return median(spent.wall for spent in self.taken[name])

    def processor(self, name: str) -> float:
        """The median, in seconds."""
        return median(spent.processor for spent in self.taken[name])

    def faster(self, name: str, other: str) -> float:
        """How fast the one is beside the other: the median over turns of their rates' ratio."""
        return median(b.wall / a.wall for a, b in zip(self.taken[name], self.taken[other], strict=True))

    def thriftier(self, name: str, other: str) -> float:
        """The same for processor time."""
        return median(b.processor / a.processor for a, b in zip(self.taken[name], self.taken[other], strict=True))


def milliseconds(seconds: Sequence[float] | float) -> str:
    """The median of many."""
    value = seconds if isinstance(seconds, (int, float)) else median(seconds)
    return f"{value * 1000:.1f} ms"
