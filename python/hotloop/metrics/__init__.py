"""Metrics: counts that accumulate over an epoch; batches are never averaged."""

from __future__ import annotations

from typing import Any

from hotloop import losses
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.losses import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    kld,
    log_cosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from hotloop.metrics import of_losses, overlap, thresholds
from hotloop.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from hotloop.metrics.base import Array, FunctionMetric, Metric
from hotloop.metrics.classification import F1Score, FBetaScore, Precision, Recall, confusion_matrix
from hotloop.metrics.functions import (
    SparseTopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from hotloop.metrics.naming import log_keys
from hotloop.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsolutePercentageError,
    MeanMetricWrapper,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    pearson_correlation,
)
from hotloop.metrics.overlap import (
    BinaryIoU,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from hotloop.metrics.reductions import Mean, Sum
from hotloop.metrics.regression import MeanAbsoluteError, MeanSquaredError, R2Score
from hotloop.metrics.thresholds import (
    AUC,
    FalseNegatives,
    FalsePositives,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from hotloop.registry import deserialize as _deserialize
from hotloop.registry import lookup, serialize, snake_case


class LossMetric(Metric):
    """The mean of a loss over the epoch, as a metric: what a loss's name means in `metrics`.

    Parameters
    ----------
    loss : str, dict or Loss
        ``"binary_crossentropy"``, ``"huber"`` ...
    name : str, optional
        Key in logs; None is the loss's own.

    Examples
    --------
    >>> LossMetric("mse")([[0.0]], [[2.0]])
    4.0
    """

    direction = "down"

    def __init__(self, loss: Any, name: str | None = None) -> None:
        self.loss = losses.get(loss)
        super().__init__(name or self.loss.name)

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return each sample's loss."""
        outputs = losses.as_outputs(self.name, y_pred)
        targets = self.loss.targets(y_true, outputs.shape, outputs.dtype)
        return self.loss.per_sample(outputs, targets, gradient=False)[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {"loss": serialize(self.loss), **super().get_config()}


CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        Mean,
        Sum,
        Accuracy,
        BinaryAccuracy,
        SparseCategoricalAccuracy,
        CategoricalAccuracy,
        TopKCategoricalAccuracy,
        Precision,
        Recall,
        F1Score,
        FBetaScore,
        SparseTopKCategoricalAccuracy,
        *of_losses.CLASSES,
        *overlap.CLASSES,
        *thresholds.CLASSES,
        MeanSquaredError,
        MeanAbsoluteError,
        R2Score,
        LossMetric,
        FunctionMetric,
    )
}
# Made of something else, never asked for by name.
_MADE = ("LossMetric", "FunctionMetric", "MeanMetricWrapper")
# Those that need an argument.
_NOT_NAMED = (
    *_MADE,
    *(cls.__name__ for cls in (*overlap.CLASSES, *thresholds.CLASSES[1:5])),
)
_STRINGS: dict[str, type[Metric]] = {
    **{cls._name or snake_case(n): cls for n, cls in CLASSES.items() if n not in _NOT_NAMED},
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
    identifier : str, dict, class, callable or Metric
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
    """Return the metric that a name, a description, a class, a function or a metric stands for.

    The name of a loss stands for its mean over the epoch.

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
        if identifier in CLASSES and identifier not in _NOT_NAMED:
            return CLASSES[identifier]()
        if identifier not in _STRINGS and identifier in losses.STRINGS:
            return LossMetric(identifier)
        names: dict[str, type[Metric]] = {**_STRINGS, "accuracy": Accuracy, "acc": Accuracy}
        return lookup("metric", identifier, names)()
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if callable(identifier):
        return FunctionMetric(identifier)
    msg = f"a metric must be a name or a hotloop.metrics.Metric, got {quoted(identifier)}"
    raise TypeError(msg)


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> Metric:
    """Make a metric from its description, which `serialize` answers.

    Raises
    ------
    ValueError
        When the class is unknown, or its arguments are refused.

    Examples
    --------
    >>> deserialize(serialize(BinaryAccuracy(threshold=0.25))).threshold
    0.25
    """
    made: Metric = _deserialize("metric", config, CLASSES, custom_objects)
    return made


__all__ = [
    "AUC",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "FunctionMetric",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "LossMetric",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "confusion_matrix",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "log_keys",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pearson_correlation",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

serve(__name__)
