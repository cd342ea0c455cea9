"""Layers as lessons write them: ``forward(x)``, ``backward(dout)``, and ``dW`` beside ``W``."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
