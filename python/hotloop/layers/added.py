"""Losses that layers and models add inside of their `call`, as nodes of a model."""

from __future__ import annotations

from typing import Any

from hotloop.layers.base import Layer
from hotloop.layers.cache import Cache


class AddedLoss(Layer, builtin=True):
    """Answers its first input; the sum of the others is added to the loss of the model.

    Stands where a `call` that uses `Layer.add_loss` ends. Every run that computes a loss adds them.

    Parameters
    ----------
    **kwargs
        As for every layer.
    """

    takes_several = True
    adds_losses = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the first input."""
        return input_shape[0]

    def forward(self, x: Any, cache: Cache, training: bool) -> Any:  # noqa: ARG002
        """Return the first input."""
        cache.inputs = len(x)
        return x[0]

    def backward(self, dy: Any, cache: Cache) -> Any:
        """Its gradient is that of the first input."""
        return dy, *(None,) * (cache.inputs - 1)
