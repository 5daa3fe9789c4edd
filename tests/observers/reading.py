"""How is the answer to a scrape read in a test? As Prometheus does: samples by name and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')


class Samples:
    """The samples of one scrape."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.text = "".join(pieces)
        self._values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for sample in self.text.splitlines():
            if sample.startswith("#"):
                continue
            found = _SAMPLE.fullmatch(sample)
            assert found, sample
            key = found[1], frozenset(_LABEL.findall(found[2] or ""))
            assert key not in self._values, f"told twice: {sample}"
            self._values[key] = float(found[3])

    def value(self, name: str, **labels: str) -> float | None:
        return self._values.get((name, frozenset(labels.items())))

    def of(self, name: str) -> list[Mapping[str, str]]:
        """The labels of all samples of that name."""
        return [dict(labels) for found, labels in self._values if found == name]

    def families(self) -> list[str]:
        return re.findall(r"^# TYPE (\S+)", self.text, re.MULTILINE)
