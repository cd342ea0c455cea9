"""Exponentials, logarithms and their kin, element by element."""

from __future__ import annotations

import math

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array, promote


def exp(x: Array) -> FloatArray:
    """Return ``e ** x``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.exp(x)
    return y


def expm1(x: Array) -> FloatArray:
    """Return ``e ** x - 1``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.expm1(x)
    return y


def log(x: Array) -> FloatArray:
    """Return the natural logarithm."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.log(x)
    return y


def log1p(x: Array) -> FloatArray:
    """Return ``log(1 + x)``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.log1p(x)
    return y


def erf(x: Array) -> FloatArray:
    """Return the error function of the C library, element by element."""
    x = promote(x)
    y: FloatArray = np.reshape([math.erf(v) for v in x.astype(float).flat], x.shape).astype(x.dtype)
    return y


def softplus(x: Array) -> FloatArray:
    """Return ``log(1 + exp(x))``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return y


def silu(x: Array) -> FloatArray:
    """Return ``x * sigmoid(x)``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = x / (1 + np.exp(-x))
    return y


def sin(x: Array) -> FloatArray:
    """Return the sine."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.sin(x)
    return y


def cos(x: Array) -> FloatArray:
    """Return the cosine."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.cos(x)
    return y
