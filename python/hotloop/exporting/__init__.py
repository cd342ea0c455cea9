"""Models as files that need no hotloop: one of C99, one of NumPy, and ONNX."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hotloop._support.atomic import atomic_open
from hotloop._support.quoting import quoted
from hotloop.exporting.c_source import c_source
from hotloop.exporting.numpy_source import numpy_source

_SOURCES: dict[str, Callable[[Any], str]] = {".c": c_source, ".py": numpy_source}


def export_model(model: Any, filepath: str | os.PathLike[str]) -> None:
    """Write `model` for use without hotloop; see `Model.export`."""
    path = Path(filepath)
    source = _SOURCES.get(path.suffix)
    if source is None:
        msg = f"export: the file's name must end in {', '.join(_SOURCES)}, got {quoted(path.name)}"
        raise ValueError(msg)
    with model._trainer.step_lock:
        text = source(model)
    with atomic_open(path) as file:
        file.write(text.encode())


__all__ = ["export_model"]
