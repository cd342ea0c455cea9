"""Accuracies as Keras's functions: an answer for each sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.metrics.accuracy import (
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from hotloop.metrics.base import as_rows

Array = NDArray[Any]


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """Return 1 for elements on the target's side of `threshold`.

    Examples
    --------
    >>> binary_accuracy([[1, 0], [1, 1]], [[0.7, 0.6], [0.9, 0.8]])
    array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    y = np.asarray(y_pred)
    t = np.asarray(y_true).reshape(y.shape)
    right: Array = ((y > threshold) == t).astype(np.float32)
    return right


def _values(metric: Any, y_true: Any, y_pred: Any) -> Array:
    y = as_rows(y_pred)
    found: Array = np.asarray(metric.values(np.asarray(y_true), y), np.float32)
    return found.reshape(y.shape[:-1])


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 for rows whose largest output is the largest of the target row.

    Examples
    --------
    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    array([1., 0.], dtype=float32)
    """
    return _values(CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 for rows whose largest output is the target's class id.

    Examples
    --------
    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    array([1., 0.], dtype=float32)
    """
    return _values(SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Return 1 for rows whose class is among the `k` largest outputs.

    Examples
    --------
    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.1, 0.5, 0.4]], k=2)
    array([1.], dtype=float32)
    """
    return _values(TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Return 1 for rows whose class id is among the `k` largest outputs.

    Examples
    --------
    >>> sparse_top_k_categorical_accuracy([2], [[0.1, 0.5, 0.4]], k=2)
    array([1.], dtype=float32)
    """
    return _values(TopKCategoricalAccuracy(k), y_true, y_pred)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Share of samples whose class id is among the `k` largest outputs.

    Parameters
    ----------
    k, name, dtype
        As in `TopKCategoricalAccuracy`.

    Examples
    --------
    >>> SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.5, 0.4], [0.1, 0.5, 0.4]])
    0.5
    """

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(k, name or "sparse_top_k_categorical_accuracy", dtype)
