"""The gradients of layers, losses and models, checked against central differences."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import losses
from hotloop._support.quoting import quoted
from hotloop.data.targets import as_array
from hotloop.engine.objective import Objective
from hotloop.gradcheck.by_hand import ByHand, ByRules
from hotloop.gradcheck.calls import check_call, check_loss
from hotloop.gradcheck.compare import Settings
from hotloop.gradcheck.frozen import copy_of_layer, copy_of_model, global_chance_kept
from hotloop.gradcheck.models import check_calls, check_whole
from hotloop.gradcheck.report import ArrayCheck, GradientReport
from hotloop.graph.tracing import own_call
from hotloop.layers import Input, Layer
from hotloop.losses import Loss
from hotloop.models import Model

__all__ = ["gradient_check"]

Array = NDArray[Any]


def gradient_check(
    target: Any,
    x: Any,
    y: Any = None,
    *,
    loss: Any = None,
    sample_weight: Any = None,
    training: bool = True,
    h: float = 1e-5,
    tolerance: float = 1e-5,
    max_elements: int | None = 200,
    seed: int = 0,
    raises: bool = False,
) -> GradientReport:
    """Hold every gradient of a layer, a loss or a model to central differences, and name what is wrong.

    The check runs on a copy in float64, so that `target` stays as it is, built or not. Dropout draws the same
    mask in every forward, and running statistics are put back before each. Rounding is told apart from faults;
    where a kink (of ReLU, of a maximum) lies within `h`, an element is held to the slope of one side, and a note
    says so.

    Parameters
    ----------
    target : Layer, Loss, Model or callable
        A layer is checked alone, under a random gradient of its output: its input and its weights. A loss is
        checked at outputs `x` and targets `y`. A model is checked whole, each weight; then, to find a fault, each
        of its calls alone. Objects as lessons write them will do: a layer with ``forward(x)``, ``backward(dout)``
        and ``dW`` beside ``W``, a loss with ``forward(y, t)`` and ``backward()``. So will a plain function over
        `hotloop.ops`: of tensors, one for each array of a list `x`, or with `y` a loss ``f(y_true, y_pred)``.
    x : array_like
        A batch. Several samples, more than features if that is cheap, show more than one; a list for several
        inputs.
    y : array_like, optional
        Targets, of a loss or for a model's loss. A model without gets a random gradient of its output.
    loss : str or Loss, optional
        For a model with targets; by default what it was compiled with.
    sample_weight : array_like, optional
        One weight for each sample, in the loss.
    training : bool
        Whether layers are told that they train. A model with targets always trains.
    h : float
        The step.
    tolerance : float
        The largest difference allowed, relative to the largest gradient of an array.
    max_elements : int, optional
        Elements compared in each array, drawn by `seed`; None compares all. Some faults are named only where all
        elements of an array are compared.
    seed : int
        Of the elements and of the random gradients.
    raises : bool
        Whether a fault raises an AssertionError with the report.

    Returns
    -------
    GradientReport
        True when all is right. ``report.ok``, ``report.faults``, ``report.notes``, ``report["dense/kernel"]``;
        as a string a table.

    Raises
    ------
    TypeError
        `target` is none of the three, or cannot be copied.
    ValueError
        A loss without targets, a model with targets and no loss, a step or tolerance that is not positive.
    AssertionError
        A gradient is wrong and `raises` is set.

    Notes
    -----
    Known by name: a batch mean that is missing or taken twice, a transpose that is missing, gradients modified in
    place, a missing factor in the derivative of an activation, pooling that sends gradients to the wrong position,
    batch normalisation without the term of the mean or of the variance, a bias summed over the wrong axis, weights
    without a gradient, gradients that are added where they must be overwritten.

    Source: K. Saito, "Deep Learning from Scratch", O'Reilly Japan, 2016, section 5.7.4.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> x = np.random.default_rng(0).standard_normal((8, 3))
    >>> gradient_check(hl.layers.Dense(2, activation="tanh"), x).ok
    True
    >>> class Forgetful(hl.losses.MeanSquaredError):
    ...     def backward(self):
    ...         return 8 * super().backward()
    >>> gradient_check(Forgetful(), x, np.zeros((8, 3))).faults
    ['mean_squared_error/output: analytic is 8 times numeric: is the batch mean missing?']
    """
    if not h > 0 or not tolerance > 0:
        msg = f"gradient_check: h and tolerance must be positive, but got {h} and {tolerance}"
        raise ValueError(msg)
    settings = Settings(float(h), float(tolerance), max_elements, int(seed))
    name = str(getattr(target, "name", type(target).__name__))
    with global_chance_kept():
        if isinstance(target, Model):
            entries = _model(target, x, y, loss, sample_weight, training, settings)
        elif isinstance(target, Layer):
            entries = _layer(target, x, training, settings)
        elif callable(getattr(target, "forward", None)) and callable(
            getattr(target, "backward", None)
        ):
            entries = (
                _by_hand(target, x, training, settings)
                if y is None
                else _loss(target, x, y, sample_weight, settings)
            )
        elif callable(target):
            entries = (
                _rules(target, x, training, settings)
                if y is None
                else _loss(losses.get(target), x, y, sample_weight, settings)
            )
        else:
            msg = f"gradient_check: target must be a layer, a loss or a model, got {quoted(target)}"
            raise TypeError(msg)
    report = GradientReport(name, entries)
    if raises and not report.ok:
        raise AssertionError(str(report))
    return report


def _loss(target: Any, x: Any, y: Any, weights: Any, settings: Any) -> list[ArrayCheck]:
    return check_loss(copy.deepcopy(target), x, y, settings, weights)


def _by_hand(target: Any, x: Any, training: bool, settings: Any) -> list[ArrayCheck]:
    if isinstance(target, Loss):
        msg = "gradient_check: a loss needs targets: gradient_check(loss, outputs, targets)"
        raise ValueError(msg)
    batch = np.asarray(as_array("gradient_check", "x", x), np.float64)
    return check_call(ByHand(target, batch), [batch], training, settings)


def _rules(target: Any, x: Any, training: bool, settings: Any) -> list[ArrayCheck]:
    given = list(x) if isinstance(x, tuple | list) and np.ndim(x[0]) else [x]
    parts = [np.asarray(as_array("gradient_check", "x", part), np.float64) for part in given]
    several = len(parts) > 1
    return check_call(ByRules(target, len(parts)), parts, training, settings, several)


def _layer(target: Any, x: Any, training: bool, settings: Any) -> list[ArrayCheck]:
    layer = copy_of_layer(target)
    parts = [
        np.asarray(as_array("gradient_check", "x", part), np.float64)
        for part in (x if layer.takes_several else [x])
    ]
    shapes = [(None, *part.shape[1:]) for part in parts]
    if own_call(layer) is not None:  # made of other layers
        given = Input(shapes[0][1:], dtype="float64")
        return _model(Model(given, layer(given)), x, None, None, None, training, settings)
    layer.ensure_built(tuple(shapes) if layer.takes_several else shapes[0], "float64")
    return check_call(layer, parts, training, settings, layer.takes_several)


def _model(
    target: Any, x: Any, y: Any, loss: Any, weights: Any, training: bool, settings: Any
) -> list[ArrayCheck]:
    """Check the weights of a model, whole; then the calls alone that may be to blame."""
    asked = loss if loss is not None else target.loss
    if y is not None and asked is None:
        msg = "gradient_check: give a loss, or compile the model, to check it with targets"
        raise ValueError(msg)
    model = copy_of_model(target)
    model.graph(x)
    by_hand = y is None or not _is_loss(asked)
    if not by_hand:
        model.compile("sgd", losses.get(asked) if isinstance(asked, type) else asked)
    entries = check_whole(model, x, y, asked if by_hand else None, weights, training, settings)
    suspects = check_calls(model, x, y, asked, entries, training, settings)
    culprits = list(dict.fromkeys(entry.name.split("/")[0] for entry in suspects if not entry.ok))
    known = {entry.name: entry for entry in suspects}
    for entry in entries:
        if entry.ok:
            continue
        own = known.pop(entry.name, None)
        if own is not None and not own.ok:
            entry.faults = own.faults
        elif culprits:
            entry.notes.append(f"follows from {', '.join(culprits)}")
    return entries + [entry for entry in known.values() if not entry.ok]


def _is_loss(asked: Any) -> bool:
    """Whether `compile` takes it."""
    plain = isinstance(asked, str | list | tuple | Mapping | Loss | Objective | type)
    return plain or (isinstance(asked, Callable) and not hasattr(asked, "backward"))  # type: ignore[arg-type]
