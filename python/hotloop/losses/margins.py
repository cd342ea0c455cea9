"""Losses with a margin, hinges and circle, and losses of overlap, for pictures cut into regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import number
from hotloop.autodiff import elementwise as e
from hotloop.autodiff.linalg import matmul
from hotloop.autodiff.reductions import logsumexp, max_, mean, sum_
from hotloop.autodiff.shapes import transpose
from hotloop.data.targets import as_ids, real_array
from hotloop.losses.formula import EPSILON, CoupledLoss, FormulaLoss, axis_of, outputs, pair

Array = NDArray[Any]
# Stands for minus infinity where a gradient must stay finite.
_LEAST = -1e30


def _signs(t: Any) -> Any:
    """Return targets -1 and 1 for 0 and 1; all others as they are."""
    values = np.asarray(t)
    return t * 2.0 - 1.0 if bool(((values == 0) | (values == 1)).all()) else t


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``mean(max(1 - t y, 0))`` over the last axis; targets 0 and 1 stand for -1 and 1.

    Examples
    --------
    >>> hinge([[1.0, -1.0]], [[0.5, -2.0]])
    array([0.25])
    """
    t, y = pair(y_true, y_pred)
    return mean(e.maximum(1.0 - _signs(t) * y, 0.0), axis=-1, keepdims=False)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``mean(max(1 - t y, 0)^2)`` over the last axis; targets 0 and 1 stand for -1 and 1.

    Examples
    --------
    >>> squared_hinge([[1.0, -1.0]], [[0.5, -2.0]])
    array([0.125])
    """
    t, y = pair(y_true, y_pred)
    return mean(e.square(e.maximum(1.0 - _signs(t) * y, 0.0)), axis=-1, keepdims=False)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``max(max((1 - t) y) - sum(t y) + 1, 0)`` over the last axis.

    Examples
    --------
    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]])
    array([0.75])
    """
    t, y = pair(y_true, y_pred)
    right = sum_(t * y, axis=-1, keepdims=False)
    wrong = max_((1.0 - t) * y, axis=-1, keepdims=False)
    return e.maximum(wrong - right + 1.0, 0.0)


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """Return ``1 - 2 sum(t y) / (sum(t) + sum(y) + 1e-7)`` over the axes, all of them if None.

    Examples
    --------
    >>> round(float(dice([[1.0, 0.0]], [[1.0, 1.0]])), 6)
    0.333333
    """
    t, y = pair(y_true, y_pred)
    both, sizes, size = (sum_(x, axis=axis, keepdims=False) for x in (t * y, t, y))
    return 1.0 - both * 2.0 / (sizes + size + EPSILON)


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """Return ``1 - tp / (tp + alpha sum((1 - y) t) + beta sum(y (1 - t)) + 1e-7)``, ``tp = sum(t y)``.

    Examples
    --------
    >>> round(float(tversky([[1.0, 0.0]], [[1.0, 1.0]])), 6)
    0.333333
    """
    t, y = pair(y_true, y_pred)
    parts = (t * y, (1.0 - y) * t, y * (1.0 - t))
    both, first, second = (sum_(x, axis=axis, keepdims=False) for x in parts)
    return 1.0 - both / (both + first * alpha + second * beta + EPSILON)


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Any:
    """Return the circle loss of embeddings of length 1, a number for each (Sun et al., CVPR 2020).

    Parameters
    ----------
    y_true : array_like
        Class ids ``(N,)``.
    y_pred : array_like
        Embeddings ``(N, D)``.
    ref_labels, ref_embeddings : array_like, optional
        What they are compared with; None compares the batch with itself.
    remove_diagonal : bool
        Whether embedding i is not compared with reference i.
    gamma, margin : float
        Scale of the similarities, and how far classes are kept apart.

    Examples
    --------
    >>> circle([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]).round(3)
    array([0.   , 6.402, 0.   ])
    """
    y = outputs(y_pred)
    other = y if ref_embeddings is None else ref_embeddings
    ids = as_ids("circle", real_array("circle", "labels", y_true)).reshape(-1, 1)
    theirs = ids if ref_labels is None else as_ids("circle", np.asarray(ref_labels)).reshape(-1, 1)
    same = ids == theirs.T
    positive = same & (np.eye(*same.shape) == 0) if remove_diagonal else same
    distance = e.maximum(1.0 - matmul(y, transpose(other, axes=None)), 0.0)
    near = e.maximum(distance + margin, 0.0) * (margin - distance) * -gamma
    far = e.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance) * gamma
    losses = (
        logsumexp(e.where(mask, part, _LEAST), axis=1, keepdims=False)
        for mask, part in ((positive, near), (~same, far))
    )
    return e.softplus(e.add(*losses))


