"""What each parameter of an estimator may be; checked by `fit` and `partial_fit`, as in scikit-learn."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hotloop import activations, losses, optimizers


def _flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _whole(value: Any, low: int) -> bool:
    return isinstance(value, numbers.Integral) and not _flag(value) and int(value) >= low


def _real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not _flag(value) and not math.isnan(value)


def _sizes(value: Any) -> bool:
    listed = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
    return _whole(value, 1) or (listed and all(_whole(size, 1) for size in value))


def _seed(value: Any) -> bool:
    seed = _whole(value, 0) and int(value) < 2**32
    return seed or value is None or isinstance(value, np.random.RandomState)


def _float_type(value: Any) -> bool:
    try:
        return value is None or np.dtype(value) in (np.float32, np.float64)
    except TypeError:
        return False


def _class_weight(value: Any) -> bool:
    several = isinstance(value, list) and all(isinstance(part, Mapping) for part in value)
    balanced = isinstance(value, str) and value == "balanced"
    return value is None or balanced or several or isinstance(value, Mapping)


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "hidden_layer_sizes": (_sizes, "a positive integer or a sequence of them"),
    "model": (lambda v: v is None or callable(v), "None or a function that returns a model"),
    "model_params": (lambda v: v is None or isinstance(v, Mapping), "None or a dict"),
    "learning_rate": (
        lambda v: v is None or callable(v) or (_real(v) and 0 < v < math.inf),
        "None, a finite number above 0 or a learning rate schedule",
    ),
    "weight_decay": (lambda v: _real(v) and 0 <= v < math.inf, "a finite number from 0"),
    "batch_size": (
        lambda v: _whole(v, 1) or (isinstance(v, str) and v == "auto"),
        "'auto' or a positive integer",
    ),
    "max_iter": (lambda v: _whole(v, 1), "a positive integer"),
    "shuffle": (_flag, "True or False"),
    "random_state": (_seed, "None, an integer from 0 to 2**32 - 1 or a numpy RandomState"),
    "tol": (lambda v: _real(v) and v >= 0, "a number from 0"),
    "n_iter_no_change": (
        lambda v: _whole(v, 1) or (_real(v) and v == math.inf),
        "a positive integer or inf",
    ),
    "early_stopping": (_flag, "True or False"),
    "validation_fraction": (lambda v: _real(v) and 0 <= v < 1, "a number from 0 to below 1"),
    "class_weight": (_class_weight, "None, 'balanced' or a dict (for several labels, a list)"),
    "warm_start": (_flag, "True or False"),
    "dtype": (_float_type, "None, 'float32' or 'float64'"),
    "verbose": (lambda v: _flag(v) or _whole(v, 0), "True, False or an integer from 0"),
}
# Names and objects, whose own modules say what is valid.
_RESOLVED: dict[str, Callable[[Any], Any]] = {
    "activation": activations.get,
    "loss": losses.get,
    "optimizer": optimizers.get,
}


def check(estimator: str, settings: Mapping[str, Any]) -> None:
    """Raise a ValueError for the first setting that breaks its rule.

    Parameters
    ----------
    estimator : str
        Named in the error.
    settings : mapping of str to object
        What ``get_params(deep=False)`` answers.

    Raises
    ------
    ValueError
        With the name of the parameter, the rule and what came.
    TypeError
        For an activation, loss or optimizer that is of no kind that its module knows.
    """
    for name, value in settings.items():
        if name in _RESOLVED:
            _RESOLVED[name](value)
            continue
        accept, rule = RULES[name]
        if not accept(value):
            msg = f"{estimator}: {name} must be {rule}, got {value!r:.100}"
            raise ValueError(msg)


__all__ = ["RULES", "check"]
