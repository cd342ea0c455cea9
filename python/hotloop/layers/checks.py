"""What layers and models check: dtypes, weights that are set, shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.data.targets import real_array
from hotloop.graph.layer import LayerLike
from hotloop.parameters import Weight


def check_dtype(dtype: Any) -> str:
    """Return ``"float32"`` or ``"float64"``; anything else is a TypeError."""
    try:
        name = str(np.dtype(dtype).name)
    except (TypeError, ValueError, SyntaxError):  # the last two from NumPy's reading of "f4,,2"
        name = quoted(dtype)
    if name not in ("float32", "float64"):
        msg = f"layers and models compute in float32 or float64, got dtype {name}"
        raise TypeError(msg)
    return name


def assign_all(owner: str, live: Sequence[Weight], values: Sequence[Any]) -> None:
    """Copy `values` into `live`; nothing is written when a count or a shape differs."""
    if not isinstance(values, Iterable):
        msg = f"set_weights: {owner} takes a list of arrays, got {quoted(values)}"
        raise TypeError(msg)
    arrays = [real_array(f"set_weights: {owner}", "each weight", value) for value in values]
    if len(arrays) != len(live):
        msg = f"set_weights: {owner} has {len(live)} weights, got {len(arrays)}"
        raise ValueError(msg)
    for weight, array in zip(live, arrays, strict=True):
        if array.shape != weight.value.shape:
            msg = (
                f"set_weights: {owner}: weight {weight.name!r} has shape {weight.value.shape}, "
                f"got {array.shape}"
            )
            raise ValueError(msg)
    _core.assign([weight.value for weight in live], arrays)


def require_rank(layer: LayerLike, shape: Shape, rank: int, letters: str) -> None:
    """Raise a ValueError when `shape` has not the rank that `letters` describe."""
    if len(shape) != rank:
        msg = (
            f"{type(layer).__name__} {layer.name!r}: input must have {rank} axes {letters}, "
            f"got shape {shape}"
        )
        raise ValueError(msg)


def require_known(layer: LayerLike, shape: Shape, axis: int) -> int:
    """Return the size of `axis`; a ValueError when the shape leaves it open."""
    size = shape[axis]
    if size is None:
        msg = f"{type(layer).__name__} {layer.name!r}: axis {axis} of {shape} must be known"
        raise ValueError(msg)
    return size
