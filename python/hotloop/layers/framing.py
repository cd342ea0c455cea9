"""Layers that put zeros around sequences and images, cut their ends off, or repeat their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import linalg, shapes
from hotloop.config import check_data_format
from hotloop.layers.cache import Array
from hotloop.layers.checks import require_rank
from hotloop.layers.ruled import RuleLayer, Weights
from hotloop.layers.windows import check_padding, pair, sizes


class _Planes(RuleLayer, builtin=True):
    """What changes the sizes of the axes but batch and channels."""

    rank = 2
    data_format: Any = "channels_last"

    def axes(self) -> range:
        """Return the axes between batch and channels."""
        first = 2 if self.data_format == "channels_first" else 1
        return range(first, first + self.rank)

    def resized(self, i: int, n: int) -> int:
        """Return the size that axis `i` of these gets."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Change the sizes of the planes."""
        steps = "W" if self.rank == 1 else "H, W"
        last = self.data_format == "channels_last"
        letters = f"(N, {steps}, C)" if last else f"(N, C, {steps})"
        require_rank(self, input_shape, self.rank + 2, letters)
        out = list(input_shape)
        for i, axis in enumerate(self.axes()):
            n = input_shape[axis]
            out[axis] = None if n is None else self.resized(i, n)
            if n is not None and self.resized(i, n) < 1:
                msg = f"{type(self).__name__} {self.name!r}: nothing is left of axis {axis} of {input_shape}"
                raise ValueError(msg)
        return tuple(out)


class _Ends(_Planes, builtin=True):
    """What adds to both ends of the axes, or takes from them."""

    ends: tuple[tuple[int, int], ...] = ()

    def read(self, name: str, value: Any) -> Any:
        """Return `value` as Keras's config has it, and keep what it means for each axis."""
        what = f"{type(self).__name__}: {name}"
        if self.rank == 1:
            self.ends = (pair(what, value, least=0),)
            return self.ends[0]
        found = check_padding(what, value, names=())
        self.ends = found  # type: ignore[assignment]
        return found


class _Padding(_Ends, builtin=True):
    """Zeros at the ends."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = self.read("padding", padding)
        self.data_format = check_data_format(type(self).__name__, data_format)

    def resized(self, i: int, n: int) -> int:
        """Return the size with the zeros."""
        return n + sum(self.ends[i])

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Put zeros around."""
        width = [(0, 0)] * (self.rank + 2)
        for axis, ends in zip(self.axes(), self.ends, strict=True):
            width[axis] = ends
        return shapes.pad(x, width=width, mode="constant", value=0)


class _Cropping(_Ends, builtin=True):
    """The ends cut off."""

    def __init__(self, cropping: Any = 0, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = self.read("cropping", cropping)
        self.data_format = check_data_format(type(self).__name__, data_format)

    def resized(self, i: int, n: int) -> int:
        """Return the size without the ends."""
        return n - sum(self.ends[i])

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Cut."""
        index: list[slice] = [slice(None)] * (self.rank + 2)
        for axis, (low, high) in zip(self.axes(), self.ends, strict=True):
            index[axis] = slice(low, x.shape[axis] - high)
        return shapes.getitem(x, index=tuple(index))


class ZeroPadding2D(_Padding, builtin=True):
    """Zeros around images.

    Parameters
    ----------
    padding : int, (int, int) or ((int, int), (int, int))
        Rows and columns of zeros: on all sides, (above and below, left and right), or
        ((above, below), (left, right)).
    data_format : str, optional
        ``"channels_last"``, ``"channels_first"``, None for `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For a negative number.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.ZeroPadding2D(((1, 0), (2, 2))).ensure_built((None, 5, 5, 3))
    (None, 6, 9, 3)
    """


class ZeroPadding1D(_Padding, builtin=True):
    """Zeros at the ends of sequences: `padding` at both, or (left, right); ``(N, W, C)``.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.ZeroPadding1D((2, 0)).ensure_built((None, 5, 3))
    (None, 7, 3)
    """

    rank = 1


class Cropping2D(_Cropping, builtin=True):
    """Images without their outer rows and columns; arguments as `ZeroPadding2D`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Cropping2D(((1, 0), (2, 2))).ensure_built((None, 5, 5, 3))
    (None, 4, 1, 3)
    """


class Cropping1D(_Cropping, builtin=True):
    """Sequences without their ends: `cropping` off both, or (left, right); ``(N, W, C)``.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Cropping1D(1).ensure_built((None, 5, 3))
    (None, 3, 3)
    """

    rank = 1

    def __init__(self, cropping: Any = 1, **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


class _UpSampling(_Planes, builtin=True):
    """More pixels."""

    interpolation = "nearest"
    size: tuple[int, ...]

    def resized(self, i: int, n: int) -> int:
        """Return the size times its factor."""
        return n * self.size[i]

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Repeat pixels, or put others between them."""
        return self._between(x) if self.interpolation == "bilinear" else self._repeated(x)

    def _repeated(self, x: Any) -> Any:
        # Each axis followed by one along which it is repeated.
        apart, full, shape = [], [], list(x.shape)
        axes = dict(zip(self.axes(), self.size, strict=True))
        for axis, n in enumerate(x.shape):
            apart += [n, 1] if axis in axes else [n]
            full += [n, axes[axis]] if axis in axes else [n]
            shape[axis] = n * axes.get(axis, 1)
        y = shapes.broadcast_to(shapes.reshape(x, shape=apart), shape=full)
        return shapes.reshape(y, shape=shape)

    def _between(self, x: Any) -> Any:
        for axis, factor in zip(self.axes(), self.size, strict=True):
            n = x.shape[axis]
            lead, tail = x.shape[:axis], x.shape[axis + 1 :]
            rows = shapes.reshape(x, shape=(int(np.prod(lead)), n, int(np.prod(tail))))
            y = linalg.matmul(bilinear(n, n * factor, x.dtype), rows)
            x = shapes.reshape(y, shape=(*lead, n * factor, *tail))
        return x


def bilinear(n: int, m: int, dtype: Any) -> Array:
    """Return the ``(m, n)`` weights by which m pixels lie between n, their centres half a pixel in."""
    at = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(n))).astype(dtype)


class UpSampling2D(_UpSampling, builtin=True):
    """Images of more pixels: each repeated, or new ones between them.

    Parameters
    ----------
    size : int or (int, int)
        How many times as many rows and columns.
    data_format : str, optional
        ``"channels_last"``, ``"channels_first"``, None for `hotloop.config.image_data_format`.
    interpolation : str
        ``"nearest"`` or ``"bilinear"``.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For another interpolation.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.UpSampling2D((1, 2))([[[[1.0], [2.0]]]])[0, 0, :, 0]
    array([1., 1., 2., 2.], dtype=float32)
    """

    def __init__(
        self,
        size: Any = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = sizes("UpSampling2D: size", size, 2)
        self.data_format = check_data_format("UpSampling2D", data_format)
        if interpolation not in ("nearest", "bilinear"):
            msg = f"UpSampling2D: interpolation must be 'nearest' or 'bilinear', got {quoted(interpolation)}"
            raise ValueError(msg)
        self.interpolation = interpolation


class UpSampling1D(_UpSampling, builtin=True):
    """Sequences with each step repeated `size` times: ``(N, W, C)`` -> ``(N, W size, C)``.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.UpSampling1D(2)([[[1.0], [2.0]]])[0, :, 0]
    array([1., 1., 2., 2.], dtype=float32)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = (whole("UpSampling1D", "size", size, least=1),)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "size": self.size[0]}
