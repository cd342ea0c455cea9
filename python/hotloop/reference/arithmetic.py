"""Arithmetic of two arrays, with broadcasting."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array, promote


def add(a: Array, b: Array) -> FloatArray:
    """Return ``a + b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: FloatArray = np.asarray(a + b)
    return z


def subtract(a: Array, b: Array) -> FloatArray:
    """Return ``a - b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: FloatArray = np.asarray(a - b)
    return z


def multiply(a: Array, b: Array) -> FloatArray:
    """Return ``a * b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: FloatArray = np.asarray(a * b)
    return z


def divide(a: Array, b: Array) -> FloatArray:
    """Return ``a / b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: FloatArray = np.asarray(a / b)
    return z


def maximum(a: Array, b: Array) -> FloatArray:
    """Return the larger one; NaN where either is NaN."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: FloatArray = np.asarray(np.maximum(a, b))
    return z


def minimum(a: Array, b: Array) -> FloatArray:
    """Return the smaller one; NaN where either is NaN."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: FloatArray = np.asarray(np.minimum(a, b))
    return z


def power(a: Array, b: Array) -> FloatArray:
    """Return ``a ** b``."""
    a, b = promote(a, b)
    with np.errstate(all="ignore"):
        z: FloatArray = np.asarray(np.power(a, b))
    return z
