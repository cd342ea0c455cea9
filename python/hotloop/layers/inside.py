"""Layers inside of layers: weights that the outer one lists, and calls that rules follow back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from hotloop.autodiff.backward import gradients
from hotloop.autodiff.rule import TensorBase, mode
from hotloop.autodiff.tape import GradientTape
from hotloop.autodiff.tensor import Tensor
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.registry import deserialize, own, serialize


def hold(outer: Layer, inner: Any, prefix: str, build: Callable[[], object]) -> None:
    """Build `inner`, and list its weights as those of `outer`, `prefix` before their names."""
    given = inner.given_name
    inner.given_name, inner.weight_prefix = outer.name, outer.weight_prefix + prefix
    inner.dtype = outer.dtype
    try:
        build()
    finally:
        inner.given_name = given
    for weight in {id(weight): weight for weight in inner.ordered_weights()}.values():
        if not weight.name.startswith(inner.weight_prefix):  # of a layer inside of a `call`
            weight.name = f"{inner.weight_prefix}{weight.name}"
        while weight.name in outer._weights:
            weight.name += "_"
        outer._weights[weight.name] = weight


def inner_cache(inner: Layer, cache: Cache, roles: Sequence[str] = ()) -> Cache:
    """Return the cache of a call of `inner`, as `cache` is that of the outer one's."""
    made = Cache(inner, cache.accumulate)
    made.recorded, made.backward_follows, made.roles = (
        cache.recorded,
        cache.backward_follows,
        tuple(roles),
    )
    return made


def follow(inner: Layer, dy: Array, made: Cache, cache: Cache) -> Any:
    """Return what the backward of `inner` answers; its weights' gradients become the outer's."""
    made.need_dx, made.accumulate = cache.need_dx, cache.accumulate
    answer = inner.backward(dy, made)
    for name, target in made.targets.items():
        cache.targets[inner.weight(name).name] = target
    return answer


@contextmanager
def apart(tape: Any = None) -> Iterator[None]:
    """Let `tape` alone remember what is called inside."""
    before = mode.tapes, mode.recorder, mode.enabled
    mode.tapes, mode.recorder, mode.enabled = () if tape is None else (tape,), None, True
    try:
        yield
    finally:
        mode.tapes, mode.recorder, mode.enabled = before


class Remembered:
    """One call of a function of tensors, and its way back.

    Parameters
    ----------
    layer : Layer
        Whose weights the function reads.
    function : callable
        Of tensors; answers a list of them.
    arrays : dict of str to ndarray
        The tensors' values by name.
    """

    def __init__(
        self, layer: Layer, function: Callable[..., list[Any]], arrays: Mapping[str, Array]
    ) -> None:
        self.layer, self.tape = layer, GradientTape()
        self.inputs = {k: Tensor(a, requires_grad=a.dtype.kind == "f") for k, a in arrays.items()}
        with apart(self.tape):
            answers = function(**self.inputs)
        self.answers = [a if isinstance(a, TensorBase) else Tensor(np.asarray(a)) for a in answers]

    def arrays(self) -> list[Array]:
        """Return the answers."""
        return [np.ascontiguousarray(answer.data) for answer in self.answers]

    def backward(self, cache: Cache, dys: Mapping[int, Array]) -> dict[str, Array | None]:
        """Write the weights' gradients, and return those of the inputs."""
        weights = {key: w for key, w in self.layer._weights.items() if w.trainable}
        leaves = {key: self.tape.leaf_of_weight(w) for key, w in weights.items()}
        targets = [
            (self.answers[i], np.asarray(dy, self.answers[i].data.dtype))
            for i, dy in dys.items()
            if self.answers[i].requires_grad
        ]
        found = gradients(targets, [*self.inputs.values(), *leaves.values()]) if targets else {}
        for key, leaf in leaves.items():
            if weights[key].grad is not None or cache.accumulate:
                cache.grad(key)[...] = found.get(id(leaf), 0)
        return {name: found.get(id(tensor)) for name, tensor in self.inputs.items()}


def described(layer: Any) -> Any:
    """Return a layer as files hold it."""
    return serialize(layer)


def layer_from(given: Any) -> Any:
    """Return the layer that a description stands for, or the layer itself."""
    return deserialize("layer", given, own("layer"), None) if isinstance(given, dict) else given
