"""Comparisons of two arrays, and the choice between them."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import BoolArray, FloatArray

from ._common import Array, promote


def equal(a: Array, b: Array) -> BoolArray:
    """Return ``a == b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: BoolArray = np.asarray(a == b)
    return z


def not_equal(a: Array, b: Array) -> BoolArray:
    """Return ``a != b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: BoolArray = np.asarray(a != b)
    return z


def less(a: Array, b: Array) -> BoolArray:
    """Return ``a < b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: BoolArray = np.asarray(a < b)
    return z


def less_equal(a: Array, b: Array) -> BoolArray:
    """Return ``a <= b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: BoolArray = np.asarray(a <= b)
    return z


def greater(a: Array, b: Array) -> BoolArray:
    """Return ``a > b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: BoolArray = np.asarray(a > b)
    return z


def greater_equal(a: Array, b: Array) -> BoolArray:
    """Return ``a >= b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: BoolArray = np.asarray(a >= b)
    return z


def where(condition: Array, a: Array, b: Array) -> FloatArray:
    """Return ``a`` where the condition holds, else ``b``."""
    a, b = promote(a, b)
    z: FloatArray = np.asarray(np.where(np.asarray(condition) != 0, a, b))
    return z
