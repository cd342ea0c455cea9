"""Models whose class has a `call`: the graph is what the call does to symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotloop.graph.symbol import Symbol, calls_of, ordered
from hotloop.graph.tracing import INFERENCE, TRAINING, call_on_symbols
from hotloop.layers import Dropout, Input
from hotloop.models.functional import symbol_list


def shapes_of(x: Any) -> Any:
    """Return the shapes of data or symbols, nested as `build` takes them."""
    if isinstance(x, Mapping):
        return {name: _shape(part) for name, part in x.items()}
    if isinstance(x, list | tuple) and all(isinstance(part, np.ndarray | Symbol) for part in x):
        shapes = [part.shape for part in x]
        return shapes if len(shapes) > 1 else shapes[0]
    return _shape(x)


def _shape(x: Any) -> Any:
    return x.shape if isinstance(x, Symbol) else np.shape(x)


def traced(model: Any, input_shape: Any) -> tuple[Any, Any]:
    """Return inputs of some shapes and what the `call` of a model answers to them.

    Raises
    ------
    ValueError
        When the call differs between training and inference in more than dropout.
    """
    given: Any
    if isinstance(input_shape, Mapping):
        given = {name: _input(shape, name) for name, shape in input_shape.items()}
    elif isinstance(input_shape, list) and isinstance(input_shape[0], list | tuple):
        given = [_input(shape) for shape in input_shape]
    else:
        given = _input(input_shape)
    with calls_of(None):
        outputs = call_on_symbols(model, given, TRAINING)
        inference = call_on_symbols(model, given, INFERENCE)
    inputs = symbol_list("inputs", given)
    if _calls(symbol_list("outputs", outputs), inputs) != _calls(
        symbol_list("outputs", inference), inputs
    ):
        msg = (
            f"model {model.name!r}: its call uses other layers in training than in inference; "
            "only Dropout may make the difference"
        )
        raise ValueError(msg)
    return given, outputs


def _input(shape: Sequence[int | None], name: str | None = None) -> Symbol:
    """Return an input of samples of ``shape[1:]``."""
    return Input(shape=tuple(shape)[1:], name=name)


def _calls(outputs: list[Symbol], inputs: list[Symbol]) -> list[tuple[Any, list[Any]]]:
    """Return what is called on what, without dropout, which inference leaves out."""
    order, _ = ordered(outputs, inputs)
    places: dict[int, Any] = {}
    calls: list[tuple[Any, list[Any]]] = []
    for symbol in order:
        if any(symbol is start for start in inputs):
            places[id(symbol)] = id(symbol)
        elif type(symbol.layer) is Dropout:
            places[id(symbol)] = places[id(symbol.inputs[0])]
        else:
            places[id(symbol)] = len(calls)
            calls.append(
                ((_kind(symbol.layer), symbol.which), [places[id(part)] for part in symbol.inputs])
            )
    return [*calls, (None, [places[id(symbol)] for symbol in outputs])]


def _kind(layer: Any) -> Any:
    """Return what two traces of a call agree on: the layer, or for one made anew what it does."""
    if layer.ordered_weights():
        return id(layer)
    return type(layer), {k: v for k, v in layer.get_config().items() if k != "name"}


__all__ = ["shapes_of", "traced"]
