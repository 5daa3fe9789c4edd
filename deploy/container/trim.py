"""What of the installed packages does the image need? Of Graph's SDK the parts that are used; bytecode of the rest.

Run by the Dockerfile in the environment that it makes: python trim.py
The SDK has 16,700 modules, nearly all of them for what is never asked, and the notes of the program that wrote them:
340 MB with bytecode. Bytecode of everything else is kept, for the image's file system is read-only.
"""

from __future__ import annotations

import compileall
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

#: Packages below msgraph/generated that rotator's requests are built by; tests/deploy/test_container.py traces them.
KEPT = frozenset({"applications", "applications_with_app_id", "models", "policies", "service_principals"})
#: The only models that are ever imported.
MODELS = ("password_credential",)
_BYTECODE_OF_GRAPH = (
    "generated/applications",
    "generated/applications_with_app_id",
    "generated/models/o_data_errors",
    "generated/policies",
)


def main() -> None:
    """Trim, compile, and print what came of it."""
    packages = Path(sysconfig.get_path("purelib"))
    before = size(packages)
    trim(packages / "msgraph" / "generated")
    compile_used(packages)
    print(f"{before / 1e6:.0f} MB of packages, trimmed to {size(packages) / 1e6:.0f} MB with bytecode")  # noqa: T201


def trim(generated: Path) -> None:
    """Remove the packages that are not kept, and what is no program; modules beside the packages stay."""
    for path in sorted(generated.iterdir()):
        if path.is_dir() and path.name not in KEPT | {"__pycache__"}:
            shutil.rmtree(path)
        elif path.is_file() and path.suffix != ".py":
            path.unlink()


def compile_used(packages: Path) -> None:
    """Bytecode for all but Graph's SDK, and for what of that is imported."""
    graph = packages / "msgraph"
    others = re.compile(rf"^{re.escape(str(graph))}/generated/|/tests?/")
    compileall.compile_dir(packages, quiet=2, rx=others, workers=0)
    for folder in _BYTECODE_OF_GRAPH:
        compileall.compile_dir(graph / folder, maxlevels=2, quiet=2)
    for path in _single(graph):
        compileall.compile_file(path, quiet=2)


def _single(graph: Path) -> Iterator[Path]:
    yield from (graph / "generated").glob("*.py")
    yield graph / "generated" / "models" / "__init__.py"
    yield from (graph / "generated" / "models" / f"{name}.py" for name in MODELS)


def size(folder: Path) -> int:
    """In bytes, by adding up the files."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
