"""Layers that change shape or scale only: Input, Flatten, Reshape, Rescaling."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._support import arguments
from hotloop._support.arguments import number
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.config import check_data_format
from hotloop.graph.symbol import Symbol
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.parameters import aligned_zeros


class InputLayer(Layer, builtin=True):
    """Declares the shape of one sample; computes nothing.

    Parameters
    ----------
    shape : tuple of int, optional
        Shape of one sample; Keras's ``input_shape`` and ``batch_shape`` mean the same.
    batch_shape : tuple, optional
        Shape with the batch in front.
    **kwargs
        `name`, `dtype` of `Layer`.

    Raises
    ------
    ValueError
        When no shape is given, or more than one.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.Sequential([hl.layers.InputLayer((4,)), hl.layers.Dense(2)]).count_params()
    10
    """

    is_view = True
    is_input = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        *,
        batch_shape: Sequence[int | None] | None = None,
        input_shape: Sequence[int | None] | None = None,
        **kwargs: Any,
    ) -> None:
        shapes = {"shape": shape, "input_shape": input_shape, "batch_shape": batch_shape}
        given = [name for name, value in shapes.items() if value is not None]
        if len(given) != 1:
            msg = "Input: give the shape of one sample, such as Input(shape=(28, 28, 1))"
            if given:
                msg += f", and once; got {' and '.join(given)}"
            raise ValueError(msg)
        if batch_shape is not None:
            sizes = arguments.shape("Input", "batch_shape", batch_shape)
            if not sizes:
                msg = f"Input: batch_shape must have the batch in front, got {quoted(batch_shape)}"
                raise ValueError(msg)
            super().__init__(input_shape=sizes[1:], **kwargs)
        else:
            super().__init__(input_shape=shapes[given[0]], **kwargs)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Return `x`."""
        return x

    def backward(self, dy: Array, cache: Cache) -> Array:  # noqa: ARG002
        """Return `dy`."""
        return dy


class Flatten(Layer, builtin=True):
    """All axes but the batch become one, in the order they have.

    Parameters
    ----------
    data_format : str, optional
        ``"channels_first"`` moves the second axis, the channels, to the end first, as Keras does:
        the columns come out as those of ``"channels_last"`` images. None, also where
        `hotloop.config.image_data_format` is ``"channels_first"``, keeps the order.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Flatten()([[[1.0, 2.0], [3.0, 4.0]]])
    array([[1., 2., 3., 4.]], dtype=float32)
    """

    is_view = True
    recordable = True

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format is not None:
            check_data_format("Flatten", data_format)
        self.data_format = data_format
        if data_format == "channels_first":
            self.is_view = self.recordable = False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, ...) -> (N, product)."""
        sizes = [n for n in input_shape[1:] if n is not None]
        if len(sizes) != len(input_shape) - 1:
            return (input_shape[0], None)
        return (input_shape[0], math.prod(sizes))

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Return a view of `x`, or its channels in another order."""
        if self.data_format == "channels_first" and x.ndim > 2:
            x = np.moveaxis(x, 1, -1)
        cache.input_shape = x.shape
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def backward(self, dy: Array, cache: Cache) -> Array:
        """Return a view of `dy`, in the order of the input."""
        dx = dy.reshape(cache.input_shape)
        return (
            np.moveaxis(dx, -1, 1) if self.data_format == "channels_first" and dx.ndim > 2 else dx
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"data_format": self.data_format, **super().get_config()}


