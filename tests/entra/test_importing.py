"""Do the SDKs come in without the garbage collector, and only the first time?"""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc
from rotator.entra.importing import uncollected

collected = []
gc.callbacks.append(lambda phase, facts: collected.append(phase))
with uncollected():
    import rotator.entra.opening
    from msgraph.graph_service_client import GraphServiceClient
    assert not collected
assert gc.isenabled()
assert gc.get_freeze_count() > 10_000
with uncollected():
    assert gc.isenabled()
"""


def test_imports_are_collected_neither_meanwhile_nor_later() -> None:
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True)
