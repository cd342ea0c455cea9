"""Pooling to an output of a given size."""

from __future__ import annotations

from typing import Any

from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import nn, reductions, shapes
from hotloop.config import check_data_format
from hotloop.layers.ruled import RuleLayer, Weights, as_images, from_images
from hotloop.layers.windows import both, image_axes, lifted, lowered, sizes


class AdaptivePool(RuleLayer, builtin=True):
    """Pooling to an output of a given size."""

    rank = 2
    takes_largest = False

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.output_size = sizes(f"{who}: output_size", output_size, self.rank)
        self.data_format: Any = check_data_format(who, data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, *output_size, C), or the same with channels first."""
        full = lifted(self, input_shape, self.data_format, self.rank)
        batch, planes, axis = image_axes(self, full, self.data_format)
        if any(full[a] == 0 for a in planes):
            msg = (
                f"{type(self).__name__} {self.name!r}: inputs are empty, got {quoted(input_shape)}"
            )
            raise ValueError(msg)
        height, width = both(self.output_size)
        last = (batch, height, width, full[axis])
        first = (batch, full[axis], height, width)
        found: Shape = lowered(last if axis == 3 else first, self.data_format, self.rank)
        return found

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Pool, one axis after the other where windows differ in size."""
        y = as_images(x, self.data_format, self.rank)
        planes, made = y.shape[1:3], both(self.output_size)
        if all(n % m == 0 for n, m in zip(planes, made, strict=True)):
            window = tuple(n // m for n, m in zip(planes, made, strict=True))
            pool = nn.max_pool2d if self.takes_largest else nn.avg_pool2d
            y = pool(y, pool_size=window, stride=window, padding=0)
        else:
            for axis, m in zip((1, 2), made, strict=True):
                y = self._along(y, axis, m)
        return from_images(y, self.data_format, self.rank)

    def _along(self, y: Any, axis: int, m: int) -> Any:
        n, lead = y.shape[axis], (slice(None),) * axis
        rule = reductions.max_ if self.takes_largest else reductions.mean
        ends = ((i * n // m, -(-(i + 1) * n // m)) for i in range(m))
        parts = [
            rule(
                shapes.getitem(y, index=(*lead, slice(low, high))),
                axis=axis,
                keepdims=True,
            )
            for low, high in ends
        ]
        return shapes.concatenate(*parts, axis=axis)


class AdaptiveAveragePooling2D(AdaptivePool, builtin=True):
    """Means of windows of images; see `AdaptiveMaxPooling2D`."""


class AdaptiveAveragePooling1D(AdaptivePool, builtin=True):
    """Means of windows of sequences; see `AdaptiveMaxPooling2D`."""

    rank = 1


class AdaptiveMaxPooling2D(AdaptivePool, builtin=True):
    """Maxima of windows, as many as `output_size`: window i reaches from ``floor(i n / m)`` to ``ceil((i + 1) n / m)``.

    Parameters
    ----------
    output_size : int, or (int, int) for images
        Size m of the output.
    data_format : str, optional
        ``"channels_last"``, ``"channels_first"``, None for `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For a size that is not positive.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.AdaptiveMaxPooling1D(2)([[[1.0], [2.0], [3.0]]])[0, :, 0]
    array([2., 3.], dtype=float32)
    """

    takes_largest = True


class AdaptiveMaxPooling1D(AdaptivePool, builtin=True):
    """Maxima of windows of sequences; see `AdaptiveMaxPooling2D`."""

    rank = 1
    takes_largest = True
