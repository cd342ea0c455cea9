"""Transposed convolutions: the input gradient of a convolution as a way forward."""

from __future__ import annotations

from typing import Any

from hotloop import activations
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import nn, shapes
from hotloop.config import check_data_format
from hotloop.layers.checks import require_known
from hotloop.layers.ruled import (
    RuleLayer,
    Weights,
    activated,
    as_images,
    from_images,
    read_makers,
)
from hotloop.layers.windows import both, check_padding, image_axes, lifted, lowered, sizes


class ConvTranspose(RuleLayer, builtin=True):
    """Transposed convolution of sequences (``rank`` 1) or images (2)."""

    rank = 2
    binds_input = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.filters = whole(who, "filters", filters, least=1)
        self.kernel_size = sizes(f"{who}: kernel_size", kernel_size, self.rank)
        self.strides = sizes(f"{who}: strides", strides, self.rank)
        self.dilation_rate = sizes(f"{who}: dilation_rate", dilation_rate, self.rank)
        if padding not in ("valid", "same"):
            msg = f"{who}: padding must be 'valid' or 'same', got {quoted(padding)}"
            raise ValueError(msg)
        self.padding: Any = check_padding(f"{who}: padding", padding)
        what = f"{who}: output_padding"
        self.output_padding = (
            None if output_padding is None else sizes(what, output_padding, self.rank, least=0)
        )
        if any(p >= s for p, s in zip(self.output_padding or (), self.strides, strict=False)):
            msg = f"{what} must be less than strides {self.strides}, got {quoted(output_padding)}"
            raise ValueError(msg)
        self.data_format: Any = check_data_format(who, data_format)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        read_makers(
            self,
            {
                "kernel_initializer": kernel_initializer,
                "bias_initializer": bias_initializer,
                "kernel_regularizer": kernel_regularizer,
                "bias_regularizer": bias_regularizer,
            },
        )

    def build(self, input_shape: Shape) -> None:
        """Make kernel (KH, KW, O, C) and bias (O,)."""
        lifted(self, input_shape, self.data_format, self.rank)
        axis = 1 if self.data_format == "channels_first" else self.rank + 1
        self.channels = require_known(self, input_shape, axis)
        shape = (*self.kernel_size, self.filters, self.channels)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.filters,), self.bias_initializer, regularizer=self.bias_regularizer
            )

    def _answers(self, planes: Any) -> list[tuple[int | None, tuple[int, int]]]:
        """Return size and cut of both axes of an image."""
        extra: Any = self.output_padding or (None,) * self.rank
        if self.rank == 1:
            extra = (None, *extra)
        geometry = zip(
            planes, both(self.kernel_size), both(self.strides), both(self.dilation_rate), extra,
            strict=True,
        )  # fmt: skip
        return [nn.transposed_size(n, k, s, d, self.padding, more) for n, k, s, d, more in geometry]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, OH, OW, O), or the same with channels first."""
        full = lifted(self, input_shape, self.data_format, self.rank)
        batch, planes, axis = image_axes(self, full, self.data_format)
        if full[axis] != self.channels:
            msg = (
                f"{type(self).__name__} {self.name!r}: kernel takes {self.channels} channels, "
                f"got input of shape {input_shape}"
            )
            raise ValueError(msg)
        height, width = (size for size, _ in self._answers([full[i] for i in planes]))
        last = (batch, height, width, self.filters)
        first = (batch, self.filters, height, width)
        found: Shape = lowered(last if axis == 3 else first, self.data_format, self.rank)
        return found

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Spread the kernel over the output, add the bias, apply the activation."""
        images = as_images(x, self.data_format, self.rank)
        kernel = weights["kernel"]
        answers = self._answers(images.shape[1:3])
        y = nn.conv2d_transpose(
            images,
            shapes.reshape(kernel, shape=(*both(self.kernel_size), *kernel.shape[-2:])),
            *([weights["bias"]] if self.use_bias else []),
            stride=both(self.strides),
            dilation=both(self.dilation_rate),
            padding=tuple((max(0, a), max(0, b)) for _, (a, b) in answers),
            size=tuple(size for size, _ in answers),
        )
        return from_images(activated(self.activation, y), self.data_format, self.rank)


class Conv2DTranspose(ConvTranspose, builtin=True):
    """Transposed convolution: ``(N, H, W, C)`` -> ``(N, OH, OW, O)``.

    The gradient of `Conv2D` with respect to its input, as a way forward: each input pixel adds its
    multiple of the kernel ``(KH, KW, O, C)`` to the output.

    Parameters
    ----------
    filters : int
        Output channels O.
    kernel_size, strides, dilation_rate : int or (int, int)
        Kernel, distance of its places in the output, distance of its taps.
    padding : str
        ``"valid"``: ``OH = (H - 1) * stride + max(KH, stride)``; ``"same"``: ``OH = H * stride``.
    output_padding : int or (int, int), optional
        Less than the strides, for outputs of ``(H - 1) * stride + KH + output_padding``, less what
        ``"same"`` cuts off.
    data_format, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer
        As for `Conv2D`.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`, and constraints.

    Raises
    ------
    ValueError
        For other paddings and inputs that do not fit.

    Notes
    -----
    Source: Zeiler et al., CVPR 2010; Dumoulin and Visin, arXiv 1603.07285.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Conv2DTranspose(4, 3, strides=2, padding="same").ensure_built((None, 7, 7, 8))
    (None, 14, 14, 4)
    """


class Conv1DTranspose(ConvTranspose, builtin=True):
    """Transposed convolution of sequences: ``(N, W, C)`` -> ``(N, OW, O)``, kernel ``(KW, O, C)``.

    `Conv2DTranspose` over images of one row; its arguments, with one int in the place of two.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Conv1DTranspose(4, 3, strides=2).ensure_built((None, 7, 8))
    (None, 15, 4)
    """

    rank = 1
