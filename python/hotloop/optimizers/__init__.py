"""Optimizers: Keras 3's equations and defaults."""

from __future__ import annotations

from typing import Any

from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.optimizers import schedules
from hotloop.optimizers.adaptive import Adadelta, Adamax, Ftrl, Lion, Nadam, ScheduleFreeAdamW
from hotloop.optimizers.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from hotloop.optimizers.base import Optimizer
from hotloop.optimizers.by_weight import Adafactor, Lamb, Muon
from hotloop.registry import deserialize as _deserialize
from hotloop.registry import lookup, serialize

CLASSES: dict[str, type[Optimizer]] = {
    cls.__name__: cls
    for cls in (
        SGD,
        Adagrad,
        RMSprop,
        Adam,
        AdamW,
        Adadelta,
        Adafactor,
        Adamax,
        Ftrl,
        Lamb,
        Lion,
        Muon,
        Nadam,
        ScheduleFreeAdamW,
    )
}
_STRINGS = {name.lower(): cls for name, cls in CLASSES.items()}


def get(identifier: Any) -> Optimizer:
    """Return the optimizer that a string, a description, a class or an optimizer stands for.

    Parameters
    ----------
    identifier : str, dict, class or Optimizer
        ``"adam"``, ``"sgd"`` ...

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("adam").learning_rate
    0.001
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return lookup("optimizer", identifier.lower(), _STRINGS)()
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    msg = f"an optimizer must be a name or a hotloop.optimizers.Optimizer, got {quoted(identifier)}"
    raise TypeError(msg)


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> Optimizer:
    """Make an optimizer from its description, which `serialize` answers.

    Raises
    ------
    ValueError
        When the class is unknown, or its arguments are refused.

    Examples
    --------
    >>> deserialize(serialize(SGD(momentum=0.5))).momentum
    0.5
    """
    made: Optimizer = _deserialize("optimizer", config, CLASSES, custom_objects)
    return made


def LossScaleOptimizer(
    inner_optimizer: Any,
    initial_scale: float = 2.0**15,  # noqa: ARG001
    dynamic_growth_steps: int = 2000,  # noqa: ARG001
    **kwargs: Any,  # noqa: ARG001
) -> Optimizer:
    """Return the optimizer itself: gradients of float32 and float64 need no scaling.

    Examples
    --------
    >>> LossScaleOptimizer(SGD(0.1)).learning_rate
    0.1
    """
    return get(inner_optimizer)


__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

serve(__name__)
