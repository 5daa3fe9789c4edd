"""Each test of the configuration stands in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.writing import Folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)
