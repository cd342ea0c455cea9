"""Pooling layers."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._support.typing import Shape
from hotloop.config import check_data_format
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.windows import (
    check_padding,
    image_axes,
    padding_config,
    pair,
    windowed_shape,
)


class _Pool2D(Layer, builtin=True):
    """Windows, and the shape that they leave."""

    binds_input = True

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.pool_size = pair(f"{owner}: pool_size", pool_size)
        self.strides = pair(f"{owner}: strides", pool_size if strides is None else strides)
        self.padding: Any = check_padding(f"{owner}: padding", padding)
        self.data_format: Any = check_data_format(owner, data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, OH, OW, C), or the same with channels first."""
        return windowed_shape(
            self,
            input_shape,
            self.data_format,
            None,
            self.pool_size,
            self.strides,
            (1, 1),
            self.padding,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": padding_config(self.padding),
            "data_format": self.data_format,
            **super().get_config(),
        }


class MaxPool2D(_Pool2D, builtin=True):
    """The largest value of each window.

    Parameters
    ----------
    pool_size : int or (int, int)
        Window.
    strides : int or (int, int), optional
        Steps; None is `pool_size`.
    padding : str, int or pairs
        As in `Conv2D`; padding counts as -inf.
    data_format : str, optional
        ``"channels_last"``, ``"channels_first"``, None for `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For windows that leave no output.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.MaxPool2D(2)([[[[1.0], [2.0]], [[4.0], [3.0]]]])
    array([[[[4.]]]], dtype=float32)
    """

    # Its backward can apply that of the activation which made its input, and write dx once.
    folds_activation = True

    def _window(self) -> tuple[Any, ...]:
        return self.pool_size, self.strides, self.padding, 1, False, self.data_format

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Take the largest of each window, and remember where in it it was."""
        cache.y, cache.index = _core.max_pool2d_train(x, *self._window())
        cache.input_shape = x.shape
        y: Array = cache.y
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Send each gradient to where the largest value was."""
        if not cache.need_dx:
            return None
        # The derivative is a function of the activation's value, and y is that at the maximum.
        gate = () if cache.folded is None else (cache.y, cache.folded)
        rest: Any = (cache.input_shape, *self._window(), *gate)
        return _core.max_pool2d_train_backward(dy, cache.index, *rest)


class AvgPool2D(_Pool2D, builtin=True):
    """The mean of each window; padding does not count, neither in the sum nor in the number.

    Parameters
    ----------
    pool_size : int or (int, int)
        Window.
    strides : int or (int, int), optional
        Steps; None is `pool_size`.
    padding : str, int or pairs
        As in `Conv2D`.
    data_format : str, optional
        ``"channels_last"``, ``"channels_first"``, None for `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For windows that leave no output.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.AvgPool2D(2)([[[[1.0], [2.0]], [[4.0], [3.0]]]])
    array([[[[2.5]]]], dtype=float32)
    """

    def _window(self) -> tuple[Any, ...]:
        return self.pool_size, self.strides, self.padding, False, False, self.data_format

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Average each window."""
        cache.input_shape = x.shape
        return _core.avg_pool2d(x, *self._window())

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Spread each gradient over its window."""
        if not cache.need_dx:
            return None
        return _core.avg_pool2d_backward(dy, cache.input_shape, *self._window())


class GlobalAvgPool2D(Layer, builtin=True):
    """The mean of each channel's plane: (N, H, W, C) -> (N, C).

    Parameters
    ----------
    data_format : str, optional
        ``"channels_last"``, ``"channels_first"``, None for `hotloop.config.image_data_format`.
    keepdims : bool
        Whether the plane's axes stay, with size 1.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For inputs that are no image batch.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.GlobalAvgPool2D()([[[[1.0], [2.0]], [[4.0], [3.0]]]])
    array([[2.5]], dtype=float32)
    """

    binds_input = True

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format: Any = check_data_format("GlobalAvgPool2D", data_format)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, C), or the same with channels first."""
        batch, _, axis = image_axes(self, input_shape, self.data_format)
        channels = input_shape[axis]
        if not self.keepdims:
            return batch, channels
        return (batch, 1, 1, channels) if axis == 3 else (batch, channels, 1, 1)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Average each plane."""
        cache.input_shape = x.shape
        y = _core.global_avg_pool2d(x, self.data_format)
        return y.reshape(self._kept(y.shape)) if self.keepdims else y

    def _kept(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        n, c = shape
        return (n, 1, 1, c) if self.data_format == "channels_last" else (n, c, 1, 1)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Spread each gradient over its plane."""
        if not cache.need_dx:
            return None
        d = dy.reshape(dy.shape[0], -1) if self.keepdims else dy
        return _core.global_avg_pool2d_backward(d, cache.input_shape, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = {"data_format": self.data_format, "keepdims": self.keepdims}
        return {**given, **super().get_config()}
