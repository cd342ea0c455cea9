"""Layers written over rules: their way back follows from those of the rules."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hotloop import activations, initializers, regularizers
from hotloop.activations import ActivationFunction
from hotloop.autodiff import numeric as num
from hotloop.autodiff import shapes
from hotloop.autodiff.backward import gradients
from hotloop.autodiff.rule import Saved, mode, run
from hotloop.autodiff.tensor import Tensor
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.registry import serialize


class Weights(dict[str, Tensor]):
    """The weights of one call by name, and whether it is being recorded."""

    recorded = False


class RuleLayer(Layer, builtin=True):
    """A layer whose `compute` calls rules, and that has no backward of its own.

    A subclass stores each argument under its own name, which makes up the config. Rules that are core
    calls are recorded as such; one that uses others says ``recordable = False``.
    """

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:
        """Return the output, a tensor, for a tensor (or a tuple of them) and the weights by name."""
        raise NotImplementedError

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:
        """Compute on tensors, and keep them."""
        inputs = x if self.takes_several else (x,)
        with _apart():
            cache.inputs = [Tensor(part, requires_grad=True) for part in inputs]
            cache.weights = Weights(
                {w.name: Tensor(w.value, requires_grad=w.trainable) for w in self._weights.values()}
            )
            cache.weights.recorded = cache.recorded
            given = tuple(cache.inputs) if self.takes_several else cache.inputs[0]
            cache.y = self.compute(given, cache.weights, training)
            # Its root keeps the whole call; whoever reads the array needs it in one piece.
            return num.contiguous(cache.y.data)

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Follow the rules back to what needs a gradient."""
        names = [
            name
            for name, tensor in cache.weights.items()
            if tensor.requires_grad and (cache.accumulate or self.weight(name).grad is not None)
        ]
        inputs = cache.inputs if cache.need_dx else []
        wanted = [*inputs, *(cache.weights[name] for name in names)]
        found: dict[int, Array] = {}
        if wanted and cache.y.requires_grad:
            with _apart():
                _prune(cache.y, {id(tensor) for tensor in wanted})
                found = gradients([(cache.y, dy)], wanted)
        for name in names:
            grad, target = found.get(id(cache.weights[name])), cache.grad(name)
            num.copy_into(target, num.zeros(target.shape, target) if grad is None else grad)
        if not cache.need_dx:
            return (None,) * len(cache.inputs) if self.takes_several else None
        parts = [
            num.zeros(x.shape, dy) if id(x) not in found else num.contiguous(found[id(x)])
            for x in inputs
        ]
        return tuple(parts) if self.takes_several else parts[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**arguments_of(self), **super().get_config()}


def _prune(end: Tensor, wanted: set[int]) -> None:
    """Drop what leads to nothing wanted from the graph that `end` stands at the end of."""
    order, seen, stack = [], set(), [end.entry]
    while stack:
        entry = stack.pop()
        if entry is not None and entry.order not in seen:
            seen.add(entry.order)
            order.append(entry)
            stack += [tensor.entry for tensor in entry.inputs if tensor is not None]
    leads: set[int] = set()
    for entry in sorted(order, key=lambda one: one.order):
        kept = [
            tensor
            if tensor is not None
            and (id(tensor) in wanted or (tensor.entry and tensor.entry.order in leads))
            else None
            for tensor in entry.inputs
        ]
        entry.inputs = kept
        entry.saved.needs = tuple(tensor is not None for tensor in kept)
        if any(entry.saved.needs):
            leads.add(entry.order)


@contextmanager
def _apart() -> Iterator[None]:
    """Remember inside what no tape, no recording and no `no_grad` outside has to do with."""
    before = mode.tapes, mode.recorder, mode.enabled
    mode.tapes, mode.recorder, mode.enabled = (), None, True
    try:
        yield
    finally:
        mode.tapes, mode.recorder, mode.enabled = before


def arguments_of(layer: Layer) -> dict[str, Any]:
    """Return the arguments of a layer's ``__init__``, read from attributes of their names."""
    names = list(inspect.signature(type(layer).__init__).parameters)[1:]
    return {name: _plain(name, getattr(layer, name)) for name in names if name != "kwargs"}


def _plain(name: str, value: Any) -> Any:
    if name.endswith("_initializer"):
        return serialize(value)
    if name.endswith("_regularizer"):
        return regularizers.serialize(value)
    if isinstance(value, ActivationFunction):
        return activations.serialize(value)
    return _listed(value)


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, tuple | list) else value


class _ActivationRule:
    """Stands as the rule of an activation."""

    def __init__(self, act: ActivationFunction) -> None:
        self.act, self.name = act, act.name

    def forward(self, saved: Saved, x: Array) -> Array:
        y = self.act.forward(x)
        saved.kept = y if self.act.saves == "y" else x
        return y

    def backward(self, saved: Saved, dy: Array) -> tuple[Array]:
        return (self.act.backward(dy, saved.kept),)


def activated(act: ActivationFunction, x: Any) -> Any:
    """Return an activation of a tensor."""
    return x if act.is_linear else run(_ActivationRule(act), x)


def as_images(x: Any, data_format: str, rank: int) -> Any:
    """Return sequences or images as channels-last images."""
    if data_format == "channels_first":
        x = shapes.transpose(x, axes=[0, *range(2, rank + 2), 1])
    return shapes.reshape(x, shape=(x.shape[0], 1, *x.shape[1:])) if rank == 1 else x


def from_images(y: Any, data_format: str, rank: int) -> Any:
    """Return channels-last images in the layout that `as_images` was given."""
    if rank == 1:
        y = shapes.reshape(y, shape=(y.shape[0], *y.shape[2:]))
    if data_format == "channels_first":
        y = shapes.transpose(y, axes=[0, rank + 1, *range(1, rank + 1)])
    return y


def read_makers(layer: Layer, given: Mapping[str, Any]) -> None:
    """Store initializers and regularizers, which `given` names, on a layer."""
    for name, value in given.items():
        get = initializers.get if name.endswith("_initializer") else regularizers.get
        setattr(layer, name, get(value))


__all__ = [
    "RuleLayer",
    "Weights",
    "activated",
    "arguments_of",
    "as_images",
    "from_images",
    "read_makers",
]
