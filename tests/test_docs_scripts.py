"""The scripts in docs/ run and reach what they promise."""

from __future__ import annotations

import runpy
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl

Array = NDArray[Any]
DOCS = Path(__file__).parent.parent / "docs"


def test_the_script_of_the_readme_is_short() -> None:
    assert len((DOCS / "mnist_993.py").read_text(encoding="utf-8").splitlines()) < 40


@pytest.mark.parametrize("name", ["mnist_993", "mnist_mlp"])
def test_script_runs_on_few_images(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), _ = hl.datasets.digits.load_data()
    big = np.kron(np.minimum(x[:300] * 16, 255).astype(np.uint8), np.ones((1, 3, 3), np.uint8))
    big, y = np.pad(big, ((0, 0), (2, 2), (2, 2))), y[:300]
    monkeypatch.setattr(hl.datasets.mnist, "load_data", lambda: ((big, y), (big, y)))
    names = runpy.run_path(str(DOCS / f"{name}.py"), run_name="__main__")
    assert names["accuracy"] > 0.3  # after some thirty steps; chance is 0.1
    assert names["model"].optimizer.learning_rate < 1e-5


@pytest.mark.slow
@pytest.mark.usefixtures("mnist_data")
def test_convolutions_reach_993() -> None:
    seconds = time.process_time()
    names = runpy.run_path(str(DOCS / "mnist_993.py"), run_name="__main__")
    assert names["accuracy"] >= 0.993
    # Five minutes of both processors of a machine with two.
    assert time.process_time() - seconds < 600
