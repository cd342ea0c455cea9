"""Pooling layers."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop.config import check_data_format
from hotloop.layers.base import Array, Cache, Layer, Shape
from hotloop.layers.windows import check_padding, padding_config, pair, windowed_shape


class MaxPool2D(Layer):
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
        self.pool_size = pair("MaxPool2D: pool_size", pool_size)
        self.strides = pair("MaxPool2D: strides", pool_size if strides is None else strides)
        self.padding: Any = check_padding("MaxPool2D: padding", padding)
        self.data_format: Any = check_data_format("MaxPool2D", data_format)

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

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Take the largest of each window, and remember where it was."""
        y, cache.argmax = _core.max_pool2d(
            x, self.pool_size, self.strides, self.padding, 1, False, self.data_format
        )
        cache.input_shape = x.shape
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Send each gradient to where the largest value was."""
        if not cache.need_dx:
            return None
        return _core.max_pool2d_backward(dy, cache.argmax, cache.input_shape, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": padding_config(self.padding),
            "data_format": self.data_format,
            **super().get_config(),
        }
