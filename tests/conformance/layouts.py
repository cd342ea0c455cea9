"""Arrays that are equal and lie otherwise in memory."""

from __future__ import annotations

import numpy as np

from conformance.cases import Array

# What may be changed in place, and what may only be read.
FOR_CHANGED = ("C", "Fortran", "sliced", "negative", "offset by one", "misaligned")
LAYOUTS = (*FOR_CHANGED, "big-endian", "read-only")


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
        raw = np.zeros(x.nbytes + skip, np.uint8)
        return raw[skip:].view(x.dtype).reshape(x.shape)
    if layout == "big-endian":
        return np.empty_like(x, x.dtype.newbyteorder(">"), order="C")
    return np.empty_like(x, order="C")
