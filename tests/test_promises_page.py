"""docs/promises.md names, for each promise, tests that exist and that the plain command runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "promises.md"
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))))


def marks(function: ast.FunctionDef) -> set[str]:
    """Give the names in the decorators of a test."""
    return {
        node.attr
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
        if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize(("file", "name"), NAMED, ids=str)
def test_a_named_test_exists_and_is_run(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    assert len(found) == 1, f"docs/promises.md names {file}::{name}, which does not exist"
    assert not marks(found[0]) & {"slow", "skip", "xfail"}, f"{file}::{name} is not always run"


def test_every_promise_names_a_test() -> None:
    section = ""
    rows: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| ") and section != "Platforms" and "---" not in line:
            rows.append(line)
    promises = [row for row in rows if not row.endswith("| held by |")]
    assert len(promises) >= 25
    for row in promises:
        assert re.search(r"`[\w/]+\.py::\w+`", row.split("|")[2]), f"no test holds: {row}"
