"""Convolution layers; a sequence is an image of one row."""

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
from hotloop.layers.windows import (
    both,
    check_padding,
    image_axes,
    lifted,
    lowered,
    padding_config,
    sizes,
    windowed_shape,
)
from hotloop.parameters import aligned_zeros
from hotloop.registry import serialize

# With the window's four numbers spread among their arguments.
_conv2d: Any = _core.conv2d
_conv2d_backward: Any = _core.conv2d_backward


def reordered(kernel: Array, axes: tuple[int, ...], out: Array | None = None) -> Array:
    """Copy a transposed kernel by a core op, which a recorded step can hold."""
    order = np.arange(kernel.size).reshape(kernel.shape).transpose(axes)
    rows = np.ascontiguousarray(order.reshape(-1))
    to = None if out is None else out.reshape(-1, 1)
    return _core.gather_rows(kernel.reshape(-1, 1), rows, to).reshape(order.shape)


class Windowed(Layer, builtin=True):
    """Windows that move over sequences (``rank`` 1) or images (2), and the shape that they leave."""

    rank = 2
    paddings: tuple[str, ...] = ("valid", "same")
    binds_input = True
    groups = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.filters = whole(who, "filters", filters, least=1)
        self.kernel_size = sizes(f"{who}: kernel_size", kernel_size, self.rank)
        self.strides = sizes(f"{who}: strides", strides, self.rank)
        self.dilation_rate = sizes(f"{who}: dilation_rate", dilation_rate, self.rank)
        self.padding: Any = check_padding(f"{who}: padding", padding, self.rank, self.paddings)
        self.data_format: Any = check_data_format(who, data_format)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias: Array | None = None
        self.channels = 0

    def channels_of(self, input_shape: Shape) -> int:
        """Return the channels of an input; a ValueError when they are open."""
        lifted(self, input_shape, self.data_format, self.rank)
        if self.rank == 2:
            image_axes(self, input_shape, self.data_format)
        return require_known(
            self, input_shape, 1 if self.data_format == "channels_first" else self.rank + 1
        )

    def add_bias(self) -> None:
        """Make the bias (O,), where there is one."""
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.filters,), self.bias_initializer, regularizer=self.bias_regularizer
            )

    @property
    def window(self) -> tuple[Any, ...]:
        """Steps, padding and dilation of the window, as the core takes them."""
        pads, dilation = self.padding, both(self.dilation_rate)
        if pads == "causal":
            pads = ((0, 0), (dilation[1] * (self.kernel_size[0] - 1), 0))
        return both(self.strides), pads, dilation

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, OH, OW, O), or the same with channels first."""
        if self.channels_of(input_shape) != self.channels and self.built:
            msg = (
                f"{type(self).__name__} {self.name!r}: kernel takes {self.channels} "
                f"channels, got input of shape {input_shape}"
            )
            raise ValueError(msg)
        strides, pads, dilation = self.window
        full = lifted(self, input_shape, self.data_format, self.rank)
        shape = windowed_shape(
            self,
            full,
            self.data_format,
            self.filters,
            both(self.kernel_size),
            strides,
            dilation,
            pads,
        )
        found: Shape = lowered(shape, self.data_format, self.rank)
        return found


class Convolution(Windowed, builtin=True):
    """Convolution of sequences or images by the core's."""

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
        who = type(self).__name__
        rule = f"be a positive divisor of filters {filters}"
        self.groups = whole(who, "groups", groups, least=1, rule=rule)
        if self.filters % self.groups:
            msg = f"{who}: groups must {rule}, got {quoted(groups)}"
            raise ValueError(msg)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Make kernel (KH, KW, C / groups, O) and bias (O,)."""
        channels = self.channels = self.channels_of(input_shape)
        if channels % self.groups:
            msg = (
                f"{type(self).__name__} {self.name!r}: {channels} channels do not divide by "
                f"groups {self.groups}"
            )
            raise ValueError(msg)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer
        )
        self.add_bias()

    def operand(self, kernel: Array) -> Array:
        """Return a view of the kernel, or of its gradient, as (KH, KW, C / groups, O)."""
        return kernel.reshape(*both(self.kernel_size), *kernel.shape[-2:])

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Convolve, add the bias, apply the activation."""
        act = activations.linear if cache.logits else self.activation
        # The core's channels-first operand is (O, C / groups, KH, KW).
        first, kernel = self.data_format == "channels_first", self.operand(self.kernel)
        cache.operand = reordered(kernel, (3, 2, 0, 1)) if first else kernel
        cache.x = x.reshape(lifted(self, x.shape, self.data_format, self.rank))
        z = _conv2d(
            cache.x,
            cache.operand,
            self.bias,
            *self.window,
            self.groups,
            act.fused_name,
            self.data_format,
        )
        y = z if act.fused else act.forward(z)
        cache.saved, cache.act = y if act.saves == "y" else z, act
        return y if self.rank == 2 else y.reshape(lowered(y.shape, self.data_format, self.rank))

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Gradients of input, kernel and bias."""
        d = cache.act.backward(dy.reshape(cache.saved.shape), cache.saved, cache.owns_dy)
        dx = aligned_zeros(cache.x.shape, cache.x.dtype) if cache.need_dx else None
        db = cache.grad("bias") if self.use_bias else None
        first = self.data_format == "channels_first"
        grad = self.operand(cache.grad("kernel"))
        dw = np.empty_like(cache.operand) if first else grad
        _conv2d_backward(
            d,
            cache.x,
            cache.operand,
            *self.window,
            self.groups,
            cache.need_dx,
            self.use_bias,
            self.data_format,
            out=(dx, dw, db),
        )
        if first:
            reordered(dw, (2, 3, 1, 0), grad)
        if dx is None or self.rank == 2:
            return dx
        return dx.reshape(lowered(dx.shape, self.data_format, self.rank))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": padding_config(self.padding, self.rank),
            "data_format": self.data_format,
            "dilation_rate": list(self.dilation_rate),
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            **super().get_config(),
        }


class Conv2D(Convolution, builtin=True):
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
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`, and constraints: `kernel_constraint`, `bias_constraint`.

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


class Conv1D(Convolution, builtin=True):
    """Convolution along sequences: ``(N, W, C)`` -> ``(N, OW, O)``, kernel ``(KW, C / groups, O)``.

    `Conv2D` over images of one row, without a copy; its arguments, with one int in the place of two.
    `padding` may also be ``"causal"``: zeros before the sequence, so that no output sees what comes later
    (van den Oord et al., 2016), or (left, right).

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Conv1D(4, 3, padding="causal").ensure_built((None, 10, 2))
    (None, 10, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")
