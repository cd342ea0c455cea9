"""``scripts/mutate.py`` still finds every place that it breaks; running it takes half an hour."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parent.parent
_SPEC = importlib.util.spec_from_file_location("mutate", TOP / "scripts" / "mutate.py")
assert _SPEC is not None
assert _SPEC.loader is not None
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


@pytest.mark.parametrize("mutation", script.MUTATIONS, ids=lambda m: m.name.split(":")[0])
def test_its_text_stands_once(mutation: Any) -> None:
    assert (TOP / mutation.file).read_text(encoding="utf-8").count(mutation.text) == 1
    assert mutation.text != mutation.instead
