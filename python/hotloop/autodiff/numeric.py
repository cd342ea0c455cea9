"""What rules compute with: the core's functions for float32 and float64 arrays, NumPy's for others.

A rule that calls nothing else is recorded whole by a `Plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff.rule import Array, quiet

# The characters of float32 and float64.
CORE = "fd"


def _one(of_core: Callable[..., Any], of_numpy: Callable[..., Any]) -> Callable[[Array], Array]:
    others = quiet(of_numpy)

    def call(x: Array) -> Array:
        if x.dtype.char in CORE:
            y: Array = of_core(x)
            return y
        return np.asarray(others(x))

    return call


def _two(
    of_core: Callable[..., Any], of_numpy: Callable[..., Any]
) -> Callable[[Array, Array], Array]:
    others = quiet(of_numpy)

    def call(a: Array, b: Array) -> Array:
        if a.dtype.char in CORE and b.dtype.char in CORE:
            y: Array = of_core(a, b)
            return y
        return np.asarray(others(a, b))

    return call


_CONSTANTS: dict[tuple[float, str], Array] = {}


def constant(value: float, like: Array) -> Array:
    """Return a number as an array of the dtype of `like`; one for each dtype."""
    key = value, like.dtype.char
    found = _CONSTANTS.get(key)
    if found is None:
        found = _CONSTANTS[key] = np.asarray(value, like.dtype)
        found.flags.writeable = False
    return found


add = _two(_core.add, np.add)
subtract = _two(_core.subtract, np.subtract)
multiply = _two(_core.multiply, np.multiply)
divide = _two(_core.divide, np.divide)
power = _two(_core.power, np.power)
maximum = _two(_core.maximum, np.maximum)
minimum = _two(_core.minimum, np.minimum)
equal = _two(_core.equal, np.equal)
not_equal = _two(_core.not_equal, np.not_equal)
less = _two(_core.less, np.less)
less_equal = _two(_core.less_equal, np.less_equal)
greater = _two(_core.greater, np.greater)
greater_equal = _two(_core.greater_equal, np.greater_equal)

absolute = _one(_core.absolute, np.abs)
negative = _one(_core.negative, np.negative)
sign = _one(_core.sign, np.sign)
square = _one(_core.square, np.square)
exp = _one(_core.exp, np.exp)
expm1 = _one(_core.expm1, np.expm1)
log = _one(_core.log, np.log)
log1p = _one(_core.log1p, np.log1p)
sqrt = _one(_core.sqrt, np.sqrt)
rsqrt = _one(_core.rsqrt, lambda x: 1 / np.sqrt(x))
reciprocal = _one(_core.reciprocal, lambda x: 1 / x)
softplus = _one(_core.softplus, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
sin = _one(_core.sin, np.sin)
cos = _one(_core.cos, np.cos)
floor = _one(_core.floor, np.floor)
ceil = _one(_core.ceil, np.ceil)
rint = _one(_core.rint, np.rint)


def where(condition: Array, a: Array, b: Array) -> Array:
    """Return `a` where the condition holds, else `b`."""
    if a.dtype.char in CORE and b.dtype.char in CORE:
        return _core.where(condition, a, b)
    return np.asarray(np.where(condition, a, b))


def total(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Array:
    """Return the sum over axes."""
    if x.dtype.char in CORE:
        return _core.sum(x, axes, keepdims)
    return np.asarray(x.sum(axis=axes, keepdims=keepdims, dtype=x.dtype))


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Return zeros of the dtype of `like`, that a plan knows as its own."""
    return _core.filled(like, shape)


def copy(x: Array) -> Array:
    """Return a contiguous copy."""
    return _core.copy(x) if x.dtype.itemsize <= 8 else np.array(x)


def contiguous(x: Array) -> Array:
    """Return `x`, or a copy whose elements lie in a row."""
    return x if x.flags.c_contiguous else copy(x)


def spread(x: Array, shape: tuple[int, ...]) -> Array:
    """Return `x` broadcast to a shape: a view."""
    return x if x.shape == shape else np.broadcast_to(x, shape)


def concatenate(parts: Sequence[Array], axis: int) -> Array:
    """Return arrays of one dtype side by side along an axis."""
    return (
        _core.concatenate(parts, axis)
        if parts[0].dtype.itemsize <= 8
        else np.concatenate(parts, axis)
    )


def copy_into(target: Array, x: Array) -> None:
    """Copy `x` into a view of an array."""
    if target.dtype.itemsize <= 8:
        _core.copy_into(target, x)
    else:
        target[...] = x
