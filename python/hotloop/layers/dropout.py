"""Dropout of elements and of whole channels, with a counter that lives beside the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core, random
from hotloop._support.arguments import number, whole
from hotloop._support.arguments import shape as shape_of
from hotloop._support.typing import Shape
from hotloop.config import check_data_format
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.checks import require_rank
from hotloop.parameters import is_loading


class Seeded(Layer, builtin=True):
    """A layer that draws: what it draws is a function of its seed, its count of calls and place alone."""

    def __init__(self, rate: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.rate = number(who, "rate", rate, "lie in [0, 1]", lambda r: 0.0 <= r <= 1.0)
        self.seed = None if seed is None else whole(who, "seed", seed)
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

    def drawn(self, recorded: bool) -> tuple[Any, Any]:
        """Count a call, and return seed and offset: arrays that a recorded step reads in each run."""
        _core.sgd_update(self._calls, self._one, -1.0)
        key, offset = self._key, self._calls.view(np.int64)
        return (key, offset) if recorded else (int(key[0]), int(offset[0]))

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


class Dropout(Seeded, builtin=True):
    """In training, set a random share of the elements to 0 and scale up the rest.

    ``y = x / (1 - rate)`` where the element stays, else 0; outside training ``y = x``.
    The mask is a function of seed, count of calls and place alone: it does not depend on threads,
    and a saved model goes on with the mask that the running one would have drawn next.

    Parameters
    ----------
    rate : float
        Share to drop, in [0, 1]; 1 drops everything.
    noise_shape : tuple of int or None, optional
        Sizes of the mask: 1 along axes that share it, None for those of the input. None shares none.
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

    supports_masking = True

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        if noise_shape is not None:
            noise_shape = list(shape_of("Dropout", "noise_shape", noise_shape))
        self.noise_shape = noise_shape

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the mask for inputs of `shape`."""
        if self.noise_shape is None:
            return shape
        if len(self.noise_shape) != len(shape) or any(
            n not in (None, 1, size) for n, size in zip(self.noise_shape, shape, strict=True)
        ):
            msg = (
                f"{type(self).__name__} {self.name!r}: noise_shape {self.noise_shape} does not fit "
                f"inputs of shape {shape}"
            )
            raise ValueError(msg)
        return tuple(n or size for n, size in zip(self.noise_shape, shape, strict=True))

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Drop in training; else answer `x` itself."""
        cache.mask, cache.dropped = None, training and self.rate == 1.0
        cache.factor = None
        if not training or self.rate == 0.0:
            return x
        if self.rate == 1.0:
            return _core.gather_rows(x, None, None, 0.0)
        live = self.drawn(cache.recorded)
        shape = self.mask_shape(x.shape)
        if shape == x.shape:
            y, cache.mask = _core.dropout(x, self.rate, *live)
            return y
        cache.factor, _ = _core.dropout(np.ones(shape, x.dtype), self.rate, *live)
        return _core.multiply(x, cache.factor)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Drop the same elements of the gradient."""
        if not cache.need_dx:
            return None
        if cache.factor is not None:
            return _core.multiply(dy, cache.factor)
        if cache.mask is None:
            return _core.gather_rows(dy, None, None, 0.0) if cache.dropped else dy
        return _core.dropout_backward(dy, cache.mask, self.rate, dy if cache.owns_dy else None)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"noise_shape": self.noise_shape, **super().get_config()}


class _SpatialDropout(Dropout, builtin=True):
    """Dropout of whole channels: one mask for all places."""

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        data_format = kwargs.pop("data_format", None) if self.rank == 2 else "channels_last"
        super().__init__(rate, None, seed, **kwargs)
        self.data_format: Any = check_data_format(type(self).__name__, data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape as it is; a ValueError for another number of axes."""
        require_rank(self, input_shape, self.rank + 2, "of batch, places and channels")
        return input_shape

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return a size of 1 for each axis between batch and channels."""
        ones = (1,) * self.rank
        last = self.data_format == "channels_last"
        return (shape[0], *ones, shape[-1]) if last else (*shape[:2], *ones)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        del given["noise_shape"]
        return given | ({"data_format": self.data_format} if self.rank == 2 else {})


class SpatialDropout1D(_SpatialDropout, builtin=True):
    """Dropout of whole channels of sequences ``(N, W, C)``; `rate`, `seed` as for `Dropout`.

    Source: Tompson et al., CVPR 2015.

    Examples
    --------
    >>> import hotloop as hl
    >>> y = hl.layers.SpatialDropout1D(0.5, seed=0)([[[1.0, 1.0, 1.0]] * 2], training=True)
    >>> bool((y[:, 0] == y[:, 1]).all())
    True
    """


class SpatialDropout2D(_SpatialDropout, builtin=True):
    """Dropout of whole channels of images, ``(N, H, W, C)``; `rate`, `seed` as for `Dropout`.

    `data_format` as for `Conv2D`.
    """

    rank = 2
