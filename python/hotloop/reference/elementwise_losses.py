"""Losses of elements: the mean over all, and the gradient by the first argument."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array, promote
from .activations import sigmoid
from .losses import batch_size


def binary_cross_entropy(logits: Array, targets: Array) -> float:
    """``mean(-t log s(x) - (1 - t) log(1 - s(x)))`` with s the sigmoid, over all elements."""
    x, t = promote(logits, targets)
    batch_size(x)
    return float((np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))).mean())


def binary_cross_entropy_backward(logits: Array, targets: Array) -> FloatArray:
    """``(sigmoid(x) - t) / size``."""
    x, t = promote(logits, targets)
    dx: FloatArray = (sigmoid(x) - t) / max(x.size, 1)
    return dx


def mean_squared_error(y: Array, t: Array) -> float:
    """``mean((y - t) ** 2)`` over all elements."""
    y, t = promote(y, t)
    batch_size(y)
    return float(np.square(y - t).mean())


def mean_squared_error_backward(y: Array, t: Array) -> FloatArray:
    """``2 (y - t) / size``."""
    y, t = promote(y, t)
    dy: FloatArray = (y - t) * (2 / max(y.size, 1))
    return dy
