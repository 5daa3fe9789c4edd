"""When are the tests against real servers run? Only when asked: `make test-peers` sets ROTATOR_TEST_PEERS."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("ROTATOR_TEST_PEERS") else ["*"]
