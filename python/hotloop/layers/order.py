"""Layers that repeat or reorder what they are given: RepeatVector, Permute, Identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import shapes
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.checks import require_rank
from hotloop.layers.ruled import RuleLayer, Weights


class RepeatVector(RuleLayer, builtin=True):
    """Each row `n` times: ``(N, I)`` -> ``(N, n, I)``.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.RepeatVector(2)([[1.0, 2.0]])
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = whole("RepeatVector", "n", n, least=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, I) -> (N, n, I)."""
        require_rank(self, input_shape, 2, "(N, I)")
        return input_shape[0], self.n, input_shape[1]

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Repeat."""
        rows, features = x.shape
        y = shapes.reshape(x, shape=(rows, 1, features))
        return shapes.broadcast_to(y, shape=(rows, self.n, features))


class Permute(RuleLayer, builtin=True):
    """The axes of a sample in another order.

    Parameters
    ----------
    dims : tuple of int
        Which axis comes where, counted from 1: the batch stays in front.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        When `dims` do not name each axis once.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Permute((2, 1)).ensure_built((None, 10, 64))
    (None, 64, 10)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims) if isinstance(dims, Sequence) else (dims,)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            msg = f"Permute: dims must name each axis once, from 1, got {quoted(dims)}"
            raise ValueError(msg)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Reorder the sizes."""
        require_rank(self, input_shape, len(self.dims) + 1, f"for dims {self.dims}")
        return (input_shape[0], *(input_shape[i] for i in self.dims))

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Reorder."""
        return shapes.transpose(x, axes=(0, *self.dims))


class Identity(Layer, builtin=True):
    """``y = x``; takes the arguments of `Layer`."""

    is_view = True

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Return `x`."""
        return x

    def backward(self, dy: Array, cache: Cache) -> Array:  # noqa: ARG002
        """Return `dy`."""
        return dy
