"""Convolutions, transposed ones, and upsampling; images are channels-first."""

from __future__ import annotations

import math
from typing import Any

from hotloop._support.arguments import whole
from hotloop.torch.nn import functional, init
from hotloop.torch.nn.modules._made import pair, parameter, single
from hotloop.torch.nn.modules.module import Module


class _Conv(Module):
    """What convolutions share.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the images that come and go.
    kernel_size, stride, padding, dilation : int or pair of int
        Of each axis; `padding` is also ``"same"`` or ``"valid"``.
    groups : int
        Into how many parts the channels are divided.
    bias : bool
        Whether a number is added to each channel.
    padding_mode : str
        ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Notes
    -----
    Weights and bias begin within ``1 / sqrt(fan_in)``, as PyTorch's.
    """

    _axes = 2
    _transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        whole(name, "groups", groups, least=1)
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            whole(name, what, channels, least=1)
            if channels % groups:
                msg = f"{name}: {what} must be divisible by groups, got {channels} and {groups}"
                raise ValueError(msg)
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            msg = f"{name}: padding_mode must be zeros, reflect, replicate or circular"
            raise ValueError(msg)
        sized = pair if self._axes == 2 else single
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = sized(kernel_size), sized(stride)
        self.padding = padding if isinstance(padding, str) else sized(padding)
        self.dilation, self.padding_mode = sized(dilation), padding_mode
        self.output_padding: tuple[int, ...] = (0,) * self._axes
        sizes = (out_channels, in_channels // groups)
        if self._transposed:
            sizes = (in_channels, out_channels // groups)
        self.weight = parameter(*sizes, *self.kernel_size, device=device, dtype=dtype)
        if bias:
            self.bias = parameter(out_channels, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first values."""
        fan_in = math.prod(self.weight._array.shape[1:])
        bound = 1 / math.sqrt(fan_in) if fan_in else 0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def forward(self, input: Any) -> Any:
        """Return the convolution of the images."""
        convolve = functional.conv2d if self._axes == 2 else functional.conv1d
        padding: Any = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            steps = [
                p
                for k, d, p in zip(
                    self.kernel_size[::-1],
                    self.dilation[::-1],
                    self.padding[::-1] if isinstance(padding, tuple) else (None,) * self._axes,
                    strict=True,
                )
                for p in ((d * (k - 1) // 2, -(-d * (k - 1) // 2)) if p is None else (p, p))
            ]
            input = functional.pad(input, steps, mode=self.padding_mode)
            padding = 0
        own = self._parameters
        return convolve(
            input, own["weight"], own["bias"], self.stride, padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """List the options that are not the default."""
        none = (0,) * self._axes
        ones = (1,) * self._axes
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        if self.padding != none:
            padding = self.padding
            text += (
                f", padding={padding!r}" if isinstance(padding, tuple) else f", padding={padding}"
            )
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != none:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(_Conv):
    """Convolution of sequences (N, C, L); see `Conv2d`."""

    _axes = 1


class Conv2d(_Conv):
    """Convolution of images (N, C, H, W); weights are (O, C / groups, KH, KW).

    Examples
    --------
    >>> from hotloop import torch
    >>> torch.nn.Conv2d(1, 4, 3, padding=1)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 4, 8, 8])
    """

    __doc__ += _Conv.__doc__.partition("\n")[2] if _Conv.__doc__ else ""


class _ConvTranspose(_Conv):
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            msg = f'Only "zeros" padding mode is supported for {type(self).__name__}'
            raise ValueError(msg)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.output_padding = (pair if self._axes == 2 else single)(output_padding)

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """Return the transposed convolution; `output_size` chooses among those of one input size."""
        extra = self.output_padding
        if output_size is not None:
            sizes = tuple(output_size)[-self._axes :]
            least = [
                (n - 1) * s - 2 * p + d * (k - 1) + 1
                for n, s, p, d, k in zip(
                    tuple(input.shape)[-self._axes :],
                    self.stride,
                    self.padding,
                    self.dilation,
                    self.kernel_size,
                    strict=True,
                )
            ]
            extra = tuple(size - n for size, n in zip(sizes, least, strict=True))
        convolve = functional.conv_transpose2d if self._axes == 2 else functional.conv_transpose1d
        return convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )


class ConvTranspose2d(_ConvTranspose):
    """The way back of a convolution as a way forward; weights are (C, O / groups, KH, KW)."""


class ConvTranspose1d(_ConvTranspose):
    """`ConvTranspose2d` for sequences (N, C, L)."""

    _axes = 1


class Upsample(Module):
    """Enlarges images to a size, or by a factor; see `nn.functional.interpolate`."""

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        self.scale_factor = scale_factor
        if isinstance(scale_factor, int):
            self.scale_factor = float(scale_factor)
        elif isinstance(scale_factor, tuple | list):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        del recompute_scale_factor

    def forward(self, input: Any) -> Any:
        """Return larger images."""
        return functional.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners
        )

    def extra_repr(self) -> str:
        """List the size and the mode."""
        what = "size" if self.scale_factor is None else "scale_factor"
        return f"{what}={getattr(self, what)}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` by the nearest pixel."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "nearest")
