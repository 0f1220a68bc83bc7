"""The laws of the house that imports show: a pure core, and arrows that point one way."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mishkah

HOUSE = Path(mishkah.__file__).parent
CORE = sorted((HOUSE / "core").glob("*.py"))
FILES = sorted(HOUSE.rglob("*.py"))

WORLDLY = {
    "asyncio", "builtins", "ctypes", "fcntl", "io", "logging", "mmap", "multiprocessing", "os",
    "pathlib", "random", "resource", "secrets", "select", "selectors", "shutil", "signal", "socket",
    "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
"""What of the standard library brings files, clocks, chance or tasks."""

LOOKS_AT_THE_WORLD = {"now", "utcnow", "today", "open", "input", "print", "getenv", "read_text",
                      "read_bytes", "write_text", "write_bytes", "eval", "exec"}  # fmt: skip


def imports(file: Path) -> Iterator[str]:
    """Yield the full names that *file* imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name):
                yield node.lineno, function.id
            elif isinstance(function, ast.Attribute):
                yield node.lineno, function.attr


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(HOUSE).with_suffix("").parts)


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_the_core_imports_nothing_of_the_world(file: Path) -> None:
    for name in imports(file):
        top = name.partition(".")[0]
        pure = top in sys.stdlib_module_names and top not in WORLDLY
        assert pure or top == "msgspec" or name.startswith("mishkah.core."), f"{file}: {name}"


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_the_core_looks_at_no_clock_and_no_file(file: Path) -> None:
    allowed = {"exec"} if file.name == "straight.py" else set()  # what it has just written
    for line, name in calls(file):
        assert name not in LOOKS_AT_THE_WORLD - allowed, f"{file}:{line}: {name}()"


PURE_CLIENT = [HOUSE / "client" / f"{name}.py" for name in (
    "belongs", "errors", "greeting", "heard", "machine", "outbox", "overlay", "replica", "screen",
)]  # fmt: skip


@pytest.mark.parametrize("file", PURE_CLIENT, ids=name_of)
def test_the_clients_core_is_as_pure(file: Path) -> None:
    for name in imports(file):
        top = name.partition(".")[0]
        pure = top in sys.stdlib_module_names and top not in WORLDLY
        ours = name.startswith("mishkah.core.") or name.rpartition(".")[0] in {
            f"mishkah.client.{one.stem}" for one in PURE_CLIENT
        }
        assert pure or top == "msgspec" or ours, f"{file}: {name}"
    assert not any(name in LOOKS_AT_THE_WORLD for _, name in calls(file))


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_nothing_in_the_core_waits(file: Path) -> None:
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not any(isinstance(node, waits) for node in ast.walk(ast.parse(file.read_text("utf-8"))))


FORBIDDEN = {
    "store": ["session", "http", "sqlite", "house", "app", "catalog", "plugins", "keeper",
              "jsonfile"],
    "session": ["sqlite", "core.state", "core.draft", "core.transact", "core.schema", "core.commit",
                "journal", "catalog", "house", "http"],
    "rates": ["store", "session", "talk", "feed", "journal", "http", "sqlite", "catalog", "house"],
    "pace": ["limits", "rates", "session", "http", "house"],
    "feed": ["store", "session", "journal", "http", "sqlite", "core.state", "core.commit"],
    "journal": ["store", "session", "http", "sqlite", "feed", "catalog"],
    "sqlite.": ["store", "session", "http", "feed", "catalog", "house", "keeper", "plugins"],
    "http.": ["store", "session", "sqlite", "journal", "catalog", "house", "keeper", "core.state",
              "site", "rest"],
    "site.": ["session", "sqlite", "journal", "house", "core.state", "core.transact"],
    "rest.": ["store", "session", "sqlite", "house", "core.state", "core.transact"],
    "identity.": ["store", "session", "sqlite", "house", "app", "catalog", "plugins", "site",
                  "rest"],
    "asking": ["store", "session", "http", "sqlite", "house", "catalog", "keeper", "site", "rest"],
    "reader": ["store", "session", "http", "sqlite", "feed", "catalog", "journal"],
    "keeper": ["session", "http", "sqlite", "house", "catalog", "plugins"],
    "client.": ["store", "session", "talk", "feed", "showing", "journal", "sqlite", "http",
                "catalog", "house", "keeper", "plugins", "testing", "core.state", "core.draft",
                "core.transact"],
    "plugins": ["store", "session", "journal", "sqlite", "http", "catalog", "house", "keeper"],
    "hookspecs": ["store", "session", "journal", "sqlite", "http", "catalog", "house", "keeper"],
    "catalog": ["session", "http", "sqlite", "house", "app"],
    "house": ["sqlite", "app", "cli"],
    "jsonfile": ["store", "session", "journal", "sqlite", "http", "catalog", "house", "plugins"],
    "lock": ["store", "session", "journal", "sqlite", "http", "catalog", "house", "plugins"],
}  # fmt: skip
"""A file, or a folder with its dot, → what of mishkah it never imports."""

ARROWS = [(FILE, no) for FILE, all_no in FORBIDDEN.items() for no in all_no]


@pytest.mark.parametrize(("name", "never"), ARROWS, ids=lambda text: str(text))
def test_arrows_point_one_way(name: str, never: str) -> None:
    files = [
        f for f in FILES if name_of(f) == name or (name[-1] == "." and name_of(f).startswith(name))
    ]
    assert files, f"there is no {name} any more: this table is old"
    target = f"mishkah.{never}"
    for file in files:
        for imported in imports(file):
            assert not f"{imported}.".startswith(f"{target}."), f"{file}: {imported}"


@pytest.mark.parametrize(
    ("target", "importers"),
    [("app", {"cli", "testing"}), ("house", {"app", "cli", "testing"}), ("cli", {"__main__"}),
     ("testing", set())],
)  # fmt: skip
def test_the_roof_is_imported_by_the_roof_alone(target: str, importers: set[str]) -> None:
    for file in FILES:
        if any(f"{name}.".startswith(f"mishkah.{target}.") for name in imports(file)):
            top = name_of(file).partition(".")[0]
            assert top in importers | {target}, f"{file} imports {target}"
