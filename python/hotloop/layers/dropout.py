"""Dropout, with a counter that lives beside the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core, random
from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.parameters import is_loading


class Dropout(Layer, builtin=True):
    """In training, set a random share of the elements to 0 and scale up the rest.

    ``y = x / (1 - rate)`` where the element stays, else 0; outside training ``y = x``.
    The mask is a function of seed, count of calls and place alone: it does not depend on threads,
    and a saved model goes on with the mask that the running one would have drawn next.

    Parameters
    ----------
    rate : float
        Share to drop, in [0, 1]; 1 drops everything.
    seed : int, optional
        None draws one from `hotloop.random` when the layer is built.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        When `rate` lies outside [0, 1].

    Notes
    -----
    Source: Srivastava et al., JMLR 15, 2014, in its inverted form.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.Dropout(0.5, seed=0)
    >>> layer([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    >>> sorted(set(layer([[1.0] * 64], training=True).ravel().tolist()))
    [0.0, 2.0]
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs: Any) -> None:
        # Keras's noise_shape shares a mask between elements; None, which shares none, is taken.
        noise_shape = kwargs.pop("noise_shape", None)
        super().__init__(**kwargs)
        if noise_shape is not None:
            msg = f"Dropout: noise_shape must be None, got {quoted(noise_shape)}"
            raise ValueError(msg)
        self.rate = number("Dropout", "rate", rate, "lie in [0, 1]", lambda r: 0.0 <= r <= 1.0)
        self.seed = None if seed is None else whole("Dropout", "seed", seed)
        self._key = np.zeros(1, np.int64)
        # Counted by a core op, which adds to floats alone: each count has a bit pattern of its
        # own, and that is the offset which the generator reads.
        self._calls = np.zeros(1, np.float64)
        self._one = np.ones(1, np.float64)

    def build(self, input_shape: Shape) -> None:  # noqa: ARG002
        """Settle the seed."""
        if self.seed is not None:
            self._key[0] = np.array(self.seed % 2**64, np.uint64).astype(np.int64)
        elif not is_loading():
            self._key[0] = random.generator().integers(2**63)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Drop in training; else answer `x` itself."""
        cache.mask, cache.dropped = None, training and self.rate == 1.0
        if not training or self.rate == 0.0:
            return x
        if self.rate == 1.0:
            return _core.gather_rows(x, None, None, 0.0)
        _core.sgd_update(self._calls, self._one, -1.0)
        key, offset = self._key, self._calls.view(np.int64)
        # A recorded step reads the arrays each time it runs.
        live = (key, offset) if cache.recorded else (int(key[0]), int(offset[0]))
        y, cache.mask = _core.dropout(x, self.rate, *live)
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Drop the same elements of the gradient."""
        if not cache.need_dx:
            return None
        if cache.mask is None:
            return _core.gather_rows(dy, None, None, 0.0) if cache.dropped else dy
        return _core.dropout_backward(dy, cache.mask, self.rate, dy if cache.owns_dy else None)

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:  # noqa: ARG002
        """Return the count of calls."""
        return [self._calls] if training else []

    def get_state(self) -> dict[str, int]:
        """Return seed and count of calls."""
        return {"seed": int(self._key[0]), "calls": int(self._calls[0])}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from what `get_state` saw; a ValueError refuses what it cannot have seen."""
        seed, calls = state["seed"], state["calls"]
        if not -(2**63) <= seed < 2**63 or not 0 <= calls < 2**53:
            msg = f"layer {self.name!r}: no state of a dropout, seed {seed} and {calls} calls"
            raise ValueError(msg)
        self._key[0], self._calls[0] = seed, calls

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"rate": self.rate, "seed": self.seed, **super().get_config()}
