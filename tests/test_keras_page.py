"""docs/keras.md: every public name of Keras 3.15 is there, different, or not and why."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest

import hotloop as hl
from hotloop._support.absent import reason

HERE = Path(__file__).parent


def script() -> Any:
    spec = importlib.util.spec_from_file_location(
        "keras_page", HERE.parent / "scripts" / "keras_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


keras_page = script()
FACTS = keras_page.facts()
# Names that are still to come.
PENDING = set((HERE / "keras_pending.txt").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("module", FACTS)
def test_every_name_is_in_a_column(module: str) -> None:
    homeless = []
    for name, taken in FACTS[module].items():
        column, said = keras_page.state(module, name, tuple(taken))
        assert column in ("there", "different", "not")
        if said == "not yet" and f"{module}.{name}" not in PENDING:
            homeless.append(name)
    assert homeless == []


def test_reasons_are_for_names_that_are_not_there() -> None:
    wrong = [
        f"{module}.{name}"
        for module, names in FACTS.items()
        for name in names
        if reason(f"hotloop.{module}", name)
        and hasattr(importlib.import_module(f"hotloop.{module}"), name)
    ]
    assert wrong == []


def test_the_page_names_every_name() -> None:
    text = keras_page.PAGE.read_text(encoding="utf-8")
    assert [n for names in FACTS.values() for n in names if f"`{n}`" not in text] == []
    made = keras_page.page()
    for module, names in FACTS.items():
        assert f"## {module}\n" in made
        row = next(line for line in made.splitlines() if line.startswith(f"| `{module}` |"))
        there, different, missing, of = map(int, row.split("|")[2:6])
        assert there + different + missing == of == len(names)


def test_a_missing_name_answers_with_the_reason() -> None:
    with pytest.raises(
        AttributeError, match=r"'Conv3D': three-dimensional images .* \(docs/keras.md\)"
    ):
        getattr(hl.layers, "Conv" + "3D")
    with pytest.raises(AttributeError, match="'applications': pretrained networks are not shipped"):
        getattr(hl, "applic" + "ations")
    with pytest.raises(AttributeError, match=r"did you mean 'Dense'\?"):
        getattr(hl.layers, "Den" + "s")
