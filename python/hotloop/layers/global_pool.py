"""Pooling over whole sequences or images."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._support.typing import Shape
from hotloop.config import check_data_format
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.windows import image_axes, lifted, lowered


class GlobalPool(Layer, builtin=True):
    """One number for each channel of a sequence (``rank`` 1) or an image (2)."""

    rank = 2
    binds_input = True

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format: Any = check_data_format(type(self).__name__, data_format)
        self.keepdims = bool(keepdims)

    def lifted(self, shape: Any) -> Any:
        """Return the shape of images for an input's."""
        return lifted(self, shape, self.data_format, self.rank)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, C), or the same with channels first."""
        full = self.lifted(input_shape)
        batch, _, axis = image_axes(self, full, self.data_format)
        return self._kept((batch, full[axis])) if self.keepdims else (batch, full[axis])

    def _kept(self, shape: Any) -> Any:
        n, c = shape
        full = (n, 1, 1, c) if self.data_format == "channels_last" else (n, c, 1, 1)
        return lowered(full, self.data_format, self.rank)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = {"data_format": self.data_format, "keepdims": self.keepdims}
        return {**given, **super().get_config()}


class GlobalAvgPool(GlobalPool, builtin=True):
    """The mean of each channel."""

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Average each plane."""
        cache.input_shape = x.shape
        y = _core.global_avg_pool2d(x.reshape(self.lifted(x.shape)), self.data_format)
        return y.reshape(self._kept(y.shape)) if self.keepdims else y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Spread each gradient over its plane."""
        if not cache.need_dx:
            return None
        d = dy.reshape(dy.shape[0], -1) if self.keepdims else dy
        shape = self.lifted(cache.input_shape)
        dx = _core.global_avg_pool2d_backward(d, shape, self.data_format)
        return dx.reshape(cache.input_shape)


class GlobalAvgPool2D(GlobalAvgPool, builtin=True):
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


class GlobalAvgPool1D(GlobalAvgPool, builtin=True):
    """The mean of each channel of sequences, (N, W, C) -> (N, C); arguments as `GlobalAvgPool2D`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.GlobalAvgPool1D()([[[1.0], [2.0]]])
    array([[1.5]], dtype=float32)
    """

    rank = 1


class GlobalMaxPool(GlobalPool, builtin=True):
    """The largest value of each channel: a max-pool of one window."""

    def _window(self, shape: Shape) -> tuple[Any, ...]:
        planes = shape[1:3] if self.data_format == "channels_last" else shape[2:]
        return planes, None, 0, 1, False, self.data_format

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Take the largest of each plane."""
        cache.input_shape = x.shape
        images = x.reshape(self.lifted(x.shape))
        cache.shape, window = images.shape, self._window(images.shape)
        y, cache.index = _core.max_pool2d_train(images, *window)
        cache.y_shape = y.shape
        y = y.reshape(len(y), max(y.shape[1], y.shape[3]))
        return y.reshape(self._kept(y.shape)) if self.keepdims else y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Send each gradient to where the largest value was."""
        if not cache.need_dx:
            return None
        rest: Any = (cache.shape, *self._window(cache.shape))
        d = dy.reshape(cache.y_shape)
        dx = _core.max_pool2d_train_backward(d, cache.index, *rest)
        return dx.reshape(cache.input_shape)


class GlobalMaxPool2D(GlobalMaxPool, builtin=True):
    """The largest value of each channel's plane, (N, H, W, C) -> (N, C); arguments as `GlobalAvgPool2D`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.GlobalMaxPool2D()([[[[1.0], [2.0]], [[4.0], [3.0]]]])
    array([[4.]], dtype=float32)
    """


class GlobalMaxPool1D(GlobalMaxPool, builtin=True):
    """The largest value of each channel of sequences, (N, W, C) -> (N, C); arguments as `GlobalAvgPool2D`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.GlobalMaxPool1D()([[[1.0], [2.0]]])
    array([[2.]], dtype=float32)
    """

    rank = 1