class Reshape(Layer, builtin=True):
    """Another shape for each sample, same elements in the same order.

    Parameters
    ----------
    target_shape : tuple of int
        Shape of one sample; one axis may be -1.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        When the elements do not fit.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Reshape((2, 1))([[1.0, 2.0]]).shape
    (1, 2, 1)
    """

    is_view = True

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes = arguments.shape("Reshape", "target_shape", target_shape, least=-1)
        if None in sizes or sizes.count(-1) > 1:
            msg = f"Reshape: target_shape must name every size, one may be -1, got {quoted(target_shape)}"
            raise ValueError(msg)
        self.target_shape = tuple(n or 0 for n in sizes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, ...) -> (N, *target_shape)."""
        sizes = [n for n in input_shape[1:] if n is not None]
        if len(sizes) != len(input_shape) - 1:
            return (input_shape[0], *(None if n < 0 else n for n in self.target_shape))
        total = math.prod(sizes)
        known = math.prod(n for n in self.target_shape if n >= 0)
        open_axes = sum(n < 0 for n in self.target_shape)
        fits = known == total if open_axes == 0 else known > 0 and total % known == 0
        if not fits or open_axes > 1:
            msg = (
                f"Reshape {self.name!r}: {total} elements of {input_shape} "
                f"do not fit {self.target_shape}"
            )
            raise ValueError(msg)
        return (input_shape[0], *(total // known if n < 0 else n for n in self.target_shape))

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Return a view of `x`."""
        cache.input_shape = x.shape
        shape = self.compute_output_shape(x.shape)
        return x.reshape([n or 0 for n in shape])

    def backward(self, dy: Array, cache: Cache) -> Array:
        """Return a view of `dy`."""
        return dy.reshape(cache.input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"target_shape": list(self.target_shape), **super().get_config()}


class Rescaling(Layer, builtin=True):
    """``y = x * scale + offset``; leading in a model, it is part of gathering the batch.

    Parameters
    ----------
    scale, offset : float
        Plain numbers.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Rescaling(0.5, 1.0)([[2.0, 4.0]])
    array([[2., 3.]], dtype=float32)
    """

    binds_input = True
    scales_input = True

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = number("Rescaling", "scale", scale)
        self.offset = number("Rescaling", "offset", offset)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Scale and shift."""
        y = aligned_zeros(x.shape, x.dtype)
        # The loss that a `call` adds has no axes.
        _core.gather_rows(np.atleast_1d(x), None, np.atleast_1d(y), self.scale, self.offset)
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Scale the gradient."""
        if not cache.need_dx:
            return None
        dx = aligned_zeros(dy.shape, dy.dtype)
        _core.gather_rows(np.atleast_1d(dy), None, np.atleast_1d(dx), self.scale, 0.0)
        return dx

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"scale": self.scale, "offset": self.offset, **super().get_config()}


def Input(
    shape: Sequence[int | None] | None = None,
    *,
    batch_size: int | None = None,
    dtype: Any = None,
    **kwargs: Any,
) -> Symbol:
    """Declare an input: what the layers of a `Model` are called on, or the first of a `Sequential`.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample; batches say the sizes that are None.
    batch_size : int, optional
        Accepted as Keras does; any number of samples is taken.
    dtype : str, optional
        The model's, ``"float32"`` or ``"float64"``; an integer type asks for nothing, since all
        data are cast where they enter, and nor does ``"string"``, for a layer that reads texts.
    **kwargs
        `batch_shape`, `name` of `InputLayer`.

    Returns
    -------
    Symbol
        A value without data.

    Raises
    ------
    ValueError
        When no shape is given, or more than one.

    Examples
    --------
    >>> import hotloop as hl
    >>> inputs = hl.Input(shape=(4,))
    >>> hl.layers.Dense(2)(inputs).shape
    (None, 2)
    >>> hl.Sequential([hl.Input((4,)), hl.layers.Dense(2)]).output_shape
    (None, 2)
    """
    if batch_size is not None:
        arguments.whole("Input", "batch_size", batch_size, least=1)
    dtype = None if dtype == "string" else dtype  # texts are read by the first layer
    with contextlib.suppress(TypeError):  # what is no dtype is refused below
        dtype = None if dtype is not None and np.dtype(dtype).kind in "biu" else dtype
    layer = InputLayer(shape, dtype=dtype, **kwargs)
    given = (None, *(layer.given_input_shape or ()))
    # Nothing to build, and the dtype stays open until a layer asks for one.
    layer.input_shape = layer.output_shape = given
    layer.first_output = symbol = Symbol(given, layer, (), layer.given_dtype)
    return symbol
