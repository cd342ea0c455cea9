"""Models on tensors: their calls run one by one and are remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotloop.autodiff import elementwise
from hotloop.autodiff.rule import TensorBase, mode
from hotloop.autodiff.tensor import Tensor
from hotloop.graph.graph import Graph
from hotloop.layers.cache import Cache
from hotloop.layers.sources import OwnWeights
from hotloop.layers.tensors import watched
from hotloop.random import generator


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
    with mode.recorder.off():
        return mode.recorder.draw(forward, generator())


def evaluate(graph: Graph, inputs: list[Any], training: bool, dtype: str) -> list[Any]:
    """Return the outputs of a graph for tensors, calling its layers one by one."""
    values: dict[int, Any] = {}
    batch = 0
    for number, x in zip(graph.inputs, inputs, strict=True):
        tensor = as_tensor(x, dtype)
        batch = len(tensor)
        scale, offset = graph.scaling(number)
        if (scale, offset) != (1.0, 0.0):
            tensor = elementwise.add(elementwise.multiply(tensor, scale), offset)
        values[number] = tensor
    for node in graph.nodes:
        told = training if node.training is None else node.training
        layer = node.layer
        if node.inputs:
            parts = [values[i] for i in node.inputs]
            values[node.output] = layer(parts if layer.takes_several else parts[0], training=told)
        elif isinstance(layer, OwnWeights):
            weight = layer.weight(node.which or "")
            tape = next((t for t in reversed(mode.tapes) if t.watches_weights), None)
            watch = tape is not None and layer.trainable and weight.trainable
            values[node.output] = (
                tape.leaf_of_weight(weight) if watch and tape is not None else Tensor(weight.value)
            )
        else:
            cache = Cache(layer)
            cache.which, cache.batch = node.which, batch
            values[node.output] = _drawn(layer, cache, told)
    return [values[i] for i in graph.outputs]
