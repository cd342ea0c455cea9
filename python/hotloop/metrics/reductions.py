"""Metrics of plain numbers, for loops of one's own: their mean and their sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.metrics.base import Metric


class Mean(Metric):
    """The weighted mean of the values it is given.

    Parameters
    ----------
    name : str, optional
        Key in logs.
    dtype : optional
        Accepted as Keras does.

    Examples
    --------
    >>> metric = Mean("loss")
    >>> metric.update_state(2.0)
    >>> metric.update_state([3.0, 4.0])
    >>> metric.result()
    3.0
    """

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add values, each with its weight where there are any."""
        array = np.asarray(values, np.float64)
        weights = np.ones(()) if sample_weight is None else np.asarray(sample_weight, np.float64)
        if array.ndim > weights.ndim > 0:
            weights = weights.reshape(weights.shape + (1,) * (array.ndim - weights.ndim))
        every = np.broadcast_to(weights, array.shape)
        self.add(float((array * every).sum()), float(every.sum()))

    def __call__(self, values: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]
        """Add values and return the result so far."""
        self.update_state(values, sample_weight)
        return self.result()


class Sum(Mean):
    """The weighted sum of the values it is given.

    Parameters
    ----------
    name : str, optional
        Key in logs.
    dtype : optional
        Accepted as Keras does.

    Examples
    --------
    >>> metric = Sum()
    >>> metric([1.0, 2.0])
    3.0
    """

    def result(self) -> Any:
        """Return the sum of all that was added."""
        return self.total
