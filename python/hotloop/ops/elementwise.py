"""Functions of elements, with broadcasting: arithmetic, comparisons, logic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop.autodiff import elementwise as rules
from hotloop.ops.core import cast, convert_to_tensor, dtype_of, values


def add(x1: Any, x2: Any) -> Any:
    """Return ``x1 + x2``, element by element.

    Parameters
    ----------
    x1, x2 : array_like, Tensor or symbol
        Real numbers whose shapes broadcast.

    Raises
    ------
    ValueError
        When the shapes do not broadcast.

    Examples
    --------
    >>> add([1.0, 2.0], 3.0)
    array([4., 5.], dtype=float32)
    """
    return rules.add(x1, x2)


def subtract(x1: Any, x2: Any) -> Any:
    """Return ``x1 - x2``, element by element."""
    return rules.subtract(x1, x2)


def multiply(x1: Any, x2: Any) -> Any:
    """Return ``x1 * x2``, element by element."""
    return rules.multiply(x1, x2)


def divide(x1: Any, x2: Any) -> Any:
    """Return ``x1 / x2``, element by element; integers give floats."""
    return rules.divide(x1, x2)


true_divide = divide


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """Return ``x1 / x2``, and 0 where `x2` is 0."""
    zero = rules.equal(x2, 0)
    safe = rules.where(zero, 1, x2)
    return rules.where(zero, 0, rules.divide(x1, safe))


def floor_divide(x1: Any, x2: Any) -> Any:
    """Return ``x1 / x2`` rounded down."""
    return rules.floor_divide(x1, x2)


def mod(x1: Any, x2: Any) -> Any:
    """Return the remainder of ``x1 / x2``, with the sign of `x2`."""
    return rules.mod(x1, x2)


def fmod(x1: Any, x2: Any) -> Any:
    """Return the remainder of ``x1 / x2``, with the sign of `x1`."""
    return rules.fmod(x1, x2)


def power(x1: Any, x2: Any) -> Any:
    """Return ``x1 ** x2``, element by element."""
    return rules.power(x1, x2)


def maximum(x1: Any, x2: Any) -> Any:
    """Return the larger of two, element by element; NaN wins."""
    return rules.maximum(x1, x2)


def minimum(x1: Any, x2: Any) -> Any:
    """Return the smaller of two, element by element; NaN wins."""
    return rules.minimum(x1, x2)


def fmax(x1: Any, x2: Any) -> Any:
    """Return the larger of two, element by element; a number wins over NaN."""
    return _or_number(rules.maximum, x1, x2)


def fmin(x1: Any, x2: Any) -> Any:
    """Return the smaller of two, element by element; a number wins over NaN."""
    return _or_number(rules.minimum, x1, x2)


def _or_number(rule: Any, x1: Any, x2: Any) -> Any:
    first = rules.where(rules.isnan(x1), x2, x1)
    second = rules.where(rules.isnan(x2), x1, x2)
    return rule(first, second)


def absolute(x: Any) -> Any:
    """Return the absolute value."""
    return rules.absolute(x)


abs = fabs = absolute


def negative(x: Any) -> Any:
    """Return ``-x``."""
    return rules.negative(x)


def sign(x: Any) -> Any:
    """Return -1, 0 or 1: the sign of each element."""
    return rules.sign(x)


def square(x: Any) -> Any:
    """Return ``x * x``."""
    return rules.square(x)


def sqrt(x: Any) -> Any:
    """Return the square root."""
    return rules.sqrt(x)


def rsqrt(x: Any) -> Any:
    """Return ``1 / sqrt(x)``."""
    return rules.rsqrt(x)


def cbrt(x: Any) -> Any:
    """Return the cube root."""
    return rules.cbrt(x)


def reciprocal(x: Any) -> Any:
    """Return ``1 / x``."""
    return rules.reciprocal(x)


def exp(x: Any) -> Any:
    """Return ``e ** x``."""
    return rules.exp(x)


def exp2(x: Any) -> Any:
    """Return ``2 ** x``."""
    return rules.exp2(x)


def expm1(x: Any) -> Any:
    """Return ``e ** x - 1``, exact near 0."""
    return rules.expm1(x)


def log(x: Any) -> Any:
    """Return the natural logarithm."""
    return rules.log(x)


def log2(x: Any) -> Any:
    """Return the logarithm to base 2."""
    return rules.log2(x)


def log10(x: Any) -> Any:
    """Return the logarithm to base 10."""
    return rules.log10(x)


def log1p(x: Any) -> Any:
    """Return ``log(1 + x)``, exact near 0."""
    return rules.log1p(x)


def logaddexp(x1: Any, x2: Any) -> Any:
    """Return ``log(exp(x1) + exp(x2))`` without overflow."""
    return rules.logaddexp(x1, x2)


def logaddexp2(x1: Any, x2: Any) -> Any:
    """Return ``log2(2 ** x1 + 2 ** x2)`` without overflow."""
    scale = math.log(2.0)
    return rules.divide(
        rules.logaddexp(rules.multiply(x1, scale), rules.multiply(x2, scale)), scale
    )


def sin(x: Any) -> Any:
    """Return the sine of radians."""
    return rules.sin(x)


def cos(x: Any) -> Any:
    """Return the cosine of radians."""
    return rules.cos(x)


def tan(x: Any) -> Any:
    """Return the tangent of radians."""
    return rules.tan(x)


def sinc(x: Any) -> Any:
    """Return ``sin(pi x) / (pi x)``, and 1 at 0."""
    zero = rules.equal(x, 0)
    angle = rules.multiply(rules.where(zero, 1.0, x), math.pi)
    return rules.where(zero, 1.0, rules.divide(rules.sin(angle), angle))


def arcsin(x: Any) -> Any:
    """Return the inverse of the sine."""
    return rules.arcsin(x)


def arccos(x: Any) -> Any:
    """Return the inverse of the cosine."""
    return rules.arccos(x)


def arctan(x: Any) -> Any:
    """Return the inverse of the tangent."""
    return rules.arctan(x)


def arctan2(x1: Any, x2: Any) -> Any:
    """Return the angle of the point ``(x2, x1)``."""
    return rules.arctan2(x1, x2)


def sinh(x: Any) -> Any:
    """Return the hyperbolic sine."""
    return rules.sinh(x)


def cosh(x: Any) -> Any:
    """Return the hyperbolic cosine."""
    return rules.cosh(x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return rules.tanh(x)


def arcsinh(x: Any) -> Any:
    """Return the inverse of the hyperbolic sine."""
    return rules.arcsinh(x)


def arccosh(x: Any) -> Any:
    """Return the inverse of the hyperbolic cosine."""
    return rules.arccosh(x)


def arctanh(x: Any) -> Any:
    """Return the inverse of the hyperbolic tangent."""
    return rules.arctanh(x)


def erf(x: Any) -> Any:
    """Return the error function."""
    return rules.erf(x)


def erfc(x: Any) -> Any:
    """Return ``1 - erf(x)``."""
    return rules.subtract(1.0, rules.erf(x))


def erfinv(x: Any) -> Any:
    """Return the inverse of `erf`."""
    return rules.erfinv(x)


def i0(x: Any) -> Any:
    """Return the modified Bessel function of order 0, ``sum_k (x / 2) ** 2k / k! ** 2``."""
    return rules.i0(x)


def hypot(x1: Any, x2: Any) -> Any:
    """Return ``sqrt(x1 ** 2 + x2 ** 2)``."""
    return rules.sqrt(rules.add(rules.square(x1), rules.square(x2)))


def deg2rad(x: Any) -> Any:
    """Return degrees as radians."""
    return rules.multiply(_float(x), math.pi / 180.0)


def rad2deg(x: Any) -> Any:
    """Return radians as degrees."""
    return rules.multiply(_float(x), 180.0 / math.pi)


def _float(x: Any) -> Any:
    return x if dtype_of(x).startswith("float") else cast(x, "float32")


def floor(x: Any) -> Any:
    """Return the largest whole number that is not larger."""
    return rules.floor(x)


def ceil(x: Any) -> Any:
    """Return the smallest whole number that is not smaller."""
    return rules.ceil(x)


def trunc(x: Any) -> Any:
    """Return `x` without its fraction."""
    return rules.trunc(x)


def round(x: Any, decimals: int = 0) -> Any:
    """Return `x` rounded to `decimals` digits, halves to even."""
    if decimals == 0:
        return rules.rint(x)
    scale = 10.0**decimals
    return rules.divide(rules.rint(rules.multiply(x, scale)), scale)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Return `x` with what is below `x_min` or above `x_max` moved there."""
    return rules.clip(x, x_min, x_max)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Return elements of `x1` where `condition` is true, else of `x2`; without both, the places."""
    if x1 is None and x2 is None:
        return tuple(np.asarray(part, dtype=np.int32) for part in np.nonzero(values(condition)))
    if x1 is None or x2 is None:
        msg = "where: takes both x1 and x2, or neither"
        raise ValueError(msg)
    return rules.where(condition, x1, x2)


def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """Return `x` with NaN, and infinities, replaced by numbers."""
    x = convert_to_tensor(x)
    kind = dtype_of(x)
    if not kind.startswith("float"):
        return x
    limits = np.finfo(kind)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    y = rules.where(rules.isnan(x), nan, x)
    y = rules.where(rules.equal(y, math.inf), high, y)
    return rules.where(rules.equal(y, -math.inf), low, y)


def heaviside(x1: Any, x2: Any) -> Any:
    """Return 0 below 0, `x2` at 0 and 1 above it."""
    return rules.where(rules.equal(x1, 0), x2, rules.where(rules.less(x1, 0), 0.0, 1.0))


def ldexp(x1: Any, x2: Any) -> Any:
    """Return ``x1 * 2 ** x2``."""
    return rules.multiply(x1, rules.exp2(x2))


def equal(x1: Any, x2: Any) -> Any:
    """Return where elements are equal."""
    return rules.equal(x1, x2)


def not_equal(x1: Any, x2: Any) -> Any:
    """Return where elements differ."""
    return rules.not_equal(x1, x2)


def less(x1: Any, x2: Any) -> Any:
    """Return where ``x1 < x2``."""
    return rules.less(x1, x2)


def less_equal(x1: Any, x2: Any) -> Any:
    """Return where ``x1 <= x2``."""
    return rules.less_equal(x1, x2)


def greater(x1: Any, x2: Any) -> Any:
    """Return where ``x1 > x2``."""
    return rules.greater(x1, x2)


def greater_equal(x1: Any, x2: Any) -> Any:
    """Return where ``x1 >= x2``."""
    return rules.greater_equal(x1, x2)


def logical_and(x1: Any, x2: Any) -> Any:
    """Return where both are true."""
    return rules.logical_and(x1, x2)


def logical_or(x1: Any, x2: Any) -> Any:
    """Return where one is true, or both."""
    return rules.logical_or(x1, x2)


def logical_xor(x1: Any, x2: Any) -> Any:
    """Return where exactly one is true."""
    return rules.logical_xor(x1, x2)


def logical_not(x: Any) -> Any:
    """Return where `x` is false."""
    return rules.logical_not(x)


def isnan(x: Any) -> Any:
    """Return where elements are NaN."""
    return rules.isnan(x)


def isinf(x: Any) -> Any:
    """Return where elements are infinite."""
    return rules.isinf(x)


def isfinite(x: Any) -> Any:
    """Return where elements are neither NaN nor infinite."""
    return rules.isfinite(x)


def isposinf(x: Any) -> Any:
    """Return where elements are plus infinity."""
    return rules.equal(x, math.inf)


def isneginf(x: Any) -> Any:
    """Return where elements are minus infinity."""
    return rules.equal(x, -math.inf)


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Return where ``|x1 - x2| <= atol + rtol |x2|``."""
    near = rules.less_equal(
        rules.absolute(rules.subtract(x1, x2)),
        rules.add(rules.multiply(rules.absolute(x2), rtol), atol),
    )
    near = rules.logical_and(near, rules.isfinite(x2))
    near = rules.logical_or(near, rules.equal(x1, x2))
    if equal_nan:
        near = rules.logical_or(near, rules.logical_and(rules.isnan(x1), rules.isnan(x2)))
    return near


def signbit(x: Any) -> Any:
    """Return where the sign bit is set."""
    return rules.signbit(x)


def isreal(x: Any) -> Any:
    """Return where elements are real numbers: everywhere."""
    return rules.isreal(x)


def real(x: Any) -> Any:
    """Return the real part, which is `x`."""
    return convert_to_tensor(x)


def imag(x: Any) -> Any:
    """Return the imaginary part: zeros."""
    return rules.cast(rules.greater(x, math.inf), dtype=dtype_of(x))


def angle(x: Any) -> Any:
    """Return 0 where `x` is positive, else pi."""
    x = _float(x)
    return rules.where(rules.signbit(x), math.pi, imag(x))


conj = conjugate = real
