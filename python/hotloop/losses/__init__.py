"""Losses: a number for outputs and targets, and its gradient.

``loss(y_true, y_pred, sample_weight)`` is Keras's order, targets first. By hand, outputs come first:
``loss.forward(y, t)`` answers the loss and ``loss.backward()`` the gradient of what `forward` saw last. All reduce as Keras
does: the weighted sum over the samples, divided by their number.
"""

from __future__ import annotations

from typing import Any

from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.losses.base import Loss, as_outputs
from hotloop.losses.crossentropy import (
    NLL,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalLoss,
    SparseCategoricalCrossentropy,
)
from hotloop.losses.custom import FunctionLoss
from hotloop.losses.distances import (
    CosineSimilarity,
    KLDivergence,
    LogCosh,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Poisson,
    cosine_similarity,
    kl_divergence,
    log_cosh,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    poisson,
)
from hotloop.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
)
from hotloop.losses.functions import (
    CLASS_OF,
    FORMULAS,
    binary_crossentropy,
    categorical_crossentropy,
    huber,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from hotloop.losses.margins import (
    CategoricalHinge,
    Circle,
    Dice,
    Hinge,
    SquaredHinge,
    Tversky,
    categorical_hinge,
    circle,
    dice,
    hinge,
    squared_hinge,
    tversky,
)
from hotloop.losses.regression import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SumSquaredError,
)
from hotloop.losses.sequences import CTC, ctc
from hotloop.registry import deserialize as _deserialize
from hotloop.registry import enter, lookup, serialize, snake_case

CLASSES: dict[str, type[Loss]] = enter(
    "loss",
    (
        SparseCategoricalCrossentropy,
        CategoricalCrossentropy,
        BinaryCrossentropy,
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
        NLL,
        SumSquaredError,
        *FORMULAS,
    ),
)
_SHORT: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
}
# Beside the class names.
STRINGS: dict[str, type[Loss]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    **_SHORT,
    **{name.upper(): cls for name, cls in _SHORT.items()},
    "huber_loss": Huber,
    "sse": SumSquaredError,
}
# Made by `Model.compile`, never asked for by name.
CLASSES |= enter("loss", (FunctionLoss,))


def get(identifier: Any) -> Loss:
    """Return the loss that a string, a description, a function, a class or a loss stands for.

    Parameters
    ----------
    identifier : str, dict, function of this module, class or Loss
        ``"mse"``, ``"sparse_categorical_crossentropy"`` ...

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
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str):
        cls = None if identifier == "FunctionLoss" else CLASSES.get(identifier)
        return (cls or lookup("loss", identifier, STRINGS))()
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier) and not isinstance(identifier, type):
        known = CLASS_OF.get(identifier)
        return FunctionLoss(identifier) if known is None else known()
    msg = f"a loss must be a name, a function or a hotloop.losses.Loss, got {quoted(identifier)}"
    raise TypeError(msg)


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> Loss:
    """Make a loss from its description, which `serialize` answers.

    Raises
    ------
    ValueError
        When the class is unknown, or its arguments are refused.

    Examples
    --------
    >>> deserialize(serialize(Huber(0.5))).delta
    0.5
    """
    made: Loss = _deserialize("loss", config, CLASSES, custom_objects)
    return made


# Keras's short names of functions.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence
bce = BCE = binary_crossentropy

__all__ = [
    "BCE",
    "CTC",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "NLL",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CategoricalLoss",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "FunctionLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "SumSquaredError",
    "Tversky",
    "as_outputs",
    "bce",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

serve(__name__)
