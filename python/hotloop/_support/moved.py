"""Modules under the names that they had before: for imports, and for pickles, which name modules."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from typing import Any

# Old name -> new name, both within hotloop.
MOVED = {
    "cloning": "models.cloning",
    "compiled": "training.trainer",
    "data_loader": "data.data_loader",
    "diagnosis": "training.diagnosis",
    "eager": "engine.eager",
    "evaluating": "training.evaluating",
    "executor": "engine.executor",
    "feed": "training.feed",
    "functional_model": "models.model",
    "indexed": "data.indexed",
    "losses.several": "engine.objective",
    "model": "models.model",
    "own_steps": "training.own_steps",
    "penalties": "engine.penalties",
    "program": "engine.program",
    "several": "training.meter",
    "summary": "models.summary",
    "symbol": "graph.symbol",
    "targets": "data.targets",
    "tracing": "graph.tracing",
    "training_state": "saving.training_state",
    "utils.gradients": "gradcheck.gradients",
    "utils.numerical": "gradcheck.numerical",
    "watched": "_support.watched",
}


def _new_name(name: str) -> str | None:
    """Return where the module of an old name is; ``hotloop.keras`` is the package itself."""
    if name == "hotloop.keras" or name.startswith("hotloop.keras."):
        return f"hotloop{name.removeprefix('hotloop.keras')}"
    moved = MOVED.get(name.removeprefix("hotloop.")) if name.startswith("hotloop.") else None
    return moved and f"hotloop.{moved}"


class _Alias:
    """Puts the module of the new name in the old name's place."""

    def create_module(self, _: ModuleSpec) -> None:
        """Leave it to Python: what it makes lasts until `exec_module`."""

    def exec_module(self, module: Any) -> None:
        sys.modules[module.__name__] = importlib.import_module(str(_new_name(module.__name__)))


class _Finder:
    """Asked first: below ``hotloop.keras`` files would be found, and loaded a second time."""

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        alias: Any = _Alias()
        return ModuleSpec(fullname, alias) if _new_name(fullname) else None


def answer_to_old_names() -> None:
    """Let ``import hotloop.<old name>`` find the module where it is now."""
    if not any(type(finder).__name__ == _Finder.__name__ for finder in sys.meta_path):
        finder: Any = _Finder()
        sys.meta_path.insert(0, finder)
