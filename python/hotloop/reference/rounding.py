"""Signs, squares, roots and whole numbers, element by element."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array, promote


def absolute(x: Array) -> FloatArray:
    """Return ``|x|``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.abs(x)
    return y


def negative(x: Array) -> FloatArray:
    """Return ``-x``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = -x
    return y


def sign(x: Array) -> FloatArray:
    """Return 1, -1, or the zero that it is."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.sign(x)
    return y


def square(x: Array) -> FloatArray:
    """Return ``x * x``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = x * x
    return y


def reciprocal(x: Array) -> FloatArray:
    """Return ``1 / x``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = 1 / x
    return y


def sqrt(x: Array) -> FloatArray:
    """Return ``x ** 0.5``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.sqrt(x)
    return y


def rsqrt(x: Array) -> FloatArray:
    """Return ``x ** -0.5``."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = 1 / np.sqrt(x)
    return y


def floor(x: Array) -> FloatArray:
    """Round down."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.floor(x)
    return y


def ceil(x: Array) -> FloatArray:
    """Round up."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.ceil(x)
    return y


def rint(x: Array) -> FloatArray:
    """Round, halves to even."""
    x = promote(x)
    with np.errstate(all="ignore"):
        y: FloatArray = np.rint(x)
    return y
