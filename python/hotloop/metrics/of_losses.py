"""Losses as metrics, each under Keras's name, and correlations of rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from hotloop import losses
from hotloop.data.targets import matching_targets
from hotloop.losses.formula import pair
from hotloop.metrics.base import Array, FunctionMetric, Metric
from hotloop.metrics.regression import MeanSquaredError


class OfLoss(Metric):
    """Base of the means of a loss; a subclass names its class."""

    direction = "down"
    loss_class: ClassVar[type[losses.Loss]]
    sign: ClassVar[float] = 1.0

    def __init__(self, name: str | None = None, dtype: Any = None, **options: Any) -> None:
        self.loss = self.loss_class(**options)
        self._options = options
        super().__init__(name or self._name or self.loss.name, dtype)

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return each sample's loss."""
        outputs = losses.as_outputs(self.name, y_pred)
        targets = self.loss.targets(y_true, outputs.shape, outputs.dtype)
        found: Array = self.loss.per_sample(outputs, targets, gradient=False)[0] * self.sign
        return found

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {**self._options, **super().get_config()}


def _of(
    loss_class: type[losses.Loss], what: str, example: str, name: str = "", **more: Any
) -> type[OfLoss]:
    kind = name or loss_class.__name__
    doc = f"""{what}, the mean over all samples.

    Parameters
    ----------
    name, dtype
        As in `Metric`.
    **options
        Those of `hotloop.losses.{loss_class.__name__}`.

    Examples
    --------
    >>> from hotloop import metrics
    >>> round(metrics.{kind}(){example.replace("->", ", 6)" + chr(10) + "    ", 1)}
    """
    body = {"__doc__": doc, "__module__": __name__, "loss_class": loss_class, **more}
    return type(kind, (OfLoss,), body)


_VALUES = "([[1.0, 2.0]], [[1.0, 4.0]])"
MeanAbsolutePercentageError = _of(
    losses.MeanAbsolutePercentageError, "``100 |t - y| / |t|``", _VALUES + "->50.0"
)
MeanSquaredLogarithmicError = _of(
    losses.MeanSquaredLogarithmicError, "``(log(1 + t) - log(1 + y))^2``", _VALUES + "->0.130471"
)
LogCoshError = _of(
    losses.LogCosh,
    "``log(cosh(y - t))``",
    _VALUES + "->0.662501",
    "LogCoshError",
    _name="logcosh",
)
Poisson = _of(losses.Poisson, "``y - t log y``", _VALUES + "->1.113706")
KLDivergence = _of(
    losses.KLDivergence, "``sum(t log(t / y))``", "([[0.5, 0.5]], [[0.25, 0.75]])->0.143841"
)
Hinge = _of(losses.Hinge, "``max(1 - t y, 0)``", "([[1.0, -1.0]], [[0.5, -2.0]])->0.25")
SquaredHinge = _of(
    losses.SquaredHinge, "``max(1 - t y, 0)^2``", "([[1.0, -1.0]], [[0.5, -2.0]])->0.125"
)
CategoricalHinge = _of(
    losses.CategoricalHinge,
    "``max(max((1 - t) y) - sum(t y) + 1, 0)``",
    "([[0.0, 1.0]], [[0.5, 0.75]])->0.75",
)
CosineSimilarity = _of(
    losses.CosineSimilarity,
    "``sum(t y) / (|t| |y|)``: 1 where both point the same way",
    "([[0.0, 2.0]], [[0.0, 5.0]])->1.0",
    sign=-1.0,
    direction="up",
)
BinaryCrossentropy = _of(
    losses.BinaryCrossentropy,
    "``-t log p - (1 - t) log(1 - p)``",
    "([[0.0, 1.0]], [[0.5, 0.5]])->0.693147",
)
CategoricalCrossentropy = _of(
    losses.CategoricalCrossentropy,
    "``-sum t log p``",
    "([[0.0, 1.0]], [[0.5, 0.5]])->0.693147",
)
SparseCategoricalCrossentropy = _of(
    losses.SparseCategoricalCrossentropy, "``-log p[t]``", "([1], [[0.5, 0.5]])->0.693147"
)


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean squared difference over all samples.

    Parameters
    ----------
    name, dtype
        As in `Metric`.

    Examples
    --------
    >>> RootMeanSquaredError()([[0.0, 0.0]], [[3.0, 4.0]])
    3.5355339059327378
    """

    _name = "root_mean_squared_error"

    def result(self) -> float:
        """Return the root of the mean."""
        return math.sqrt(float(super().result()))


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return the correlation of targets and outputs along an axis.

    Examples
    --------
    >>> pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]).round(6)
    array([1.])
    """
    t, y = (np.asarray(a) for a in pair(y_true, y_pred))
    t, y = (a - a.mean(axis=axis, keepdims=True) for a in (t, y))
    spread = t.std(axis=axis) * y.std(axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (t * y).mean(axis=axis) / spread


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return how far targets and outputs are one along an axis (Lin 1989).

    ``2 cov(t, y) / (var(t) + var(y) + (mean t - mean y)^2)``.

    Examples
    --------
    >>> concordance_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]).round(6)
    array([0.571429])
    """
    t, y = (np.asarray(a) for a in pair(y_true, y_pred))
    means = [a.mean(axis=axis, keepdims=True) for a in (t, y)]
    both = ((t - means[0]) * (y - means[1])).mean(axis=axis)
    gap = (means[0] - means[1]).squeeze(axis) ** 2
    return 2.0 * both / (t.var(axis=axis) + y.var(axis=axis) + gap + 1e-7)


class _Correlation(Metric):
    """Base of the means of a correlation of rows."""

    direction = "up"
    function: ClassVar[Callable[..., Any]]

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.axis = axis

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return each row's correlation."""
        t = matching_targets(self.name, y_true, y_pred.shape, y_pred.dtype)
        found: Array = type(self).function(t, y_pred, axis=self.axis)
        return found

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {"axis": self.axis, **super().get_config()}


class PearsonCorrelation(_Correlation):
    """The mean of the rows' correlations with their targets.

    Parameters
    ----------
    name, dtype
        As in `Metric`.
    axis : int
        Along which targets and outputs are compared.

    Examples
    --------
    >>> round(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]), 6)
    1.0
    """

    function = staticmethod(pearson_correlation)


class ConcordanceCorrelation(_Correlation):
    """The mean of the rows' concordance with their targets (Lin 1989).

    Parameters
    ----------
    name, dtype
        As in `Metric`.
    axis : int
        Along which targets and outputs are compared.

    Examples
    --------
    >>> round(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]), 6)
    0.571429
    """

    function = staticmethod(concordance_correlation)


class MeanMetricWrapper(FunctionMetric):
    """The mean of ``fn(y_true, y_pred, **kwargs)``.

    Parameters
    ----------
    fn : callable
        Answers one number for each sample.
    name, dtype
        As in `Metric`.
    **kwargs
        Further arguments of the function.

    Examples
    --------
    >>> from hotloop import losses
    >>> MeanMetricWrapper(losses.huber, delta=0.5)([[0.0]], [[2.0]])
    0.875
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        del dtype
        super().__init__(fn, name)
        self._kwargs, self._plain = kwargs, self.fn

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return what the function answers, one number for each sample."""
        self.fn = lambda t, y: self._plain(t, y, **self._kwargs)
        try:
            return super().values(y_true, y_pred)
        finally:
            self.fn = self._plain

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; of the function its name."""
        return {**super().get_config(), **self._kwargs}


CLASSES = (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    ConcordanceCorrelation,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    RootMeanSquaredError,
    SquaredHinge,
    MeanMetricWrapper,
)
