"""docs/fit.md follows a call of fit by functions that exist, and that such a call runs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl

TOP = Path(__file__).parents[1]
PAGE = (TOP / "docs" / "fit.md").read_text(encoding="utf-8")
NAMES = list(dict.fromkeys(re.findall(r"`([\w/]+\.(?:py|cpp|h))::([\w.]+)`", PAGE)))
PYTHON = [(file, name) for file, name in NAMES if file.endswith(".py")]


def defined(body: list[ast.stmt], inside: str = "") -> Iterator[str]:
    """Yield the dotted names of the functions and classes of a file."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield inside + node.name
            if isinstance(node, ast.ClassDef):
                yield from defined(node.body, f"{inside}{node.name}.")


def test_the_page_names_functions_of_both_halves() -> None:
    assert len(PYTHON) > 25
    assert len(NAMES) - len(PYTHON) > 12


@pytest.mark.parametrize(("file", "name"), NAMES, ids=str)
def test_a_name_of_the_page_exists(file: str, name: str) -> None:
    if file.endswith(".py"):
        package = Path(hl.__file__).parent
        assert name in defined(ast.parse((package / file).read_text(encoding="utf-8")).body)
    else:
        source = (TOP / "cpp" / file).read_text(encoding="utf-8")
        assert re.search(rf"\b{name}(\(|<| \{{)", source)


def test_such_a_fit_runs_the_functions_of_the_page() -> None:
    ran: set[tuple[str, str]] = set()

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            ran.add((frame.f_code.co_filename, frame.f_code.co_name))

    x = np.random.default_rng(0).random((300, 784), np.float32)
    y = np.arange(300) % 10
    sys.setprofile(watch)
    try:
        script = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
        assert script is not None
        exec(script[1].replace("fit(x, y,", "fit(x, y, verbose=0,"), {"x": x, "y": y})
    finally:
        sys.setprofile(None)
    package = Path(hl.__file__).parent
    left = []
    for file, name in PYTHON:
        names = set(defined(ast.parse((package / file).read_text(encoding="utf-8")).body))
        is_class = any(other.startswith(f"{name}.") for other in names)
        called = "__init__" if is_class else name.rpartition(".")[2]
        known = not is_class or f"{name}.__init__" in names
        if known and (str(package / file), called) not in ran:
            left.append((file, name))
    assert not left
