"""Sums, means, maxima and their kind over axes, and running sums."""

from __future__ import annotations

import math
from typing import Any

from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff import reductions as rules
from hotloop.autodiff import shapes as shape_rules
from hotloop.ops.core import cast, ndim
from hotloop.ops.elementwise import _float, isclose


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the sum over axes.

    Parameters
    ----------
    x : array_like, Tensor or symbol
        Real numbers.
    axis : int or sequence of int, optional
        Axes to sum over; all by default.
    keepdims : bool
        Keep them, with size 1.

    Raises
    ------
    ValueError
        For an axis that `x` does not have.

    Examples
    --------
    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.], dtype=float32)
    """
    return rules.sum_(x, axis=axis, keepdims=keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the mean over axes."""
    return rules.mean(x, axis=axis, keepdims=keepdims)


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """Return the mean over axes, each element counting as much as `weights` say."""
    if weights is None:
        return mean(x, axis)
    if ndim(weights) == 1 and ndim(x) > 1 and isinstance(axis, int):
        sizes = [1] * ndim(x)
        sizes[axis] = -1
        weights = shape_rules.reshape(weights, shape=tuple(sizes))
    total = sum(pointwise.multiply(x, weights), axis)
    every = pointwise.multiply(weights, pointwise.add(pointwise.multiply(x, 0), 1))
    return pointwise.divide(total, sum(every, axis))


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Return the maximum over axes."""
    y = rules.max_(x, axis=axis, keepdims=keepdims)
    return y if initial is None else pointwise.maximum(y, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Return the minimum over axes."""
    y = rules.min_(x, axis=axis, keepdims=keepdims)
    return y if initial is None else pointwise.minimum(y, initial)


amax, amin = max, min


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the maximum less the minimum over axes."""
    return pointwise.subtract(max(x, axis, keepdims), min(x, axis, keepdims))


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Return the product over axes."""
    y = rules.prod(x, axis=axis, keepdims=keepdims)
    return y if dtype is None else cast(y, dtype)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the mean squared distance from the mean, over axes."""
    x = _float(x)
    apart = pointwise.subtract(x, rules.mean(x, axis=axis, keepdims=True))
    return rules.mean(pointwise.square(apart), axis=axis, keepdims=keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the square root of the variance, over axes."""
    return pointwise.sqrt(var(x, axis, keepdims))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return ``log(sum(exp(x)))`` over axes, without overflow."""
    return rules.logsumexp(x, axis=axis, keepdims=keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return whether an element is true, over axes."""
    return rules.any_(x, axis=axis, keepdims=keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return whether every element is true, over axes."""
    return rules.all_(x, axis=axis, keepdims=keepdims)


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Return whether all elements are close, as `isclose` says."""
    return all(isclose(x1, x2, rtol, atol, equal_nan))


def count_nonzero(x: Any, axis: Any = None) -> Any:
    """Return how many elements are not 0, over axes."""
    return sum(pointwise.not_equal(x, 0), axis)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the place of the maximum along an axis, the first of equals, as int32."""
    return rules.argmax(x, axis=axis, keepdims=keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the place of the minimum along an axis, the first of equals, as int32."""
    return rules.argmin(x, axis=axis, keepdims=keepdims)


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return running sums along an axis; of all elements in a row for None."""
    return rules.cumsum(x if dtype is None else cast(x, dtype), axis=axis)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return running products along an axis; of all elements in a row for None."""
    return rules.cumprod(x if dtype is None else cast(x, dtype), axis=axis)


def _without_nan(x: Any, value: float) -> Any:
    return pointwise.where(pointwise.isnan(x), value, x)


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the sum over axes, NaN left out."""
    return sum(_without_nan(x, 0.0), axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the product over axes, NaN left out."""
    return prod(_without_nan(x, 1.0), axis, keepdims)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the mean over axes, NaN left out."""
    count = sum(pointwise.logical_not(pointwise.isnan(x)), axis, keepdims)
    return pointwise.divide(nansum(x, axis, keepdims), count)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the variance over axes, NaN left out."""
    apart = pointwise.subtract(x, nanmean(x, axis, keepdims=True))
    return nanmean(pointwise.square(apart), axis, keepdims)


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the standard deviation over axes, NaN left out."""
    return pointwise.sqrt(nanvar(x, axis, keepdims))


def _all_nan(x: Any, axis: Any, keepdims: bool, y: Any) -> Any:
    return pointwise.where(all(pointwise.isnan(x), axis, keepdims), math.nan, y)


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the maximum over axes, NaN left out."""
    return _all_nan(x, axis, keepdims, max(_without_nan(x, -math.inf), axis, keepdims))


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the minimum over axes, NaN left out."""
    return _all_nan(x, axis, keepdims, min(_without_nan(x, math.inf), axis, keepdims))


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the place of the maximum along an axis, NaN left out; -1 where all are NaN."""
    place = argmax(_without_nan(x, -math.inf), axis, keepdims)
    return pointwise.where(all(pointwise.isnan(x), axis, keepdims), -1, place)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the place of the minimum along an axis, NaN left out; -1 where all are NaN."""
    place = argmin(_without_nan(x, math.inf), axis, keepdims)
    return pointwise.where(all(pointwise.isnan(x), axis, keepdims), -1, place)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return running sums along an axis, NaN left out."""
    return cumsum(_without_nan(x, 0.0), axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return running products along an axis, NaN left out."""
    return cumprod(_without_nan(x, 1.0), axis, dtype)
