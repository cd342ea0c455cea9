"""Convolutions whose channels are separate: depthwise, and followed by one over single pixels."""

from __future__ import annotations

from typing import Any

from hotloop._support.arguments import whole
from hotloop._support.typing import Shape
from hotloop.autodiff import nn, shapes
from hotloop.layers.cache import Array
from hotloop.layers.conv import Convolution, Windowed
from hotloop.layers.ruled import (
    RuleLayer,
    Weights,
    activated,
    as_images,
    from_images,
    read_makers,
)
from hotloop.layers.windows import both, padding_config


class DepthwiseConv(Convolution, builtin=True):
    """Convolution of each channel with kernels of its own: as many groups as channels."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            1,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            **kwargs,
        )
        self.depth_multiplier = whole(
            type(self).__name__, "depth_multiplier", depth_multiplier, least=1
        )

    def build(self, input_shape: Shape) -> None:
        """Make kernel (KH, KW, C, M) and bias (C M,)."""
        self.groups = self.channels = self.channels_of(input_shape)
        self.filters = self.groups * self.depth_multiplier
        shape = (*self.kernel_size, self.groups, self.depth_multiplier)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer
        )
        self.add_bias()

    def operand(self, kernel: Array) -> Array:
        """Return a view of the kernel, or of its gradient, as (KH, KW, 1, C M)."""
        return kernel.reshape(*both(self.kernel_size), 1, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        del given["filters"], given["groups"]
        for name in ("initializer", "regularizer"):
            given[f"depthwise_{name}"] = given.pop(f"kernel_{name}")
        return {"depth_multiplier": self.depth_multiplier, **given}


class DepthwiseConv2D(DepthwiseConv, builtin=True):
    """Convolution of each channel with `depth_multiplier` kernels of its own.

    ``(N, H, W, C)`` -> ``(N, OH, OW, C M)``, kernel ``(KH, KW, C, M)``; output ``c M + m`` is of channel c.

    Parameters
    ----------
    kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias
        As for `Conv2D`.
    depth_multiplier : int
        Kernels M of each channel.
    depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer
        As for `Conv2D`.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`, and constraints.

    Raises
    ------
    ValueError
        For arguments or inputs that leave no output.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.DepthwiseConv2D(3, depth_multiplier=2).ensure_built((None, 8, 8, 3))
    (None, 6, 6, 6)
    """


class DepthwiseConv1D(DepthwiseConv, builtin=True):
    """`DepthwiseConv2D` along sequences: ``(N, W, C)`` -> ``(N, OW, C M)``; one int in the place of two."""

    rank = 1


class SeparableConv(Windowed, RuleLayer, builtin=True):
    """A depthwise convolution, then one over single pixels."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            **kwargs,
        )
        self.depth_multiplier = whole(
            type(self).__name__, "depth_multiplier", depth_multiplier, least=1
        )
        read_makers(
            self,
            {
                "depthwise_initializer": depthwise_initializer,
                "pointwise_initializer": pointwise_initializer,
                "depthwise_regularizer": depthwise_regularizer,
                "pointwise_regularizer": pointwise_regularizer,
            },
        )

    def build(self, input_shape: Shape) -> None:
        """Make kernels (KH, KW, C, M) and (1, 1, C M, O), and bias (O,)."""
        channels = self.channels = self.channels_of(input_shape)
        ones, deep = (1,) * self.rank, channels * self.depth_multiplier
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
        )
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel",
            (*ones, deep, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
        )
        self.add_bias()

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Convolve each channel, then all of them pixel by pixel."""
        kernel, point = weights["depthwise_kernel"], weights["pointwise_kernel"]
        stride, padding, dilation = self.window
        y = nn.conv2d(
            as_images(x, self.data_format, self.rank),
            shapes.reshape(kernel, shape=(*both(self.kernel_size), 1, -1)),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=self.channels,
        )
        y = nn.conv2d(
            y,
            shapes.reshape(point, shape=(1, 1, *point.shape[-2:])),
            *([weights["bias"]] if self.use_bias else []),
            stride=1,
            padding=0,
            dilation=1,
            groups=1,
        )
        return from_images(activated(self.activation, y), self.data_format, self.rank)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "padding": padding_config(self.padding, self.rank)}


class SeparableConv2D(SeparableConv, builtin=True):
    """A depthwise convolution followed by one over single pixels (Chollet, CVPR 2017).

    ``(N, H, W, C)`` -> ``(N, OH, OW, O)``, kernels ``(KH, KW, C, M)`` and ``(1, 1, C M, O)``; no
    activation between the two.

    Parameters
    ----------
    filters : int
        Output channels O.
    kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier
        Of the first, as for `DepthwiseConv2D`.
    activation, use_bias, bias_initializer, bias_regularizer
        Of the second, as for `Conv2D`.
    depthwise_initializer, pointwise_initializer, depthwise_regularizer, pointwise_regularizer
        As for `Conv2D`.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`, and constraints.

    Raises
    ------
    ValueError
        For arguments or inputs that leave no output.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.SeparableConv2D(16, 3)
    >>> layer.ensure_built((None, 8, 8, 32)), layer.count_params()
    ((None, 6, 6, 16), 816)
    """


class SeparableConv1D(SeparableConv, builtin=True):
    """`SeparableConv2D` along sequences: ``(N, W, C)`` -> ``(N, OW, O)``; one int in the place of two."""

    rank = 1
