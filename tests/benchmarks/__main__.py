"""Which numbers are wanted? `python -m tests.benchmarks` prints all, with names only those."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time

NAMES = (
    "rotations",
    "azure_cli",
    "starting",
    "idle",
    "lag",
    "store",
    "server",
    "million",
    "nodes",
    "due_lag",
    "reading",
    "rotating_while_read",
    "scraping",
    "dashboard",
    "inventory",
    "destinations",
)


def main(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        sys.stderr.write(f"{', '.join(unknown)}: not one of {', '.join(NAMES)}\n")
        return 2
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    sys.stdout.write(f"{time.strftime('%Y-%m-%d')}, {cores} cores, Python {platform.python_version()}\n")
    for name in wanted or NAMES:
        began = time.perf_counter()
        importlib.import_module(f"tests.benchmarks.{name}").run()
        sys.stdout.write(f"({name}: {time.perf_counter() - began:.0f} s)\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
