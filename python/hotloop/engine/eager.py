"""Models on tensors: their calls run one by one and are remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.autodiff import elementwise
from hotloop.autodiff.rule import TensorBase, mode
from hotloop.autodiff.tensor import Tensor
from hotloop.graph.graph import Graph, Node
from hotloop.layers.cache import Cache
from hotloop.layers.sources import OwnWeights
from hotloop.layers.tensors import watched
from hotloop.random import generator

Array = NDArray[Any]


def is_eager(x: Any) -> bool:
    """Whether a call on `x` is to be remembered: inside a tape's block, or on tensors."""
    parts = list(x.values()) if isinstance(x, Mapping) else x
    parts = parts if isinstance(parts, list | tuple) else [parts]
    return bool(mode.tapes) or any(isinstance(part, TensorBase) for part in parts)


def as_tensor(x: Any, dtype: str) -> Any:
    """Return data as a tensor of `dtype`; what a tape watches stays connected to it."""
    found = watched(x)
    if found is None:
        return Tensor(np.asarray(x, dtype=dtype))
    return found if found.dtype == dtype else elementwise.cast(found, dtype=str(dtype))


def tensors_in(x: Any, dtype: str) -> Any:
    """Return data as tensors, nested as they came."""
    if isinstance(x, Mapping):
        return {name: as_tensor(part, dtype) for name, part in x.items()}
    if isinstance(x, list | tuple):
        return [as_tensor(part, dtype) for part in x]
    return as_tensor(x, dtype)


def _drawn(layer: Any, cache: Cache, training: bool) -> Any:
    """Return what a layer without inputs answers; a recorded step asks it in each run."""

    def forward() -> Any:
        return np.asarray(layer.forward((), cache, training))

    if mode.recorder is None:
        return Tensor(forward())
    return mode.recorder.draw(forward, generator())


def evaluate(graph: Graph, inputs: list[Any], training: bool, dtype: str) -> list[Any]:
    """Return the outputs of a graph for tensors, calling its layers one by one."""
    values: dict[int, Any] = {}
    for number, x in zip(graph.inputs, inputs, strict=True):
        tensor = as_tensor(x, dtype)
        scale, offset = graph.scaling(number)
        if (scale, offset) != (1.0, 0.0):
            tensor = elementwise.add(elementwise.multiply(tensor, scale), offset)
        values[number] = tensor
    batch = len(values[graph.inputs[-1]])

    def call(node: Node, parts: tuple[Any, ...]) -> Any:
        layer, told = node.layer, node.told(training)
        if parts:
            own = parts[: len(parts) - len(node.roles)]
            beside = dict(zip(node.roles, parts[len(own) :], strict=True))
            if beside or node.parts:
                return layer.answer_values(
                    list(own) if layer.takes_several else own[0], told, beside
                )
            return layer(list(parts) if layer.takes_several else parts[0], training=told)
        if not isinstance(layer, OwnWeights):
            return _drawn(layer, _cache(node, batch), told)
        weight = layer.weight(node.which or "")
        tape = next((t for t in reversed(mode.tapes) if t.watches_weights), None)
        if tape is None or not (layer.trainable and weight.trainable):
            return Tensor(weight.value)
        return tape.leaf_of_weight(weight)

    values = graph.evaluate(values, call)
    return [values[i] for i in graph.outputs]


def on_arrays(graph: Graph, inputs: list[Array], training: bool, dtype: Any) -> dict[int, Array]:
    """Return every value of a graph for arrays, each layer's `forward` run as it is written."""
    values = {}
    for number, x in zip(graph.inputs, inputs, strict=True):
        scale, offset = graph.scaling(number)
        values[number] = np.ascontiguousarray(np.asarray(x, dtype) * scale + offset, dtype)
    batch = len(values[graph.inputs[0]])

    def call(node: Node, parts: tuple[Array, ...]) -> Any:
        given: Any = parts if node.layer.takes_several or node.roles else parts[0]
        cache = _cache(node, batch)
        y = np.array(node.layer.forward(given, cache, node.told(training)))
        return [y, *cache.further] if node.parts else y

    return graph.evaluate(values, call)


def _cache(node: Node, batch: int) -> Cache:
    cache = Cache(node.layer)
    cache.which, cache.batch, cache.roles = node.which, batch, node.roles
    return cache
