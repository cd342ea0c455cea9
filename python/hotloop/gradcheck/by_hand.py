"""What stands as a layer for the check: objects as lessons write them, and functions over tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.autodiff.tensor import Tensor
from hotloop.layers import Cache, Layer
from hotloop.parameters import Weight
from hotloop.registry import snake_case

Array = NDArray[Any]


class ByHand(Layer):
    """A layer around an object with ``forward(x)`` and ``backward(dout)``, which is copied.

    Arrays of floats are weights when backward leaves a gradient under the same name with a ``d`` in front.

    Parameters
    ----------
    given : object
        The layer as a lesson writes it.
    x : ndarray
        A batch, to see which gradients backward leaves.
    """

    def __init__(self, given: Any, x: Array) -> None:
        super().__init__(name=snake_case(type(given).__name__), dtype="float64")
        self.inner = copy.deepcopy(given)
        trial = copy.deepcopy(given)
        trial.backward(np.ones_like(np.asarray(trial.forward(x.copy()), np.float64)))
        for name, value in list(vars(self.inner).items()):
            floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            if floats and isinstance(getattr(trial, f"d{name}", None), np.ndarray):
                wide = np.array(value, np.float64)
                setattr(self.inner, name, wide)
                self._weights[name] = Weight(name, wide, True)
        self.built = True

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Ask the object."""
        return np.asarray(self.inner.forward(x))

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Ask the object, and fetch the gradients that it leaves on itself."""
        dx = self.inner.backward(dy)
        for name in self._weights:
            cache.grad(name)[...] = getattr(self.inner, f"d{name}")
        return dx


class ByRules(Layer):
    """A layer around a function of tensors, whose gradient the rules of `hotloop.ops` give.

    Parameters
    ----------
    function : callable
        Of as many tensors as there are inputs; answers one.
    count : int
        Number of inputs.
    """

    def __init__(self, function: Callable[..., Any], count: int) -> None:
        name = snake_case(getattr(function, "__name__", "function").strip("<>"))
        super().__init__(name=name, dtype="float64")
        self.function, self.takes_several, self.built = function, count > 1, True

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Call the function on tensors, and keep what it answers."""
        parts = x if self.takes_several else (x,)
        cache.given = [Tensor(part, requires_grad=True) for part in parts]
        cache.answer = self.function(*cache.given)
        if not isinstance(cache.answer, Tensor):
            kind = type(cache.answer).__name__
            msg = f"gradient_check: {self.name} must answer one tensor, got {kind}"
            raise TypeError(msg)
        return cache.answer.numpy()

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Follow the rules back; an input that nothing depends on has a gradient of zeros."""
        if cache.answer.requires_grad:
            cache.answer.backward(dy)
        grads = [np.zeros(t.shape) if t.grad is None else t.grad for t in cache.given]
        return tuple(grads) if self.takes_several else grads[0]
