"""Sigmoid and tanh, and the two that networks only pass through: step and identity."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array, promote


def sigmoid(x: Array) -> FloatArray:
    """``1 / (1 + exp(-x))``; where exp overflows, its reciprocal is the exact limit 0."""
    with np.errstate(over="ignore"):
        y: FloatArray = 1 / (1 + np.exp(-promote(x)))
    return y


def sigmoid_backward(dy: Array, y: Array) -> FloatArray:
    """``dy * y * (1 - y)``."""
    dy, y = promote(dy, y)
    dx: FloatArray = dy * y * (1 - y)
    return dx


def tanh(x: Array) -> FloatArray:
    """Hyperbolic tangent."""
    y: FloatArray = np.tanh(promote(x))
    return y


def tanh_backward(dy: Array, y: Array) -> FloatArray:
    """``dy * (1 - y ** 2)``."""
    dy, y = promote(dy, y)
    dx: FloatArray = dy * (1 - y * y)
    return dx


def step(x: Array) -> FloatArray:
    """1 where ``x > 0``, else 0."""
    x = promote(x)
    y: FloatArray = (x > 0).astype(x.dtype)
    return y


def identity(x: Array) -> FloatArray:
    """Return a copy of x."""
    y: FloatArray = promote(x).copy()
    return y
