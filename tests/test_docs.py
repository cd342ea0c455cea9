"""The code of the documents runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hotloop import registry

DOCS = Path(__file__).parent.parent / "docs"


def test_the_custom_layer_of_the_docs_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "CUSTOM", dict(registry.CUSTOM))
    parts = re.findall(r"```python\n(.*?)```", (DOCS / "custom_layer.md").read_text(), re.DOTALL)
    assert len(parts) == 5
    names: dict[str, Any] = {"__name__": "docs"}
    for part in parts:
        exec(compile(part, "custom_layer.md", "exec"), names)
    assert names["again"].count_params() == names["model"].count_params() == 129
