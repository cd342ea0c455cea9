"""Keras itself, on PyTorch: the definition that losses and metrics are held to."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest


def keras() -> Any:
    """Return the keras module, or skip with a line that says what is missing."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("torch", "keras"):
            pytest.importorskip(name, reason=f"needs {name}, the definition to compare with")
        import keras as module  # noqa: PLC0415 - an extra, and slow to import
    return module


def as_numpy(value: Any) -> Any:
    """Return a tensor of any backend as an array."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
