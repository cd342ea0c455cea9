"""The losses as Keras's functions: an answer for each sample, nothing reduced over the batch.

A model compiled with one of them, ``loss=losses.categorical_crossentropy``, gets the class of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotloop.losses.base import Array, Loss
from hotloop.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from hotloop.losses.distances import (
    CosineSimilarity,
    KLDivergence,
    LogCosh,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Poisson,
)
from hotloop.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
)
from hotloop.losses.formula import FormulaLoss
from hotloop.losses.margins import (
    CategoricalHinge,
    Circle,
    Dice,
    Hinge,
    SquaredHinge,
    Tversky,
)
from hotloop.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError
from hotloop.losses.sequences import CTC


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``mean((y_pred - y_true)^2)`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array_like
        Targets and outputs of one shape ``(N, ..., K)``.

    Returns
    -------
    ndarray
        ``(N, ...)``.

    Examples
    --------
    >>> mean_squared_error([[0.0, 0.0]], [[1.0, 3.0]])
    array([5.])
    """
    return MeanSquaredError().values(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``mean(|y_pred - y_true|)`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array_like
        Targets and outputs of one shape ``(N, ..., K)``.

    Returns
    -------
    ndarray
        ``(N, ...)``.

    Examples
    --------
    >>> mean_absolute_error([[0.0, 0.0]], [[1.0, 3.0]])
    array([2.])
    """
    return MeanAbsoluteError().values(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Return the mean of Huber's loss over the last axis, quadratic within `delta`, linear beyond.

    Parameters
    ----------
    y_true, y_pred : array_like
        Targets and outputs of one shape ``(N, ..., K)``.
    delta : float
        Where the two pieces meet.

    Returns
    -------
    ndarray
        ``(N, ...)``.

    Examples
    --------
    >>> huber([[0.0, 0.0]], [[1.0, 3.0]])
    array([1.5])
    """
    return Huber(delta).values(y_true, y_pred)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return the mean of ``-t log(p) - (1 - t) log(1 - p)`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array_like
        Targets and probabilities (or logits) of one shape ``(N, ..., K)``.
    from_logits, label_smoothing, axis
        As in `BinaryCrossentropy`.

    Returns
    -------
    ndarray
        ``(N, ...)``.

    Examples
    --------
    >>> binary_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).round(6)
    array([0.693147])
    """
    return BinaryCrossentropy(from_logits, label_smoothing, axis).values(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``-sum t log p`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array_like
        Rows of target probabilities and of probabilities (or logits) ``(N, ..., K)``.
    from_logits, label_smoothing, axis
        As in `CategoricalCrossentropy`.

    Returns
    -------
    ndarray
        ``(N, ...)``.

    Examples
    --------
    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(6)
    array([0.693147])
    """
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).values(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """Return ``-log p[t]`` for class ids t.

    Parameters
    ----------
    y_true : array_like
        Class ids ``(N, ...)``.
    y_pred : array_like
        Probabilities (or logits) ``(N, ..., K)``.
    from_logits, ignore_class, axis
        As in `SparseCategoricalCrossentropy`.

    Returns
    -------
    ndarray
        ``(N, ...)``.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [1.0, 0.0]]).round(6)
    array([0.693147, 0.      ])
    """
    return SparseCategoricalCrossentropy(from_logits, ignore_class, axis, reduction="none").values(
        y_true, y_pred
    )


FORMULAS: tuple[type[FormulaLoss], ...] = (
    CTC,
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    KLDivergence,
    LogCosh,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
    Tversky,
)
# The class that a function stands for where a loss is asked for.
CLASS_OF: dict[Callable[..., Array], type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    huber: Huber,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    **{cls.formula: cls for cls in FORMULAS},
}

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]
