"""``scripts/mutate.py`` and ``plants.py`` still find every place that they break; running them takes half an hour."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parent.parent


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, TOP / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


MUTATIONS = script("mutate").MUTATIONS
EDITS = [edit for plant in script("plants").PLANTS for edit in plant.edits]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name.split(":")[0])
def test_its_text_stands_once(mutation: Any) -> None:
    assert (TOP / mutation.file).read_text(encoding="utf-8").count(mutation.text) == 1
    assert mutation.text != mutation.instead


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: Path(e.file).stem)
def test_the_text_of_a_plant_stands_once(edit: Any) -> None:
    assert (TOP / edit.file).read_text(encoding="utf-8").count(edit.text) == 1
    assert edit.text != edit.instead
