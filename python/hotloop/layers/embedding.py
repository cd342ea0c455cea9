"""Embedding, Masking, and the masks that they begin."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core, initializers, regularizers
from hotloop._support.arguments import number, whole
from hotloop._support.typing import Shape
from hotloop.graph.symbol import connect
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.registry import serialize


class StepMask(Layer, builtin=True):
    """Where a sequence holds anything but a value: 1 for each step that counts, else 0.

    Parameters
    ----------
    value : float
        What a step that does not count holds.
    features : bool
        Whether a step has a last axis, which holds nothing but `value` where it does not count.
    **kwargs
        As for every layer.
    """

    recordable = False
    is_mask = True

    def __init__(self, value: float = 0.0, features: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value, self.features = number("StepMask", "value", value), bool(features)
        self.reads_ids = not self.features

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, T, ...) -> (N, T)."""
        return input_shape[:-1] if self.features else input_shape

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Compare."""
        differs = x != x.dtype.type(self.value)
        return np.asarray(differs.any(axis=-1) if self.features else differs)

    def backward(self, dy: Array, cache: Cache) -> Array | None:  # noqa: ARG002
        """No gradient passes."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"value": self.value, "features": self.features, **super().get_config()}


class Masking(Layer, builtin=True):
    """Leave out steps that hold nothing but `mask_value`: they are 0, and marked for later layers.

    Parameters
    ----------
    mask_value : float
        The value.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Masking(9.0)([[[9.0, 9.0], [9.0, 1.0]]])
    array([[[0., 0.],
            [9., 1.]]], dtype=float32)
    """

    recordable = False
    supports_masking = makes_mask = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = number("Masking", "mask_value", mask_value)

    def mask_symbol(self, inputs: tuple[Any, ...]) -> Any:
        """Return where a step holds anything else."""
        return connect(StepMask(self.mask_value, True), inputs, False)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where a step holds anything else."""
        del mask
        return np.any(np.asarray(inputs) != self.mask_value, axis=-1)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Set steps to 0."""
        cache.keep = (x != x.dtype.type(self.mask_value)).any(axis=-1, keepdims=True)
        return np.asarray(x * cache.keep)

    def backward(self, dy: Array, cache: Cache) -> Array:
        """Set their gradients to 0."""
        return np.asarray(dy * cache.keep)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"mask_value": self.mask_value, **super().get_config()}


class Embedding(Layer, builtin=True):
    """Rows of a table for whole numbers: ``y[n, t] = embeddings[x[n, t]]``.

    Numbers stay whole from the caller's array to the look-up.

    Parameters
    ----------
    input_dim : int
        Rows of the table; numbers lie in ``0 .. input_dim - 1``.
    output_dim : int
        Size of a row.
    embeddings_initializer : str or Initializer
        First values of the table ``(input_dim, output_dim)``.
    embeddings_regularizer : str or Regularizer, optional
        Penalty, added to the loss.
    mask_zero : bool
        Whether 0 is no number but the end of a sequence, which later layers leave out.
    weights : array_like, optional
        The table, or a list of it alone.
    input_length : int, optional
        Short for ``input_shape=(input_length,)``.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For numbers outside the table.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Embedding(3, 2, "ones")([[2, 0]]).shape
    (1, 2, 2)
    """

    reads_ids = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        *,
        mask_zero: bool = False,
        weights: Any = None,
        input_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        if input_length is not None and kwargs.get("input_shape") is None:
            kwargs["input_shape"] = (input_length,)
        super().__init__(**kwargs)
        self.input_dim = whole("Embedding", "input_dim", input_dim, least=1)
        self.output_dim = whole("Embedding", "output_dim", output_dim, least=1)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.mask_zero = self.makes_mask = bool(mask_zero)
        self._first = weights

    def build(self, input_shape: Shape) -> None:  # noqa: ARG002
        """Make the table."""
        shape = (self.input_dim, self.output_dim)
        self.embeddings = self.add_weight(
            "embeddings",
            shape,
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
        )
        if self._first is not None:
            table = np.asarray(self._first, self.dtype)
            self.set_weights([table.reshape(shape) if table.size == np.prod(shape) else table])
            self._first = None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, ...) -> (N, ..., D)."""
        return (*input_shape, self.output_dim)

    def mask_symbol(self, inputs: tuple[Any, ...]) -> Any:
        """Return where the numbers are not 0."""
        return connect(StepMask(), inputs, False) if self.mask_zero else None

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where the numbers are not 0."""
        del mask
        return np.asarray(inputs) != 0 if self.mask_zero else None

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """(N, ...) -> (N, ..., D)."""
        cache.ids = x if x.dtype == np.int64 else x.astype(np.int64)
        y: Array = _core.take(self.embeddings, cache.ids, 0)
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Add the gradients of equal numbers up, in the order of the numbers."""
        _core.scatter_add(
            dy.reshape(-1, self.output_dim),
            cache.ids.reshape(-1),
            self.input_dim,
            0,
            cache.grad("embeddings"),
        )
        return np.zeros(cache.ids.shape, dy.dtype) if cache.need_dx else None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "mask_zero": self.mask_zero,
            **super().get_config(),
        }


__all__ = ["Embedding", "Masking", "StepMask"]
