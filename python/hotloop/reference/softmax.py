"""Softmax and its logarithm, shifted by the maximum so that no exponential overflows."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array, promote


def shifted(x: FloatArray, axis: int) -> FloatArray:
    """``x`` less its maximum along the axis."""
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
        y: FloatArray = x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return y


def softmax(x: Array, axis: int = -1) -> FloatArray:
    """``exp(x) / sum(exp(x))`` along the axis."""
    e = np.exp(shifted(promote(x), axis))
    y: FloatArray = e / e.sum(axis=axis, keepdims=True)
    return y


def softmax_backward(dy: Array, y: Array, axis: int = -1) -> FloatArray:
    """``y * (dy - sum(dy * y))``, the sum along the axis."""
    dy, y = promote(dy, y)
    dx: FloatArray = y * (dy - (dy * y).sum(axis=axis, keepdims=True))
    return dx


def log_softmax(x: Array, axis: int = -1) -> FloatArray:
    """``x - log(sum(exp(x)))`` along the axis."""
    z = shifted(promote(x), axis)
    with np.errstate(divide="ignore"):  # the sum over an empty axis
        y: FloatArray = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return y


def log_softmax_backward(dy: Array, y: Array, axis: int = -1) -> FloatArray:
    """``dy - exp(y) * sum(dy)``, the sum along the axis."""
    dy, y = promote(dy, y)
    dx: FloatArray = dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)
    return dx
