"""The convolution layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core, activations, initializers, regularizers
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.config import check_data_format
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.checks import require_known
from hotloop.layers.windows import check_padding, image_axes, padding_config, pair, windowed_shape
from hotloop.parameters import aligned_zeros
from hotloop.registry import serialize


def reordered(kernel: Array, axes: tuple[int, ...], out: Array | None = None) -> Array:
    """Copy a transposed kernel by a core op, which a recorded step can hold."""
    order = np.arange(kernel.size).reshape(kernel.shape).transpose(axes)
    rows = np.ascontiguousarray(order.reshape(-1))
    to = None if out is None else out.reshape(-1, 1)
    return _core.gather_rows(kernel.reshape(-1, 1), rows, to).reshape(order.shape)


class Conv2D(Layer, builtin=True):
    """Two-dimensional convolution (correlation: the kernel is not flipped).

    ``y[n, i, j, o] = activation(bias[o] + sum x[n, i s + a d, j s + b d, c] kernel[a, b, c, o])``

    Parameters
    ----------
    filters : int
        Output channels O.
    kernel_size : int or (int, int)
        (KH, KW).
    strides : int or (int, int)
        Steps of the window.
    padding : str, int or pairs
        ``"valid"``, ``"same"`` (output ``ceil(in / stride)``, the odd pixel at the end), an int,
        ``(h, w)`` or ``((top, bottom), (left, right))``.
    data_format : str, optional
        ``"channels_last"`` (N, H, W, C), ``"channels_first"`` (N, C, H, W), None for
        `hotloop.config.image_data_format`.
    dilation_rate : int or (int, int)
        Distance of the window's taps.
    groups : int
        Must divide C and O.
    activation : str, optional
        Applied before the store where the core fuses it.
    use_bias : bool
        Whether a bias is added.
    kernel_initializer, bias_initializer : str or Initializer
        First values of kernel ``(KH, KW, C / groups, O)``, the same in both formats, and bias.
    kernel_regularizer, bias_regularizer : str or Regularizer, optional
        Penalties, added to the loss.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For arguments or inputs that leave no output, and groups that do not divide.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.Conv2D(4, 3, padding="same")
    >>> layer.ensure_built((None, 28, 28, 1))
    (None, 28, 28, 4)
    """

    binds_input = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = whole("Conv2D", "filters", filters, least=1)
        rule = f"be a positive divisor of filters {filters}"
        self.groups = whole("Conv2D", "groups", groups, least=1, rule=rule)
        if self.filters % self.groups:
            msg = f"Conv2D: groups must {rule}, got {quoted(groups)}"
            raise ValueError(msg)
        self.kernel_size = pair("Conv2D: kernel_size", kernel_size)
        self.strides = pair("Conv2D: strides", strides)
        self.dilation_rate = pair("Conv2D: dilation_rate", dilation_rate)
        self.padding: Any = check_padding("Conv2D: padding", padding)
        self.data_format: Any = check_data_format("Conv2D", data_format)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias: Array | None = None

    def build(self, input_shape: Shape) -> None:
        """Make kernel (KH, KW, C / groups, O) and bias (O,)."""
        _, _, axis = image_axes(self, input_shape, self.data_format)
        channels = require_known(self, input_shape, axis)
        if channels % self.groups:
            msg = f"Conv2D {self.name!r}: {channels} channels do not divide by groups {self.groups}"
            raise ValueError(msg)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.filters,), self.bias_initializer, regularizer=self.bias_regularizer
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, OH, OW, O), or the same with channels first."""
        _, _, axis = image_axes(self, input_shape, self.data_format)
        if self.built and input_shape[axis] != self.kernel.shape[2] * self.groups:
            msg = (
                f"Conv2D {self.name!r}: kernel takes {self.kernel.shape[2] * self.groups} "
                f"channels, got input of shape {input_shape}"
            )
            raise ValueError(msg)
        return windowed_shape(
            self,
            input_shape,
            self.data_format,
            self.filters,
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
        )

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Convolve, add the bias, apply the activation."""
        act = activations.linear if cache.logits else self.activation
        # The core's channels-first operand is (O, C / groups, KH, KW).
        first = self.data_format == "channels_first"
        cache.operand = reordered(self.kernel, (3, 2, 0, 1)) if first else self.kernel
        z = _core.conv2d(
            x,
            cache.operand,
            self.bias,
            self.strides,
            self.padding,
            self.dilation_rate,
            self.groups,
            act.fused_name,
            self.data_format,
        )
        y = z if act.fused else act.forward(z)
        cache.x, cache.saved, cache.act = x, y if act.saves == "y" else z, act
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Gradients of input, kernel and bias."""
        d = cache.act.backward(dy, cache.saved, cache.owns_dy)
        dx = aligned_zeros(cache.x.shape, cache.x.dtype) if cache.need_dx else None
        db = cache.grad("bias") if self.use_bias else None
        first = self.data_format == "channels_first"
        dw = np.empty_like(cache.operand) if first else cache.grad("kernel")
        _core.conv2d_backward(
            d,
            cache.x,
            cache.operand,
            self.strides,
            self.padding,
            self.dilation_rate,
            self.groups,
            cache.need_dx,
            self.use_bias,
            self.data_format,
            out=(dx, dw, db),
        )
        if first:
            reordered(dw, (2, 3, 1, 0), cache.grad("kernel"))
        return dx

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": padding_config(self.padding),
            "data_format": self.data_format,
            "dilation_rate": list(self.dilation_rate),
            "groups": self.groups,
            "activation": self.activation.name,
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            **super().get_config(),
        }