class Hinge(FormulaLoss, builtin=True):
    """``mean(max(1 - t y, 0))``; targets are -1 and 1, or 0 and 1.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> Hinge()([[1.0, -1.0]], [[0.5, -2.0]])
    0.25
    """

    _name = "hinge"
    formula = staticmethod(hinge)


class SquaredHinge(FormulaLoss, builtin=True):
    """``mean(max(1 - t y, 0)^2)``; targets are -1 and 1, or 0 and 1.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> SquaredHinge()([[1.0, -1.0]], [[0.5, -2.0]])
    0.125
    """

    _name = "squared_hinge"
    formula = staticmethod(squared_hinge)


class CategoricalHinge(FormulaLoss, builtin=True):
    """``max(max((1 - t) y) - sum(t y) + 1, 0)`` for rows t of a class each.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])
    0.75
    """

    _name = "categorical_hinge"
    formula = staticmethod(categorical_hinge)


def _axes(name: str, axis: Any) -> Any:
    if axis is None or not isinstance(axis, Sequence):
        return None if axis is None else axis_of(name, axis)
    return tuple(axis_of(name, one) for one in axis)


class Dice(CoupledLoss, builtin=True):
    """``1 - 2 sum(t y) / (sum(t) + sum(y) + 1e-7)`` (Dice 1945; Milletari et al. 2016).

    Parameters
    ----------
    axis : int, tuple of int or None
        What the sums run over: None is the whole batch.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(Dice()([[1.0, 0.0]], [[1.0, 1.0]]), 6)
    0.333333
    """

    _name = "dice"
    formula = staticmethod(dice)
    options = ("axis",)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = _axes("Dice", axis)


class Tversky(CoupledLoss, builtin=True):
    """``1 - tp / (tp + alpha sum((1 - y) t) + beta sum(y (1 - t)) + 1e-7)`` (Salehi et al. 2017).

    Parameters
    ----------
    alpha, beta : float
        Weights of what is missed and of what is wrongly found; both 0.5 are `Dice`.
    axis : int, tuple of int or None
        What the sums run over: None is the whole batch.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(Tversky()([[1.0, 0.0]], [[1.0, 1.0]]), 6)
    0.333333
    """

    _name = "tversky"
    formula = staticmethod(tversky)
    options = ("alpha", "beta", "axis")

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha, self.beta = number("Tversky", "alpha", alpha), number("Tversky", "beta", beta)
        self.axis = _axes("Tversky", axis)


class Circle(CoupledLoss, builtin=True):
    """The circle loss of embeddings of length 1 (Sun et al., CVPR 2020).

    With d the cosine distances, over the others of a class and over those of other classes:
    ``softplus(lse(-gamma (d + m) (m - d)) + lse(gamma (1 + m - d) (1 - m - d)))``, the mean over
    samples whose loss is not 0.

    Parameters
    ----------
    gamma, margin : float
        gamma, m.
    remove_diagonal : bool
        Whether an embedding is not compared with itself.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> Circle().margin
    0.4
    """

    _name = "circle"
    formula = staticmethod(circle)
    options = ("gamma", "margin", "remove_diagonal")
    counts_ids = True

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = number("Circle", "gamma", gamma, "be positive", lambda g: g > 0.0)
        self.margin = number("Circle", "margin", margin)
        self.remove_diagonal = bool(remove_diagonal)

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:  # noqa: ARG002
        """Return the class id of each sample."""
        ids = as_ids(self.name, real_array(self.name, "targets", t)).reshape(-1)
        if len(ids) != output_shape[0]:
            msg = f"{self.name}: {output_shape[0]} embeddings need as many labels, got {len(ids)}"
            raise ValueError(msg)
        return ids

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample."""
        return self.call(y_true, y_pred)

    def factors(self, values: Array, n: int, weights: Array | None) -> Array:
        """Return what each value counts: those that are 0 are left out of means."""
        found = (values > 0).astype(np.float64)
        if self.reduction in _MEANS:
            found *= n / max(1.0, float(found.sum()))
        return super().factors(values, n, found if weights is None else found * weights)


_MEANS = ("mean", "sum_over_batch_size")
