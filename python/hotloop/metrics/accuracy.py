"""Accuracies: shares of right answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support.arguments import number, whole
from hotloop.data.targets import class_targets, matching_targets
from hotloop.metrics.base import Array, Metric


class Accuracy(Metric):
    """Share of elements that equal the target.

    Parameters
    ----------
    name : str, optional
        Key in logs.

    Examples
    --------
    >>> Accuracy()([1, 2], [1, 3])
    0.5
    """

    direction = "up"

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return 1 where outputs equal targets."""
        t = matching_targets(self.name, y_true, y_pred.shape, y_pred.dtype)
        right: Array = (t == y_pred).reshape(len(y_pred), -1).mean(axis=1)
        return right


class BinaryAccuracy(Metric):
    """Share of elements on the target's side of `threshold`.

    Parameters
    ----------
    name : str, optional
        Key in logs.
    dtype : optional
        Accepted as Keras does.
    threshold : float
        Outputs above it count as 1.

    Examples
    --------
    >>> BinaryAccuracy()([1, 0], [0.7, 0.6])
    0.5
    """

    direction = "up"

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = number(self.name, "threshold", threshold)

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return the share of right elements of each sample."""
        t = matching_targets(self.name, y_true, y_pred.shape, y_pred.dtype)
        right: Array = ((y_pred > self.threshold) == t).reshape(len(y_pred), -1).mean(axis=1)
        return right

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {"threshold": self.threshold, **super().get_config()}


class _ArgmaxAccuracy(Metric):
    """Share of samples whose largest output is the target's class."""

    direction = "up"

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return 1 for right samples."""
        t = class_targets(self.name, y_true, y_pred.shape, y_pred.dtype, check=False)
        classes = t if t.shape != y_pred.shape else t.argmax(axis=-1)
        right: Array = (classes == y_pred.argmax(axis=-1)).reshape(-1)
        return right


class SparseCategoricalAccuracy(_ArgmaxAccuracy):
    """Share of samples whose largest output is the target's class id.

    Parameters
    ----------
    name : str, optional
        Key in logs.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    0.5
    """


class CategoricalAccuracy(_ArgmaxAccuracy):
    """Share of samples whose largest output is the largest of the target row.

    Parameters
    ----------
    name : str, optional
        Key in logs.

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    0.5
    """


class TopKCategoricalAccuracy(Metric):
    """Share of samples whose class is among the `k` largest outputs.

    Outputs as large as the class's own do not stand before it.

    Parameters
    ----------
    k : int
        How many outputs count.
    name : str, optional
        Key in logs.
    dtype : optional
        Accepted as Keras does.

    Raises
    ------
    ValueError
        When `k` is below 1.

    Examples
    --------
    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.5, 0.4], [0.1, 0.5, 0.4]])
    0.5
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = whole(self.name, "k", k, least=1)

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return 1 for samples whose class is among the largest; class ids are taken too."""
        t = class_targets(self.name, y_true, y_pred.shape, y_pred.dtype, check=False)
        classes = (t if t.shape != y_pred.shape else t.argmax(axis=-1)).reshape(-1)
        rows = y_pred.reshape(-1, y_pred.shape[-1])
        known = (classes >= 0) & (classes < rows.shape[1])
        own = rows[np.arange(len(rows)), np.where(known, classes, 0)]
        before = (rows > own[:, None]).sum(axis=1)
        right: Array = known & np.isfinite(own) & (before < self.k)
        return right

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {"k": self.k, **super().get_config()}
