"""Metrics: counts that accumulate over an epoch; batches are never averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.registry import deserialize, lookup, snake_case
from hotloop.targets import class_targets, matching_targets

Array = NDArray[Any]


class Metric:
    """A weighted mean that accumulates; a subclass writes `values`.

    Parameters
    ----------
    name : str, optional
        Key in logs; None is the class in snake case.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.total = 0.0
        self.count = 0.0

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return one number for each sample."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        outputs = np.asarray(y_pred)
        values = self.values(y_true, outputs.reshape(-1, 1) if outputs.ndim < 2 else outputs)
        if sample_weight is None:
            self.add(float(np.sum(values, dtype=np.float64)), values.size)
        else:
            weights = np.broadcast_to(np.asarray(sample_weight, np.float64), values.shape)
            self.add(float((values * weights).sum()), float(weights.sum()))

    def add(self, total: float, count: float) -> None:
        """Add a sum over `count` samples."""
        self.total += total
        self.count += count

    def result(self) -> float:
        """Return the mean of all that was added; 0 when nothing was."""
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        """Start again from nothing."""
        self.total = self.count = 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Add a batch and return the mean so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make a metric from the result of `get_config`."""
        return cls(**config)


class Accuracy(Metric):
    """Share of elements that equal the target.

    Examples
    --------
    >>> Accuracy()([1, 2], [1, 3])
    0.5
    """

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
    threshold : float
        Outputs above it count as 1.

    Examples
    --------
    >>> BinaryAccuracy()([1, 0], [0.7, 0.6])
    0.5
    """

    def __init__(self, name: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = float(threshold)

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

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return 1 for right samples."""
        t = class_targets(self.name, y_true, y_pred.shape, y_pred.dtype, check=False)
        classes = t if t.shape != y_pred.shape else t.argmax(axis=-1)
        right: Array = (classes == y_pred.argmax(axis=-1)).reshape(-1)
        return right


class SparseCategoricalAccuracy(_ArgmaxAccuracy):
    """Share of samples whose largest output is the target's class id.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    0.5
    """


class CategoricalAccuracy(_ArgmaxAccuracy):
    """Share of samples whose largest output is the largest of the target row.

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    0.5
    """


class MeanSquaredError(Metric):
    """Mean squared difference.

    Examples
    --------
    >>> MeanSquaredError()([0.0, 0.0], [1.0, 3.0])
    5.0
    """

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return each sample's mean square."""
        d = y_pred - matching_targets(self.name, y_true, y_pred.shape, y_pred.dtype)
        squares: Array = (d * d).reshape(len(d), -1).mean(axis=1)
        return squares


class MeanAbsoluteError(Metric):
    """Mean absolute difference.

    Examples
    --------
    >>> MeanAbsoluteError()([0.0, 0.0], [1.0, -3.0])
    2.0
    """

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return each sample's mean distance."""
        d = y_pred - matching_targets(self.name, y_true, y_pred.shape, y_pred.dtype)
        distances: Array = np.abs(d).reshape(len(d), -1).mean(axis=1)
        return distances


CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        Accuracy,
        BinaryAccuracy,
        SparseCategoricalAccuracy,
        CategoricalAccuracy,
        MeanSquaredError,
        MeanAbsoluteError,
    )
}
_STRINGS: dict[str, type[Metric]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
}


def resolve(
    identifier: Any, target_shape: tuple[int, ...], output_shape: tuple[int, ...]
) -> Metric:
    """Return the metric that `identifier` stands for, given what it will compare.

    ``"accuracy"`` and ``"acc"`` resolve as in Keras: binary for one output, sparse when the
    targets are class ids, else categorical.

    Parameters
    ----------
    identifier : str, dict, class or Metric
        Strings name the key in logs too.
    target_shape, output_shape : tuple of int
        With the batch in front.

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    """
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        if output_shape[-1] == 1:
            return BinaryAccuracy(name=identifier)
        sparse = len(target_shape) < len(output_shape) or target_shape[-1] == 1
        return (SparseCategoricalAccuracy if sparse else CategoricalAccuracy)(name=identifier)
    metric = get(identifier)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def get(identifier: Any) -> Metric:
    """Return the metric that a string, a description, a class or a metric stands for.

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        names: dict[str, type[Metric]] = {**_STRINGS, "accuracy": Accuracy, "acc": Accuracy}
        return (CLASSES.get(identifier) or lookup("metric", identifier, names))()
    if isinstance(identifier, dict):
        made: Metric = deserialize("metric", identifier, CLASSES)
        return made
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    msg = f"a metric must be a name or a hotloop.metrics.Metric, got {identifier!r}"
    raise TypeError(msg)


__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "get",
    "resolve",
]
