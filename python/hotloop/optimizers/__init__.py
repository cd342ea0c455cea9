"""Optimizers: Keras 3's equations and defaults."""

from __future__ import annotations

from typing import Any

from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.optimizers import schedules
from hotloop.optimizers.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from hotloop.optimizers.base import Optimizer
from hotloop.registry import deserialize, lookup

CLASSES: dict[str, type[Optimizer]] = {
    cls.__name__: cls for cls in (SGD, Adagrad, RMSprop, Adam, AdamW)
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
        made: Optimizer = deserialize("optimizer", identifier, CLASSES)
        return made
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    msg = f"an optimizer must be a name or a hotloop.optimizers.Optimizer, got {quoted(identifier)}"
    raise TypeError(msg)


__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "schedules"]

serve(__name__)
