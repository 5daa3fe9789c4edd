"""What is configured? The YAML as frozen values, or every mistake at once, one line each."""

from __future__ import annotations

from rotator.config.loading import Configuration, load

__all__ = ["Configuration", "load"]
