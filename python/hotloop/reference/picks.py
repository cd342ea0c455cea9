"""Elements by index: picked, added up, summed along an axis, the largest few."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import AnyArray, FloatArray, IntArray

from ._common import Array, promote


def take(x: Array, indices: Array, *, axis: int | None = None) -> AnyArray:
    """Return what lies at places along an axis."""
    return np.asarray(np.take(x, indices, axis=axis))


def take_along_axis(x: Array, indices: Array, *, axis: int | None = -1) -> AnyArray:
    """Return what lies at places along an axis, others in each row."""
    x, index = np.asarray(x), np.asarray(indices)
    return np.take_along_axis(
        x.reshape(-1) if axis is None else x, index, 0 if axis is None else axis
    )


def scatter_add(x: Array, indices: Array, size: int, *, axis: int = 0) -> FloatArray:
    """Return zeros with each row added at its place, in order."""
    rows = np.moveaxis(promote(x), axis, 0)
    y = np.zeros((size, *rows.shape[1:]), rows.dtype)
    np.add.at(y, np.asarray(indices), rows)
    return np.ascontiguousarray(np.moveaxis(y, 0, axis))


def scatter_add_along_axis(x: Array, indices: Array, size: int, *, axis: int = 0) -> FloatArray:
    """Return zeros with each element added at its place, in order."""
    x = promote(x)
    shape = list(x.shape)
    shape[axis] = size
    y: FloatArray = np.zeros(shape, x.dtype)
    place = list(np.indices(x.shape, sparse=True))
    place[axis] = np.asarray(indices)
    np.add.at(y, tuple(place), x)
    return y


def cumsum(x: Array, *, axis: int | None = -1, reverse: bool = False) -> FloatArray:
    """Return the sums of all elements so far."""
    x = promote(x)
    rows, along = (x.reshape(-1), 0) if axis is None else (x, axis)
    if reverse:
        rows = np.flip(rows, along)
    y = np.cumsum(rows, axis=along, dtype=np.result_type(x.dtype, np.float64)).astype(x.dtype)
    return np.ascontiguousarray(np.flip(y, along) if reverse else y)


def top_k(x: Array, k: int, *, largest_first: bool = True) -> tuple[FloatArray, IntArray]:
    """Return the largest few of each row and their places; of equal ones the first, NaN before all."""
    x = promote(x)
    n = x.shape[-1]
    order = np.flip(n - 1 - np.argsort(np.flip(x, -1), axis=-1, kind="stable"), -1)[..., :k]
    order = np.asarray(order if largest_first else np.sort(order, axis=-1), np.int64)
    return np.take_along_axis(x, order, axis=-1), order
