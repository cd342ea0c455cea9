"""Every row of docs/pytorch.md: names that are there, names that are not, lines that are true, scripts that run."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotloop import torch, torchvision
from test_torch_scripts import ARGUMENTS

PAGE = (Path(__file__).parent.parent / "docs" / "pytorch.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """Return the rows of the table under a title."""
    part = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def names(title: str) -> list[tuple[str, str]]:
    return [
        (module.strip("`"), name)
        for module, cell in rows(title)
        for name in cell.strip("`").split()
    ]


def holds(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(f"hotloop.{module}"), name)


def raises(call: Callable[[], Any], kind: type[BaseException] = RuntimeError) -> bool:
    with pytest.raises(kind):
        call()
    return True


def test_the_names_that_are_there() -> None:
    found = names("What is there")
    assert len(found) > 180
    assert [pair for pair in found if not holds(*pair)] == []


def test_the_names_that_are_not() -> None:
    found = names("What is not there")
    assert len(found) > 12
    assert [pair for pair in found if holds(*pair)] == []


@pytest.mark.parametrize(
    "row", rows("What differs"), ids=lambda row: re.sub(r"\W+", "-", row[0])[:40]
)
def test_what_differs(row: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert eval(row[1].strip("`"), {"torch": torch, "torchvision": torchvision, "raises": raises})


def test_the_scripts() -> None:
    assert sorted(name.strip("`") for name, _ in rows("Scripts that run unchanged")) == sorted(
        ARGUMENTS
    )
