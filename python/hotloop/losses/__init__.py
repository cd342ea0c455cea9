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
from hotloop.losses.functions import (
    CLASS_OF,
    binary_crossentropy,
    categorical_crossentropy,
    huber,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from hotloop.losses.regression import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SumSquaredError,
)
from hotloop.registry import deserialize, enter, lookup, snake_case

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
    ),
)
# Beside the class names.
STRINGS: dict[str, type[Loss]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
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
        made: Loss = deserialize("loss", identifier, CLASSES)
        return made
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier) and not isinstance(identifier, type):
        known = CLASS_OF.get(identifier)
        return FunctionLoss(identifier) if known is None else known()
    msg = f"a loss must be a name, a function or a hotloop.losses.Loss, got {quoted(identifier)}"
    raise TypeError(msg)


__all__ = [
    "NLL",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalLoss",
    "FunctionLoss",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SumSquaredError",
    "as_outputs",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]

serve(__name__)
