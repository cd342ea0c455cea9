"""Copies in float64 to compute on, and chance held still while they do."""

from __future__ import annotations

import copy
import random as python_random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import random

Array = NDArray[Any]
Restore = Callable[[], None]


def copy_of_model(model: Any) -> Any:
    """Return a copy of a model that computes in float64, without its optimizer.

    Raises
    ------
    TypeError
        Something in it cannot be copied.
    """
    state = model.__getstate__()
    state.pop("optimizer", None)
    state.pop("history", None)
    cls: Any = type(model)
    made = cls.__new__(cls)
    made.__setstate__(_deep(state, model.name))
    made._given_dtype = "float64"
    for layer in made.all_layers():
        _widen(layer)
    return made


def copy_of_layer(layer: Any) -> Any:
    """Return a copy of a layer that computes in float64."""
    made = _deep(layer, layer.name)
    _widen(made)
    return made


def _deep(thing: Any, name: str) -> Any:
    try:
        return copy.deepcopy(thing)
    except Exception as error:
        msg = f"gradient_check: {name!r} cannot be copied ({error}), and the original must stay as it is"
        raise TypeError(msg) from error


def _widen(layer: Any) -> None:
    """Turn a layer's weights, and the other float32 arrays that it holds, into float64."""
    wide: dict[int, Array] = {}
    for weight in layer.ordered_weights():
        old = weight.value
        weight.value = wide[id(old)] = np.array(old, dtype=np.float64)
    for name, value in list(vars(layer).items()):
        if name not in ("_weights", "_weight_attributes"):
            new = _widened(value, wide)
            if new is not value:
                object.__setattr__(layer, name, new)
    object.__setattr__(layer, "dtype", "float64")
    object.__setattr__(layer, "given_dtype", None)


def _widened(value: Any, wide: dict[int, Array]) -> Any:
    """Return `value` with float64 in the place of float32, the same array for the same array."""
    if isinstance(value, np.ndarray):
        if id(value) in wide:
            return wide[id(value)]
        if value.dtype == np.float32:
            wide[id(value)] = value.astype(np.float64)
            return wide[id(value)]
    elif type(value) in (list, tuple):
        parts = [_widened(part, wide) for part in value]
        if any(a is not b for a, b in zip(parts, value, strict=True)):
            return type(value)(parts)
    elif type(value) is dict:
        items = {key: _widened(part, wide) for key, part in value.items()}
        if any(items[key] is not value[key] for key in value):
            return items
    return value


def freeze(layers: list[Any]) -> Restore:
    """Return a function that puts chance and running statistics back to where they are now.

    Called before each forward, it makes every forward draw the same masks: the counters of Dropout, generators
    that a layer holds, the global generators, and the weights that no gradient moves.
    """
    states = [(layer, layer.get_state()) for layer in layers]
    kept = [
        (weight, weight.value.copy())
        for layer in layers
        for weight in layer.ordered_weights()
        if not weight.trainable
    ]
    own: list[tuple[Any, Any]] = []
    for layer in layers:
        for value in vars(layer).values():
            if isinstance(value, np.random.Generator):
                own.append((value.bit_generator, value.bit_generator.state))
            elif isinstance(value, python_random.Random):
                own.append((value, value.getstate()))
            elif isinstance(value, np.random.RandomState):
                own.append((value, value.get_state()))
    globally = _global_state()

    def restore() -> None:
        for layer, state in states:
            if state:
                layer.set_state(state)
        for weight, value in kept:
            weight.value[...] = value
        for holder, state in own:
            if isinstance(holder, python_random.Random):
                holder.setstate(state)
            elif isinstance(holder, np.random.RandomState):
                holder.set_state(state)
            else:
                holder.state = state
        _set_global_state(globally)

    return restore


def _global_state() -> tuple[Any, Any, Any]:
    return random.get_state(), np.random.get_state(), python_random.getstate()  # noqa: NPY002


def _set_global_state(state: tuple[Any, Any, Any]) -> None:
    random.set_state(state[0])
    np.random.set_state(state[1])  # noqa: NPY002
    python_random.setstate(state[2])


@contextmanager
def global_chance_kept() -> Iterator[None]:
    """Put the generators of hotloop, NumPy and Python back at the end."""
    state = _global_state()
    try:
        yield
    finally:
        _set_global_state(state)
