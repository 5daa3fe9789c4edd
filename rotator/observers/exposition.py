"""How is a number written for Prometheus? The text format 0.0.4, kept as text as far as it does not change.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence


def head(name: str, kind: str, about: str) -> str:
    """The two lines that a family begins with; a family stands in one piece."""
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n"


def line(name: str, value: float, labels: Mapping[str, str] | None = None) -> str:
    """One sample."""
    return f"{name}{_braced(labels)} {number(value)}\n"


def number(value: float) -> str:
    """Without an exponent or a fraction that says nothing."""
    whole = int(value)
    return str(whole) if whole == value else f"{value:.3f}"


class Counter:
    """A family of numbers that only grow."""

    def __init__(
        self, name: str, about: str, labels: Sequence[str] = (), *, first: Sequence[Sequence[str]] = ()
    ) -> None:
        """`first`: values of labels that are shown from the start, so that the first increase is seen as one."""
        self._name = name
        self._head = head(name, "counter", about)
        self._labels = tuple(labels)
        self._counts: dict[tuple[str, ...], int] = {tuple(each): 0 for each in first or ([()] if not labels else ())}

    def add(self, *values: str) -> None:
        """One more, for these values of the labels."""
        self._counts[values] = self._counts.get(values, 0) + 1

    def text(self) -> Iterator[str]:
        """The family, line by line."""
        yield self._head
        for values, count in sorted(self._counts.items()):
            yield line(self._name, count, dict(zip(self._labels, values, strict=True)))


class Histogram:
    """A family of spans in seconds, by upper bounds; with at most one label."""

    def __init__(self, name: str, about: str, bounds: Sequence[float], *, label: str = "") -> None:
        self._name = name
        self._head = head(name, "histogram", about)
        self._bounds = tuple(bounds)
        self._label = label
        self._seen: dict[str, tuple[list[int], float]] = {} if label else {"": self._none()}

    def add(self, seconds: float, value: str = "") -> None:
        """One more span, for this value of the label."""
        counts, total = self._seen.get(value) or self._none()
        counts[bisect_left(self._bounds, seconds)] += 1
        self._seen[value] = counts, total + seconds

    def text(self) -> Iterator[str]:
        """The family, line by line."""
        yield self._head
        for value, (counts, total) in sorted(self._seen.items()):
            labels = {self._label: value} if self._label else {}
            sofar = 0
            for bound, count in zip((*map(_bound, self._bounds), "+Inf"), counts, strict=True):
                sofar += count
                yield line(f"{self._name}_bucket", sofar, {**labels, "le": bound})
            yield line(f"{self._name}_sum", total, labels)
            yield line(f"{self._name}_count", sofar, labels)

    def _none(self) -> tuple[list[int], float]:
        return [0] * (len(self._bounds) + 1), 0.0


def _bound(seconds: float) -> str:
    return f"{seconds:g}"


def _braced(labels: Mapping[str, str] | None) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
