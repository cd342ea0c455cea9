"""The README's examples run as they are written, and what it promises of its commands holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def test_there_are_three_examples_of_fewer_than_fifteen_lines() -> None:
    examples = blocks("python")
    assert len(examples) == 4
    for example in examples[:3]:
        assert len([line for line in example.splitlines() if line.strip()]) < 15


def test_the_script_for_mnist_is_the_one_in_docs() -> None:
    script = blocks("python")[3]
    assert script == (ROOT / "docs" / "mnist_993.py").read_text(encoding="utf-8")
    assert len(script.splitlines()) < 40


@pytest.mark.parametrize("number", [0, 1], ids=["keras", "by-hand"])
def test_example_runs_and_learns(number: int) -> None:
    names: dict[str, Any] = {}
    exec(compile(blocks("python")[number], f"README.md, example {number}", "exec"), names)
    assert 0.95 <= float(names["accuracy"]) <= 1
    weights = names["model"].get_weights()
    assert all(np.isfinite(w).all() for w in weights)


def test_the_example_with_a_tape_learns() -> None:
    names: dict[str, Any] = {}
    exec(compile(blocks("python")[2], "README.md, example 2", "exec"), names)
    # Twelve seeds ended between .0008 and .0063; a constant has .5.
    assert float(names["loss"]) < 0.03


def test_commands_are_one_line_each_and_stand_alone() -> None:
    train, test = (block.strip() for block in blocks("bash"))
    for command in (train, test):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert train.endswith("&& .venv/bin/hotloop train")
    assert test.endswith("&& .venv/bin/pytest")


def test_links_and_pictures_exist() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t]
    assert "docs/curve.png" in targets
    missing = [t for t in targets if not (ROOT / t).is_file()]
    assert not missing
