"""How is one seed told again? `python -m tests.simulation SEED`, with all of its log or in few troubles."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.shorten import shortest
from tests.simulation.story import DAYS, planned, tell


def main() -> int:
    """Print the account of a seed; the status is 1 when a law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seed", type=int)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--strikes", help="the numbers of the only troubles that shall strike; none: ''")
    parser.add_argument("--whole", action="store_true", help="the whole log")
    parser.add_argument("--shorten", action="store_true", help="look for the fewest troubles that break the law")
    chosen = parser.parse_args()
    plan = planned(chosen.seed, chosen.days)
    strikes = None if chosen.strikes is None else [plan[int(n)] for n in chosen.strikes.split(",") if n]
    account = tell(chosen.seed, days=chosen.days, strikes=strikes)
    if chosen.whole:
        sys.stdout.write("\n".join((*account.log, "")))
    sys.stdout.write(f"{shortest(account) if chosen.shorten else account}\n")
    return 1 if account.broken else 0


sys.exit(main())
