"""How fast, and how light? Numbers beside floors measured in the same run; `python -m tests.benchmarks [NAME...]`."""
