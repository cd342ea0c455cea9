"""Imports of the package run one way: no circle of modules, deferred and typing imports counted.

import-linter holds the order of the rooms (pyproject.toml); it takes ``from hotloop import _core`` for an import of
the package itself, whose own imports it therefore leaves out. Here they count.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import hotloop

PACKAGE = Path(hotloop.__file__).parent
# What stands above the package's face, as a user's program does.
USERS = ("_bench", "cli", "examples", "__main__")
Graph = dict[str, set[str]]  # module -> modules that it imports


def modules_of(package: Path) -> dict[str, Path]:
    """Return every module of a package by its dotted name, compiled ones by their stubs."""
    found = {}
    for path in sorted({*package.rglob("*.py"), *package.rglob("*.pyi")}):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def sources_of(module: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield what each import statement of a file names, wherever it stands, and the names it takes."""
    here = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield source, [alias.name for alias in node.names]


@functools.cache
def graph_of(package: Path) -> Graph:
    """Return who imports whom; what ``import a.b`` runs on its way, ``a/__init__.py``, is not counted."""
    known = modules_of(package)
    graph: Graph = {module: set() for module in known}
    for module, path in known.items():
        for source, names in sources_of(module, path):
            inner = {f"{source}.{name}" for name in names} & set(known)
            attributes = len(inner) < len(names) or not names
            graph[module] |= inner | ({source} & set(known) if attributes else set())
        graph[module].discard(module)
    return graph


def circles_of(graph: Graph) -> list[set[str]]:
    """Return the groups of modules that reach one another."""
    reach = {module: set(others) for module, others in graph.items()}
    for middle in graph:
        for others in reach.values():
            if middle in others:
                others.update(reach[middle])
    groups = {frozenset(m for m in reach[module] if module in reach[m]) for module in graph}
    return [set(group) for group in groups if group]


def test_no_modules_import_each_other() -> None:
    assert circles_of(graph_of(PACKAGE)) == []


def test_no_room_imports_the_package_itself() -> None:
    graph = graph_of(PACKAGE)
    faces = [module for module, others in graph.items() if "hotloop" in others]
    assert [name for name in faces if name.split(".")[1] not in USERS] == []
    assert [name for name in graph["hotloop"] if name.split(".")[1] in USERS] == []


def test_rooms_are_in_no_circle_either() -> None:
    rooms: Graph = {}
    for module, others in graph_of(PACKAGE).items():
        room = ".".join(module.split(".")[:2])
        rooms.setdefault(room, set()).update(".".join(o.split(".")[:2]) for o in others)
        rooms[room].discard(room)
    assert circles_of(rooms) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Through a deferred import, one for types, a relative one, and a name of a package."""
    package = tmp_path / "p"
    for name, text in {
        "__init__": "",
        "a": "def f():\n    from p import b\n",
        "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.inner import c\n",
        "inner/__init__": "from .c import g\n",
        "inner/c": "from .. import a\ng = 1\n",
        "inner/d": "from . import g\n",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    assert circles_of(graph_of(package)) == [{"p.a", "p.b", "p.inner.c"}]
    (package / "inner/c.py").write_text("from p.inner import d\n")
    graph_of.cache_clear()
    assert circles_of(graph_of(package)) == [{"p.inner", "p.inner.c", "p.inner.d"}]
