"""Pooling layers."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._support.typing import Shape
from hotloop.config import check_data_format
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.windows import (
    both,
    check_padding,
    lifted,
    lowered,
    padding_config,
    sizes,
    windowed_shape,
)


class Pool(Layer, builtin=True):
    """Windows of sequences (``rank`` 1) or images (2), and the shape that they leave."""

    rank = 2
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
        self.pool_size = sizes(f"{owner}: pool_size", pool_size, self.rank)
        given = pool_size if strides is None else strides
        self.strides = sizes(f"{owner}: strides", given, self.rank)
        self.padding: Any = check_padding(f"{owner}: padding", padding, self.rank)
        self.data_format: Any = check_data_format(owner, data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, OH, OW, C), or the same with channels first."""
        shape = windowed_shape(
            self,
            self.lifted(input_shape),
            self.data_format,
            None,
            both(self.pool_size),
            both(self.strides),
            (1, 1),
            self.padding,
        )
        found: Shape = self.lowered(shape)
        return found

    def lifted(self, shape: Any) -> Any:
        """Return the shape of images for an input's."""
        return lifted(self, shape, self.data_format, self.rank)

    def lowered(self, shape: Any) -> Any:
        """Return the shape of an input for that of images."""
        return lowered(shape, self.data_format, self.rank)

    def _window(self, *rest: Any) -> tuple[Any, ...]:
        return both(self.pool_size), both(self.strides), self.padding, *rest, self.data_format

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": padding_config(self.padding, self.rank),
            "data_format": self.data_format,
            **super().get_config(),
        }


class MaxPool(Pool, builtin=True):
    """The largest value of each window."""

    # Its backward can apply that of the activation which made its input, and write dx once.
    folds_activation = True

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Take the largest of each window, and remember where in it it was."""
        cache.shape = self.lifted(x.shape)
        images = x.reshape(cache.shape)
        cache.y, cache.index = _core.max_pool2d_train(images, *self._window(1, False))
        y: Array = cache.y
        return y.reshape(self.lowered(y.shape))

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Send each gradient to where the largest value was."""
        if not cache.need_dx:
            return None
        # The derivative is a function of the activation's value, and y is that at the maximum.
        gate = () if cache.folded is None else (cache.y, cache.folded)
        rest: Any = (cache.shape, *self._window(1, False), *gate)
        d = dy.reshape(cache.y.shape)
        dx: Array = _core.max_pool2d_train_backward(d, cache.index, *rest)
        return dx.reshape(self.lowered(dx.shape))


class MaxPool2D(MaxPool, builtin=True):
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


class MaxPool1D(MaxPool, builtin=True):
    """The largest value of each window of sequences: ``(N, W, C)`` -> ``(N, OW, C)``.

    `MaxPool2D` over images of one row; its arguments, with one int in the place of two.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.MaxPool1D(2)([[[1.0], [2.0], [4.0], [3.0]]])
    array([[[2.],
            [4.]]], dtype=float32)
    """

    rank = 1


class AvgPool(Pool, builtin=True):
    """The mean of each window."""

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Average each window."""
        cache.shape = self.lifted(x.shape)
        y: Array = _core.avg_pool2d(x.reshape(cache.shape), *self._window(False, False))
        cache.y_shape = y.shape
        return y.reshape(self.lowered(y.shape))

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Spread each gradient over its window."""
        if not cache.need_dx:
            return None
        d = dy.reshape(cache.y_shape)
        dx: Array = _core.avg_pool2d_backward(d, cache.shape, *self._window(False, False))
        return dx.reshape(self.lowered(dx.shape))


class AvgPool2D(AvgPool, builtin=True):
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


class AvgPool1D(AvgPool, builtin=True):
    """The mean of each window of sequences: ``(N, W, C)`` -> ``(N, OW, C)``.

    `AvgPool2D` over images of one row; its arguments, with one int in the place of two.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.AvgPool1D(2)([[[1.0], [2.0], [4.0], [3.0]]])
    array([[[1.5],
            [3.5]]], dtype=float32)
    """

    rank = 1
