"""Sums, products and extremes over axes."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import FloatArray, IntArray

from ._common import Array, promote


def sum(
    x: Array, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> FloatArray:
    """Return the sum over axes."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.asarray(x.sum(axis=axis, keepdims=keepdims))
    return y


def mean(
    x: Array, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> FloatArray:
    """Return the mean over axes."""
    x = promote(x)
    total = x.sum(axis=axis, keepdims=keepdims)
    with np.errstate(all="ignore"):
        y: FloatArray = np.asarray(total / np.ones_like(x).sum(axis=axis, keepdims=keepdims))
    return y


def prod(
    x: Array, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> FloatArray:
    """Return the product over axes."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.asarray(x.prod(axis=axis, keepdims=keepdims))
    return y


def max(
    x: Array, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> FloatArray:
    """Return the largest over axes; NaN where there is one."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.asarray(x.max(axis=axis, keepdims=keepdims))
    return y


def min(
    x: Array, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> FloatArray:
    """Return the smallest over axes; NaN where there is one."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.asarray(x.min(axis=axis, keepdims=keepdims))
    return y


def argmax(x: Array, *, axis: int | None = None, keepdims: bool = False) -> IntArray:
    """Return the place of the largest; of the first NaN."""
    return np.asarray(np.argmax(promote(x), axis=axis, keepdims=keepdims), np.int64)


def argmin(x: Array, *, axis: int | None = None, keepdims: bool = False) -> IntArray:
    """Return the place of the smallest; of the first NaN."""
    return np.asarray(np.argmin(promote(x), axis=axis, keepdims=keepdims), np.int64)
