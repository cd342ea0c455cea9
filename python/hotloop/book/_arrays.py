"""Which arrays the compiled core takes here, and how their images lie in memory."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "channels_last",
    "channels_last_kernel",
    "compiled",
    "images",
    "lies_channels_last",
]

Array: TypeAlias = NDArray[Any]
_COMPILED = (np.dtype(np.float64), np.dtype(np.float32))


def compiled(*values: Any) -> bool:
    """Say whether each of `values` is an array with axes, of float32 or float64: what the kernels take.

    All else (integers, float16, scalars, lists) is left to NumPy, whose promotion the book relies on.
    """
    for value in values:
        if not (isinstance(value, np.ndarray) and value.ndim and value.dtype in _COMPILED):
            return False
    return True


def lies_channels_last(x: Array) -> bool:
    """Say whether the bytes of `x`, (N, C, H, W), are those of a contiguous (N, H, W, C)."""
    return x.transpose(0, 2, 3, 1).flags.c_contiguous


def channels_last(x: Array, dtype: Any = None) -> Array:
    """Turn (N, C, H, W) into contiguous (N, H, W, C): a view of what a layer here made, else a copy."""
    n, c, h, w = x.shape
    turned = x.reshape(n, h, w, c) if c == 1 else x.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(turned, dtype)


def channels_last_kernel(w: Array, dtype: Any = None) -> Array:
    """Copy (O, C, KH, KW) as (KH, KW, C, O), the order that the kernels work in."""
    return np.ascontiguousarray(w.transpose(2, 3, 1, 0), dtype)


def images(x: Array) -> Array:
    """View (N, H, W, C) as the (N, C, H, W) of the book."""
    return x.transpose(0, 3, 1, 2)
