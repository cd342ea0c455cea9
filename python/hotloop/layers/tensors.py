"""Calls of layers on tensors: each is remembered as one operation of its inputs and weights."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, Entry, TensorBase, mode
from hotloop.autodiff.tensor import Tensor
from hotloop.graph.layer import LayerLike
from hotloop.layers.cache import Cache


class _LayerCall:
    """Stands as the rule of a remembered call of a layer.

    Attributes
    ----------
    how : str
        "core" when forward and backward are core calls alone, else "python".
    """

    def __init__(
        self, layer: LayerLike, names: list[str], shapes: list[Any], count: int = 0
    ) -> None:
        self.layer, self.names, self.count = layer, names, count
        self.name = f"layer {layer.name!r}"
        self.how = "core" if layer.is_recorded(shapes) else "python"

    def forward(self, cache: Cache, arrays: tuple[Array, ...], training: bool) -> Array:
        """Return the output."""
        given: Any = arrays if self.layer.takes_several or cache.roles else arrays[0]
        return np.asarray(self.layer.forward(given, cache, training))

    def backward(self, cache: Cache, dy: Array, *further: Array) -> tuple[Array | None, ...]:
        """Return the gradients of the inputs, then of the weights."""
        cache.targets = {}
        cache.dfurther = dict(enumerate(further, 1))
        parts = self.layer.backward(np.asarray(dy, order="C"), cache)
        inputs = parts if self.layer.takes_several or cache.roles else (parts,)
        if inputs is None:
            inputs = (None,)
        return (*inputs, *(cache.targets.get(name) for name in self.names))


def watched(x: Any) -> Any:
    """Return the tensor that `x` is, or that a recording tape keeps for it; else None."""
    if isinstance(x, TensorBase):
        return x
    for tape in reversed(mode.tapes):
        leaf = tape.leaf(x)
        if leaf is not None:
            return leaf
    return None


def call_on_tensors(
    layer: LayerLike, x: Any, training: bool, beside: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """Return what a layer answers to tensors, or to arrays inside a tape's block."""
    several = layer.takes_several
    parts = list(x) if several else [x]
    tensors = [watched(part) for part in parts]
    recorder = mode.recorder
    if recorder is not None:
        arrays = [recorder.contiguous(recorder.live(part), layer.dtype) for part in parts]
    else:
        arrays = [
            np.asarray(part.data if isinstance(part, TensorBase) else part, layer.dtype, order="C")
            for part in parts
        ]
    shapes = [(None, *array.shape[1:]) for array in arrays]
    count = len(layer.further_shapes(shapes[0]))
    for part in beside.values():
        tensors.append(watched(part))
        data = part.data if isinstance(part, TensorBase) else part
        arrays.append(recorder.live(part) if recorder is not None else np.asarray(data, order="C"))
    layer.ensure_built(tuple(shapes) if several else shapes[0])
    tape = next((t for t in reversed(mode.tapes) if t.watches_weights), None)
    weights = []
    if tape is not None and mode.enabled and layer.trainable:
        weights = [w for w in layer.ordered_weights() if w.trainable]
    cache = Cache(layer, accumulate=True)
    needs = [t is not None and t.requires_grad for t in tensors]
    cache.need_dx, cache.roles = any(needs), tuple(beside)
    rule = _LayerCall(layer, [w.name for w in weights], shapes, count)
    if recorder is not None:
        y = _recorded(recorder, rule, cache, arrays, training)
    else:
        before, mode.tapes = mode.tapes, ()
        try:
            # The layer's own arithmetic is one remembered call, not many.
            y = rule.forward(cache, tuple(arrays), training)
        finally:
            mode.tapes = before
    ys = [y, *cache.further[:count]]

    def made(entry: Any) -> Any:
        answers = [
            (
                (Tensor(part) if entry is None else Tensor.made_by(part, entry, i))
                if recorder is None
                else recorder.made(part, entry, i)
            )
            for i, part in enumerate(ys)
        ]
        return answers if count else answers[0]

    if not mode.enabled or not (any(needs) or weights):
        return made(None)
    leaves = [] if tape is None else [tape.leaf_of_weight(w) for w in weights]
    entry = Entry(
        rule,
        cache,
        (*(t if need else None for t, need in zip(tensors, needs, strict=True)), *leaves),
        [(part.shape, part.dtype) for part in ys] if count else None,
    )
    return made(entry)


def _recorded(
    recorder: Any, rule: _LayerCall, cache: Cache, arrays: list[Array], training: bool
) -> Array:
    """Append the forward of a layer to a recording, and return its output."""
    layer = rule.layer
    recorder.uses(layer)
    for weight in layer.ordered_weights():
        recorder.guard(weight, "value")
    cache.recorded = rule.how == "core"
    writes = recorder.changes(*layer.changed_arrays(cache, training))

    def forward(kept: Cache, *given: Array) -> Array:
        return rule.forward(kept, given, training)

    forward.__name__ = rule.name
    wide = rule.how == "python"
    found = recorder.step(forward, cache, arrays, rule.how, writes, wide)
    y: Array = found[0]
    return y
