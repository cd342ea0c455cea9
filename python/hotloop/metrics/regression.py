"""Metrics of values: squared and absolute differences, R2."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support.quoting import quoted
from hotloop.data.targets import matching_targets
from hotloop.metrics.base import Array, Metric, as_rows, sample_weights


class MeanSquaredError(Metric):
    """Mean squared difference.

    Parameters
    ----------
    name : str, optional
        Key in logs.

    Examples
    --------
    >>> MeanSquaredError()([0.0, 0.0], [1.0, 3.0])
    5.0
    """

    direction = "down"

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return each sample's mean square."""
        d = y_pred - matching_targets(self.name, y_true, y_pred.shape, y_pred.dtype)
        squares: Array = (d * d).reshape(len(d), -1).mean(axis=1)
        return squares


class MeanAbsoluteError(Metric):
    """Mean absolute difference.

    Parameters
    ----------
    name : str, optional
        Key in logs.

    Examples
    --------
    >>> MeanAbsoluteError()([0.0, 0.0], [1.0, -3.0])
    2.0
    """

    direction = "down"

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return each sample's mean distance."""
        d = y_pred - matching_targets(self.name, y_true, y_pred.shape, y_pred.dtype)
        distances: Array = np.abs(d).reshape(len(d), -1).mean(axis=1)
        return distances


class R2Score(Metric):
    """``1 - sum((t - y)^2) / sum((t - mean t)^2)``, the share of the variance that is explained.

    Parameters
    ----------
    class_aggregation : None, "uniform_average" or "variance_weighted_average"
        How the outputs' scores become one; None gives one for each.
    num_regressors : int
        Above 0, the adjusted score ``1 - (1 - R2) (n - 1) / (n - num_regressors - 1)``, where n
        counts the elements of the targets, as in Keras.
    name : str, optional
        Key in logs.
    dtype : optional
        Accepted as Keras does.

    Raises
    ------
    ValueError
        For another `class_aggregation`, and targets that do not fit the outputs.

    Notes
    -----
    Means and variances of batches are merged as Chan, Golub and LeVeque (1979) do: large targets
    lose no digits. A score over constant targets is 0 unless they are met exactly (then NaN, as
    in Keras).

    Examples
    --------
    >>> R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]])
    0.5
    """

    _name = "r2_score"
    state_names = ("mean", "spread", "residual", "weight", "samples")
    direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        valid = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in valid:
            msg = f"{self.name}: class_aggregation must be one of {valid}, got {quoted(class_aggregation)}"
            raise ValueError(msg)
        if num_regressors < 0:
            msg = f"{self.name}: num_regressors must not be negative, got {num_regressors}"
            raise ValueError(msg)
        self.class_aggregation, self.num_regressors = class_aggregation, int(num_regressors)
        self.reset_state()

    def reset_state(self) -> None:
        """Start again from nothing."""
        self.mean: Any = 0.0
        self.spread: Any = 0.0
        self.residual: Any = 0.0
        self.weight = 0.0
        self.samples = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets and outputs ``(N, K)`` or ``(N,)``."""
        outputs = as_rows(y_pred)
        t = matching_targets(self.name, y_true, outputs.shape, np.float64).reshape(len(outputs), -1)
        y = outputs.reshape(t.shape)
        weights = np.ones(len(t))
        if sample_weight is not None:
            weights = sample_weights(self.name, sample_weight, len(t))
        total = float(weights.sum())
        self.samples += t.size
        if total == 0.0:
            return
        column = weights[:, None]
        mean = (column * t).sum(axis=0) / total
        step, whole = mean - self.mean, self.weight + total
        self.spread = self.spread + (column * (t - mean) ** 2).sum(axis=0)
        self.spread = self.spread + step**2 * (self.weight * total / whole)
        self.mean = self.mean + step * (total / whole)
        self.residual = self.residual + (column * (t - y) ** 2).sum(axis=0)
        self.weight = whole

    def result(self) -> Any:
        """Return the score, or one for each output when `class_aggregation` is None."""
        if not self.weight:
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = 1.0 - np.asarray(self.residual / self.spread)
        raw = np.where(np.isinf(raw), 0.0, raw)
        score: Any = raw
        if self.class_aggregation == "uniform_average":
            score = raw.mean()
        elif self.class_aggregation == "variance_weighted_average":
            score = (raw * self.spread).sum() / np.sum(self.spread)
        free = self.samples - self.num_regressors - 1
        if self.num_regressors and free > 0:
            score = 1.0 - (1.0 - score) * (self.samples - 1) / free
        return score if self.class_aggregation is None else float(score)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**own, **super().get_config()}
