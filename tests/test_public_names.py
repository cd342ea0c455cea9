"""No public name goes: every import that an earlier version allowed works, and its files and pickles load."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl

# One module a paragraph: its name, and indented the names that can be had from it.
LIST = Path(__file__).parent / "public_names.txt"
OLD = Path(__file__).parent / "old_files"


def listed() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    module = ""
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            found[module] += line.split()
        else:
            module = line
            found[module] = []
    return found


PUBLIC = listed()


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_there(module: str) -> None:
    for extra, needed in {"estimators": "sklearn", "plotting": "matplotlib"}.items():
        if module.startswith(f"hotloop.{extra}"):
            pytest.importorskip(needed)
    loaded = importlib.import_module(module)
    lost = [name for name in PUBLIC[module] if not hasattr(loaded, name)]
    assert not lost


def inputs() -> np.ndarray[Any, Any]:
    return np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)


@pytest.mark.parametrize("name", ["sequential", "functional"])
@pytest.mark.parametrize("ending", ["hotloop", "pkl"])
def test_models_of_an_earlier_version_load(name: str, ending: str) -> None:
    """They answer as they did when they were written, and go on training."""
    file = OLD / f"{name}.{ending}"
    model = hl.models.load_model(file) if ending == "hotloop" else pickle.loads(file.read_bytes())
    x, t = inputs(), np.linspace(0, 1, 24, dtype="float32").reshape(8, 3)
    answers = np.asarray(model.predict(x, verbose=0))
    np.testing.assert_allclose(answers, np.load(OLD / f"{name}.npy"), rtol=1e-5, atol=1e-6)
    targets = t if name == "sequential" else [t, t]
    before = model.evaluate(x, targets, verbose=0)[0]
    model.fit(x, targets, epochs=40, verbose=0)
    assert model.evaluate(x, targets, verbose=0)[0] < before
