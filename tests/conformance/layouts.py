"""Arrays that are equal and lie otherwise in memory."""

from __future__ import annotations

import numpy as np

from conformance.cases import Array

# What may be changed in place, and what may only be read.
FOR_CHANGED = ("C", "Fortran", "sliced", "negative", "offset by one", "misaligned")
LAYOUTS = (*FOR_CHANGED, "big-endian", "read-only")

# Bytes behind an array that lies in a larger block.
FENCE = 256


def fence_stands(x: Array) -> bool:
    """Tell whether the bytes around an array of ``lay(..., "offset by one")`` are as they were."""
    block = x.base
    if x.size == 0 or block is None or block.size != x.itemsize + x.nbytes + FENCE:
        return x.size == 0
    inside = slice(x.itemsize, x.itemsize + x.nbytes)
    return bool((np.delete(block, inside) == 0xFF).all())


def lay(x: Array, layout: str) -> Array:
    """Copy `x` into a layout."""
    y = _room(x, layout)
    y[...] = x
    if layout == "read-only":
        y.flags.writeable = False
    return y


def _room(x: Array, layout: str) -> Array:
    """Make an array like `x` that is not C-contiguous, aligned or native, or all of it."""
    if x.ndim == 0 and layout in {"sliced", "negative"}:
        return np.empty_like(x)
    if layout == "Fortran":
        return np.empty_like(x, order="F")
    if layout == "sliced":
        wide = np.zeros(tuple(2 * n + 1 for n in x.shape), x.dtype)
        return wide[tuple(slice(1, None, 2) for _ in x.shape)]
    if layout == "negative":
        return np.empty_like(x, order="C")[tuple(slice(None, None, -1) for _ in x.shape)]
    if layout in {"offset by one", "misaligned"}:
        skip = x.itemsize if layout == "offset by one" else 1
        # All around: NaN for a float, so that a number read from there shows.
        raw = np.full(skip + x.nbytes + FENCE, 0xFF, np.uint8)
        return raw[skip : skip + x.nbytes].view(x.dtype).reshape(x.shape)
    if layout == "big-endian":
        return np.empty_like(x, x.dtype.newbyteorder(">"), order="C")
    return np.empty_like(x, order="C")
