"""Does the tree keep the shape that makes it readable? What ruff, mypy and import-linter cannot ask."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rotator"
SOURCES = sorted(PACKAGE.rglob("*.py"))
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
BRANCH = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Match)
#: What holds statements, or is one: no branch stands inside an expression.
BLOCK = (ast.stmt, ast.ExceptHandler, ast.match_case)

#: A library, and the only modules that may import it.
HOMES = {
    "msgraph": r"entra/(directory|graph_\w+)\.py",
    "kiota_*": r"entra/(directory|graph_\w+)\.py",
    "azure.identity": r"entra/login\.py",
    "apscheduler": r"engine/scheduler\.py",
    "boto3": r"destinations/aws_calls\.py",
    "botocore": r"destinations/aws_calls\.py",
    "google": r"destinations/gcp_access\.py",
    "requests": r"destinations/gcp_access\.py",
}
NO_NAME_AT_ALL = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "misc"}
CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns",
}  # fmt: skip
#: What the engine and all it decides by are handed, and never fetch for themselves: a simulated year must replay.
WORLD = {"os.environ", "os.getenv", "os.urandom", "asyncio.sleep", "random", "secrets", "uuid.uuid1", "uuid.uuid4"}
#: The machine of whoever wrote it: (no alternative contains a slash right after another, so this line is no match).
MACHINE = re.compile(r"/(?:root|home/[a-z]+|Users/[A-Za-z]+|tmp|work|opt/wheels)/[\w.]")
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".service", ".cfg", ".ini", ".mako", ""}


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@dataclass(frozen=True, slots=True)
class Read:
    """What the questions below need to know of a module: it is parsed once, and walked once."""

    lines: int
    first: str
    #: Functions that are too long or too deep, in words.
    long: list[str] = field(default_factory=list)
    deep: list[str] = field(default_factory=list)
    #: Every module imported anywhere, and every `module.name` of a from-import.
    imports: set[str] = field(default_factory=set)
    #: The last two names of whatever is dotted (`datetime.now`, also behind `datetime.datetime`).
    dotted: set[str] = field(default_factory=set)

    @property
    def mentions(self) -> set[str]:
        return self.imports | self.dotted


@cache
def read(path: Path) -> Read:
    text = path.read_text("utf-8")
    tree = ast.parse(text, filename=str(path))
    found = Read(len(text.splitlines()), (ast.get_docstring(tree) or "").split("\n\n")[0])
    for node in ast.walk(tree):
        if isinstance(node, FUNCTION):
            measure(node, found)
        elif isinstance(node, ast.Attribute):
            found.dotted.add(f"{last(node.value)}.{node.attr}")
        else:
            found.imports.update(imported(node))
    return found


def measure(function: FUNCTION, found: Read) -> None:
    if length(function) > 40:
        found.long.append(f"{function.name} has {length(function)} lines")
    if depth(function) > 2:
        found.deep.append(f"{function.name} is {depth(function)} deep")


def length(function: FUNCTION) -> int:
    """Lines of signature and body; a docstring is not code."""
    doc = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    lines = (function.end_lineno or 0) - function.lineno + 1
    return lines - ((doc.end_lineno or 0) - doc.lineno + 1 if doc else 0)


def depth(node: ast.AST) -> int:
    """How many branches and loops stand inside one another; `elif` is no deeper than its `if`."""
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return max(1 + max(map(depth, node.body)), depth(node.orelse[0]))
    inner = [depth(child) for child in blocks(node)]
    return isinstance(node, BRANCH) + max(inner, default=0)


def blocks(node: ast.AST) -> Iterator[ast.AST]:
    """What stands directly in it and may hold a branch; functions and classes count for themselves."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, BLOCK) and not isinstance(child, FUNCTION | ast.ClassDef):
            yield child


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def last(node: ast.expr) -> str:
    """The name before the dot, or nothing when what stands there is no name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def is_inside(module: str, library: str) -> bool:
    if library.endswith("*"):
        return module.startswith(library[:-1])
    return module == library or module.startswith(library + ".")


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_is_short_and_says_what_it_answers(path: Path) -> None:
    assert read(path).lines <= 400
    assert read(path).first.rstrip().endswith((".", "?", ":")), (
        "a module starts with one sentence: the question it answers"
    )


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_function_is_short_and_flat(path: Path) -> None:
    assert read(path).long + read(path).deep == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path.stem for path in SOURCES} | {path.name for path in PACKAGE.rglob("*") if path.is_dir()}
    assert names & NO_NAME_AT_ALL == set()


@pytest.mark.parametrize("library", HOMES)
def test_a_library_with_a_home_is_imported_nowhere_else(library: str) -> None:
    strangers = {
        named(path)
        for path in SOURCES
        if not re.fullmatch(HOMES[library], named(path))
        and any(is_inside(module, library) for module in read(path).imports)
    }
    assert strangers == set()


def test_the_clock_is_read_in_one_module() -> None:
    readers = {named(path) for path in SOURCES if read(path).mentions & CLOCKS}
    assert readers == {"clock.py"}


@pytest.mark.parametrize("folder", ["domain", "engine"])
def test_the_engine_fetches_nothing_of_the_world_by_itself(folder: str) -> None:
    fetched = {named(path): read(path).mentions & WORLD for path in (PACKAGE / folder).rglob("*.py")}
    assert {name: found for name, found in fetched.items() if found} == {}


@pytest.mark.parametrize(
    "path",
    [*sorted((PACKAGE / "domain").rglob("*.py")), *PACKAGE.glob("errors.py"), *PACKAGE.glob("ports.py")],
    ids=named,
)
def test_the_domain_stands_on_the_standard_library(path: Path) -> None:
    roots = {module.split(".")[0] for module in read(path).imports}
    assert roots <= sys.stdlib_module_names | {"rotator"}


def test_no_file_tells_on_whose_machine_it_was_written() -> None:
    telling = {
        f"{path.relative_to(ROOT)}:{number}"
        for path in published()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if MACHINE.search(line)
    }
    assert telling == set()


def test_the_requirements_are_pinned_with_hashes_and_name_no_address() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text("utf-8")
        pins = re.findall(r"^[a-z0-9][\w.-]*==\S+", text, re.MULTILINE)
        assert pins
        assert len(re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)) - 1 == len(pins)
        assert all("--hash=sha256:" in block for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:])
        assert not re.search(r"://|--(?:index|extra-index|find-links|trusted)|file:", text)


def published() -> Iterator[Path]:
    """What is in the repository, told without git so that it also holds for an unpacked archive."""
    folders = ("rotator", "tests", "docs", "deploy", "requirements", ".ci")
    inside = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    top = (path for path in ROOT.iterdir() if path.name != ".git")
    for path in (*inside, *top):
        if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
            yield path
