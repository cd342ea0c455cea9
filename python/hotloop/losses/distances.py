"""Losses of values and of distributions: relative, logarithmic, by angle, by divergence."""

from __future__ import annotations

import math
from typing import Any

from hotloop.autodiff import elementwise as e
from hotloop.autodiff.reductions import mean, sum_
from hotloop.losses.formula import EPSILON, FormulaLoss, axis_of, pair


def _mean(x: Any) -> Any:
    return mean(x, axis=-1, keepdims=False)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``100 mean(|t - y| / max(|t|, 1e-7))`` over the last axis.

    Examples
    --------
    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]])
    array([25.])
    """
    t, y = pair(y_true, y_pred)
    return _mean(e.absolute(e.divide(t - y, e.maximum(e.absolute(t), EPSILON)))) * 100.0


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``mean((log(1 + t) - log(1 + y))^2)`` over the last axis; values below 1e-7 are 1e-7.

    Examples
    --------
    >>> mean_squared_logarithmic_error([[0.0]], [[1.0]]).round(6)
    array([0.480453])
    """
    t, y = pair(y_true, y_pred)
    first, second = (e.log(e.maximum(x, EPSILON) + 1.0) for x in (y, t))
    return _mean(e.square(first - second))


def _normalized(x: Any, axis: int) -> Any:
    squares = sum_(e.square(x), axis=axis, keepdims=True)
    return x * e.rsqrt(e.maximum(squares, EPSILON**2))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return ``-sum(t y) / (|t| |y|)`` along an axis: -1 where both point the same way.

    Examples
    --------
    >>> cosine_similarity([[0.0, 2.0], [1.0, 0.0]], [[0.0, 5.0], [0.0, 1.0]])
    array([-1., -0.])
    """
    t, y = pair(y_true, y_pred)
    return -sum_(_normalized(t, axis) * _normalized(y, axis), axis=axis, keepdims=False)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Return ``mean(log(cosh(y - t)))`` over the last axis, without overflow.

    Examples
    --------
    >>> log_cosh([[0.0]], [[1.0]]).round(6)
    array([0.433781])
    """
    t, y = pair(y_true, y_pred)
    d = y - t
    return _mean(d + e.softplus(d * -2.0) - math.log(2.0))


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Return ``sum(t log(t / y))`` over the last axis, both clipped to [1e-7, 1].

    Examples
    --------
    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(6)
    array([0.143841])
    """
    t, y = pair(y_true, y_pred)
    t, y = e.clip(t, EPSILON, 1.0), e.clip(y, EPSILON, 1.0)
    return sum_(t * (e.log(t) - e.log(y)), axis=-1, keepdims=False)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Return ``mean(y - t log(y + 1e-7))`` over the last axis.

    Examples
    --------
    >>> poisson([[1.0, 0.0]], [[1.0, 2.0]]).round(6)
    array([1.5])
    """
    t, y = pair(y_true, y_pred)
    return _mean(y - t * e.log(y + EPSILON))


class MeanAbsolutePercentageError(FormulaLoss, builtin=True):
    """``100 mean(|t - y| / max(|t|, 1e-7))`` over each sample.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]])
    25.0
    """

    _name = "mean_absolute_percentage_error"
    formula = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(FormulaLoss, builtin=True):
    """``mean((log(1 + t) - log(1 + y))^2)`` over each sample.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(MeanSquaredLogarithmicError()([[0.0]], [[1.0]]), 6)
    0.480453
    """

    _name = "mean_squared_logarithmic_error"
    formula = staticmethod(mean_squared_logarithmic_error)


class CosineSimilarity(FormulaLoss, builtin=True):
    """``-sum(t y) / (|t| |y|)``: -1 where targets and outputs point the same way.

    Parameters
    ----------
    axis : int
        Along which both are vectors.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> CosineSimilarity()([[0.0, 2.0], [1.0, 0.0]], [[0.0, 5.0], [0.0, 1.0]])
    -0.5
    """

    _name = "cosine_similarity"
    formula = staticmethod(cosine_similarity)
    options = ("axis",)

    def __init__(
        self,
        axis: int = -1,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis_of("CosineSimilarity", axis)
        if self.axis == 0:
            msg = "CosineSimilarity: axis 0 holds the samples; give the axis of their elements, such as -1"
            raise ValueError(msg)


class LogCosh(FormulaLoss, builtin=True):
    """``mean(log(cosh(y - t)))``: nearly squares for small errors, absolute values for large ones.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(LogCosh()([[0.0]], [[1.0]]), 6)
    0.433781
    """

    _name = "log_cosh"
    formula = staticmethod(log_cosh)


class KLDivergence(FormulaLoss, builtin=True):
    """``sum(t log(t / y))``, how far distributions y are from t (Kullback and Leibler 1951).

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 6)
    0.143841
    """

    _name = "kl_divergence"
    formula = staticmethod(kl_divergence)


class Poisson(FormulaLoss, builtin=True):
    """``mean(y - t log(y + 1e-7))``, for counts t and positive rates y.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(Poisson()([[1.0, 0.0]], [[1.0, 2.0]]), 6)
    1.5
    """

    _name = "poisson"
    formula = staticmethod(poisson)
