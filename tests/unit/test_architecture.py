"""The structure of the program: imports go downwards, planning is pure, files are small."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installed import CHECKOUT

# From the top down. A part may import from the lines below its own; those of one line don't know each other.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("demo",),
    ("daemon",),
    ("link",),
    ("db", "throwaway"),
    ("plan",),
    ("packs",),
    ("config",),
    ("dsn", "errors", "backoff"),
    ("__init__",),
)
DEPTHS = {part: depth for depth, parts in enumerate(LAYERS) for part in parts}
# Of planning, reading a catalog knows the shape of what it reads, and no more.
FACE_OF_PLAN = "ucrepl.plan.catalog"
# What planning may use: no I/O, no clock, no driver.
PURE = frozenset(
    {
        *("abc", "collections", "contextlib", "dataclasses", "enum", "functools", "graphlib", "heapq", "itertools"),
        *("operator", "re", "string", "textwrap", "types", "typing", "sqlglot", "ucrepl"),
    }
)
IMPURE_CALLS = frozenset({"open", "input", "print", "exec", "eval", "__import__"})
LONGEST_FILE = 600
SKIPPED_FOLDERS = frozenset({".venv", "build", "dist"})

MODULES = sorted((CHECKOUT / "ucrepl").rglob("*.py"))
FILES = sorted(
    path
    for suffix in ("*.py", "*.sql", "*.yaml")
    for path in CHECKOUT.rglob(suffix)
    if SKIPPED_FOLDERS.isdisjoint(path.relative_to(CHECKOUT).parts)
)


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def part_of(path: Path) -> str:
    """The layer's part to which a module belongs: the name below `ucrepl/`."""
    return path.relative_to(CHECKOUT / "ucrepl").parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """All that is imported anywhere in a module, by full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(path: Path, source: str) -> list[str]:
    """What a module imports although it stands above it, beside it, or has no place at all."""
    part = part_of(path)
    found = []
    for name in imports(ast.parse(source)):
        package, _, rest = name.partition(".")
        if package != "ucrepl":
            continue
        other = rest.partition(".")[0]
        if other not in DEPTHS:
            other = "__init__"  # a name of the package itself, such as its version
        hidden = part == "db" and other == "plan" and not name.startswith(FACE_OF_PLAN)
        if other != part and (DEPTHS[other] <= DEPTHS[part] or hidden):
            found.append(name)
    return found


def impurities(source: str) -> list[str]:
    """What a module of the plan may not use."""
    tree = ast.parse(source)
    calls = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return [
        *(name for name in imports(tree) if name.partition(".")[0] not in PURE),
        *(name for name in calls if name in IMPURE_CALLS),
    ]


def test_every_part_has_a_place() -> None:
    assert {part_of(path) for path in MODULES} <= set(DEPTHS)


def test_imports_go_downwards() -> None:
    found = {name_of(path): forbidden(path, path.read_text("utf-8")) for path in MODULES}
    assert {name: what for name, what in found.items() if what} == {}


def test_planning_is_pure() -> None:
    found = {name_of(path): impurities(path.read_text("utf-8")) for path in MODULES if part_of(path) == "plan"}
    assert {name: what for name, what in found.items() if what} == {}


def test_no_file_is_long() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


@pytest.mark.parametrize(
    ("module", "source", "what"),
    [
        ("link/replay.py", "from ucrepl.daemon.notify import ready", ["ucrepl.daemon.notify.ready"]),
        ("link/replay.py", "def f():\n    import ucrepl.cli.main", ["ucrepl.cli.main"]),
        ("db/connect.py", "from ucrepl.throwaway import Server", ["ucrepl.throwaway.Server"]),
        ("db/connect.py", "from ucrepl.plan.write import insert", ["ucrepl.plan.write.insert"]),
        ("plan/build.py", "from ucrepl.db import connect", ["ucrepl.db.connect"]),
        ("errors.py", "from ucrepl.backoff import Backoff", ["ucrepl.backoff.Backoff"]),
        ("db/catalog.py", "from ucrepl.plan.catalog import Table", []),
        ("cli/main.py", "import ucrepl\nfrom ucrepl import __version__\nfrom ucrepl.cli import output", []),
    ],
)
def test_an_import_upwards_is_noticed(module: str, source: str, what: list[str]) -> None:
    assert forbidden(CHECKOUT / "ucrepl" / module, source) == what


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import psycopg", ["psycopg"]),
        ("from time import monotonic", ["time.monotonic"]),
        ("from pathlib import Path", ["pathlib.Path"]),
        ("def f():\n    return open('x')", ["open"]),
        ("from dataclasses import dataclass", []),
    ],
)
def test_an_impure_plan_is_noticed(source: str, what: list[str]) -> None:
    assert impurities(source) == what


def test_a_relative_import_is_noticed() -> None:
    with pytest.raises(AssertionError, match="line 1: a relative import"):
        forbidden(CHECKOUT / "ucrepl" / "plan" / "build.py", "from ..db import connect")
