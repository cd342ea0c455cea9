"""Convolutions, pools and other functions of windows over sequences and images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import config
from hotloop.autodiff import nn as rules
from hotloop.autodiff import reductions as sums
from hotloop.autodiff import segments as segment_rules
from hotloop.autodiff import shapes as shape_rules
from hotloop.ops.core import ndim, shape


def _pair(n: Any) -> tuple[int, ...]:
    return tuple(int(k) for k in n) if isinstance(n, list | tuple) else (int(n),)


class _Images:
    """Sequences and images as channels-last images, and the way back."""

    def __init__(self, name: str, x: Any, data_format: str | None) -> None:
        self.format = data_format or config.image_data_format()
        if self.format not in ("channels_first", "channels_last"):
            msg = (
                f"{name}: data_format must be channels_first or channels_last, got {self.format!r}"
            )
            raise ValueError(msg)
        self.rank = ndim(x) - 2
        if self.rank not in (1, 2):
            msg = f"{name}: x must be a batch of sequences or images (3 or 4 axes), got {shape(x)}"
            raise ValueError(msg)

    def enter(self, x: Any) -> Any:
        """Return a batch of channels-last images; a sequence as one of height 1."""
        if self.format == "channels_first":
            x = shape_rules.transpose(x, axes=[0, *range(2, self.rank + 2), 1])
        return shape_rules.getitem(x, index=np.s_[:, None]) if self.rank == 1 else x

    def leave(self, y: Any) -> Any:
        """Return the answer in the layout that came."""
        if self.rank == 1:
            y = shape_rules.getitem(y, index=np.s_[:, 0])
        if self.format == "channels_first":
            y = shape_rules.transpose(y, axes=[0, self.rank + 1, *range(1, self.rank + 1)])
        return y

    def sizes(self, n: Any) -> tuple[int, int]:
        """Return a size for rows and one for columns."""
        given = _pair(n)
        if self.rank == 1:
            return 1, given[0]
        return given if len(given) == 2 else (given[0], given[0])


def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Return the convolution of sequences or images with a kernel ``(*window, C / groups, O)``.

    Parameters
    ----------
    inputs : array_like, Tensor or symbol
        ``(N, T, C)`` or ``(N, H, W, C)``; channels second for ``"channels_first"``.
    kernel : array_like, Tensor or symbol
        ``(K, C / groups, O)`` or ``(KH, KW, C / groups, O)``; groups follow from the channels.
    strides, dilation_rate : int or tuple of int
        Steps of the window, and of its cells.
    padding : str
        ``"valid"`` or ``"same"``.
    data_format : str, optional
        By default `hotloop.config.image_data_format`.
    """
    images = _Images("conv", inputs, data_format)
    x = images.enter(inputs)
    w = shape_rules.getitem(kernel, index=np.s_[None]) if images.rank == 1 else kernel
    channels, mine = shape(x)[-1] or 0, shape(w)[2] or 1
    y = rules.conv2d(
        x,
        w,
        stride=images.sizes(strides),
        padding=padding,
        dilation=images.sizes(dilation_rate),
        groups=max(1, channels // mine),
    )
    return images.leave(y)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Return the convolution of each channel with kernels of its own, ``(*window, C, multiplier)``."""
    images = _Images("depthwise_conv", inputs, data_format)
    x = images.enter(inputs)
    w = shape_rules.getitem(kernel, index=np.s_[None]) if images.rank == 1 else kernel
    rows, columns, channels, times = shape(w)
    w = shape_rules.reshape(w, shape=(rows, columns, 1, (channels or 0) * (times or 0)))
    y = rules.conv2d(
        x,
        w,
        stride=images.sizes(strides),
        padding=padding,
        dilation=images.sizes(dilation_rate),
        groups=channels,
    )
    return images.leave(y)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Return a depthwise convolution followed by one over single pixels."""
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)


def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return the maximum of each window of sequences or images."""
    images = _Images("max_pool", inputs, data_format)
    y = rules.max_pool2d(
        images.enter(inputs),
        pool_size=images.sizes(pool_size),
        stride=images.sizes(pool_size if strides is None else strides),
        padding=padding,
    )
    return images.leave(y)


def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return the mean of each window of sequences or images; padding does not count."""
    images = _Images("average_pool", inputs, data_format)
    y = rules.avg_pool2d(
        images.enter(inputs),
        pool_size=images.sizes(pool_size),
        stride=images.sizes(pool_size if strides is None else strides),
        padding=padding,
    )
    return images.leave(y)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Return the transposed convolution: the gradient of `conv` for its inputs, as a way forward.

    Parameters
    ----------
    inputs : array_like, Tensor or symbol
        ``(N, T, C)`` or ``(N, H, W, C)``; channels second for ``"channels_first"``.
    kernel : array_like, Tensor or symbol
        ``(K, O, C)`` or ``(KH, KW, O, C)``.
    strides, dilation_rate : int or tuple of int
        Distance between the windows in the answer, and between their cells.
    padding : str
        ``"valid"`` for sizes of ``(n - 1) * stride + max(window, stride)``, ``"same"`` for
        ``n * stride``.
    output_padding : int or tuple of int, optional
        For sizes of ``(n - 1) * stride + output_padding``, plus the window for ``"valid"`` and plus
        its remainder by 2 for ``"same"``.
    data_format : str, optional
        By default `hotloop.config.image_data_format`.
    """
    if padding not in ("valid", "same"):
        msg = f"conv_transpose: padding must be 'valid' or 'same', got {padding!r}"
        raise ValueError(msg)
    images = _Images("conv_transpose", inputs, data_format)
    w = shape_rules.getitem(kernel, index=np.s_[None]) if images.rank == 1 else kernel
    stride, dilation = images.sizes(strides), images.sizes(dilation_rate)
    y = rules.conv2d_transpose(images.enter(inputs), w, stride=stride, dilation=dilation)
    more = (None, None) if output_padding is None else images.sizes(output_padding)
    window = [int(n or 0) for n in shape(w)[:2]]
    cuts = [
        rules.transposed_size(None, k, s, d, padding, extra)[1]
        for k, s, d, extra in zip(window, stride, dilation, more, strict=True)
    ]
    if images.rank == 1:
        cuts[0] = (0, 0)
    width = [(0, 0), *((max(0, -a), max(0, -b)) for a, b in cuts), (0, 0)]
    if any(pair != (0, 0) for pair in width):
        y = shape_rules.pad(y, width=width, mode="constant", value=0)
    index = tuple(np.s_[max(0, a) : -b if b > 0 else None] for a, b in cuts)
    return images.leave(shape_rules.getitem(y, index=(np.s_[:], *index)))


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Return means of windows, window i from ``floor(i n / m)`` to ``ceil((i + 1) n / m)``."""
    return _adaptive("adaptive_average_pool", sums.mean, inputs, output_size, data_format)


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Return maxima of windows, window i from ``floor(i n / m)`` to ``ceil((i + 1) n / m)``."""
    return _adaptive("adaptive_max_pool", sums.max_, inputs, output_size, data_format)


def _adaptive(name: str, rule: Any, inputs: Any, output_size: Any, data_format: Any) -> Any:
    images = _Images(name, inputs, data_format)
    y = images.enter(inputs)
    for axis, m in zip((1, 2), images.sizes(output_size), strict=True):
        n = shape(y)[axis]
        if n is None or m < 1:
            msg = f"{name}: needs known sizes and an output_size of 1 or more, got {shape(inputs)} and {output_size!r}"
            raise ValueError(msg)
        lead = (np.s_[:],) * axis
        parts = [
            rule(
                shape_rules.getitem(y, index=(*lead, np.s_[i * n // m : -(-(i + 1) * n // m)])),
                axis=axis,
                keepdims=True,
            )
            for i in range(m)
        ]
        y = shape_rules.concatenate(*parts, axis=axis)
    return images.leave(y)


def _image_sizes(name: str, x: Any, first: bool) -> tuple[int, int, int]:
    if ndim(x) != 4 or any(n is None for n in shape(x)[1:]):
        msg = f"{name}: x must be images of known sizes (4 axes), got shape {shape(x)}"
        raise ValueError(msg)
    a, b, c = (int(n or 0) for n in shape(x)[1:])
    return (b, c, a) if first else (a, b, c)


def _is_first(name: str, data_format: str) -> bool:
    if data_format not in ("channels_first", "channels_last"):
        msg = f"{name}: data_format must be channels_first or channels_last, got {data_format!r}"
        raise ValueError(msg)
    return data_format == "channels_first"


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Return images ``(N, H b, W b, C / b ** 2)``: channels moved into blocks of b by b pixels."""
    first = _is_first("depth_to_space", data_format)
    h, w, c = _image_sizes("depth_to_space", x, first)
    b = int(block_size)
    if b < 1 or c % (b * b):
        msg = f"depth_to_space: {c} channels make no blocks of {b} by {b}"
        raise ValueError(msg)
    deep = c // (b * b)
    if first:
        y = shape_rules.reshape(x, shape=(-1, deep, b, b, h, w))
        y = shape_rules.transpose(y, axes=(0, 1, 4, 2, 5, 3))
        return shape_rules.reshape(y, shape=(-1, deep, h * b, w * b))
    y = shape_rules.reshape(x, shape=(-1, h, w, b, b, deep))
    y = shape_rules.transpose(y, axes=(0, 1, 3, 2, 4, 5))
    return shape_rules.reshape(y, shape=(-1, h * b, w * b, deep))


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Return images ``(N, H / b, W / b, C b ** 2)``: blocks of b by b pixels moved into channels."""
    first = _is_first("space_to_depth", data_format)
    h, w, c = _image_sizes("space_to_depth", x, first)
    b = int(block_size)
    if b < 1 or h % b or w % b:
        msg = f"space_to_depth: images of {h} by {w} have no blocks of {b} by {b}"
        raise ValueError(msg)
    if first:
        y = shape_rules.reshape(x, shape=(-1, c, h // b, b, w // b, b))
        y = shape_rules.transpose(y, axes=(0, 1, 3, 5, 2, 4))
        return shape_rules.reshape(y, shape=(-1, c * b * b, h // b, w // b))
    y = shape_rules.reshape(x, shape=(-1, h // b, b, w // b, b, c))
    y = shape_rules.transpose(y, axes=(0, 1, 3, 2, 4, 5))
    return shape_rules.reshape(y, shape=(-1, h // b, w // b, c * b * b))


def _window_places(
    name: str, sizes: tuple[int, ...], window: Any, dilation: Any, stride: Any
) -> Any:
    """Return the place in a row of pixels of each cell of each window: (cells, windows)."""
    lines = []
    for n, k, d, s in zip(sizes, _two(window), _two(dilation), _two(stride), strict=True):
        count = (n - (k - 1) * d - 1) // s + 1 if min(k, d, s) > 0 else 0
        if count < 1:
            msg = f"{name}: a window of {window!r} does not fit an image of {sizes}"
            raise ValueError(msg)
        lines.append(np.arange(k)[:, None] * d + np.arange(count) * s)
    rows, columns = lines
    places = rows[:, None, :, None] * sizes[1] + columns[None, :, None, :]
    return places.reshape(rows.shape[0] * columns.shape[0], -1)


def _two(n: Any) -> tuple[int, ...]:
    given = _pair(n)
    return given if len(given) == 2 else (given[0], given[0])


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Return the windows of channels-first images as columns, ``(N, C kh kw, windows)``."""
    h, w, c = _image_sizes("unfold", x, first=True)
    ph, pw = _two(padding)
    framed = shape_rules.pad(
        x, width=[(0, 0), (0, 0), (ph, ph), (pw, pw)], mode="constant", value=0
    )
    sizes = (h + 2 * ph, w + 2 * pw)
    places = _window_places("unfold", sizes, kernel_size, dilation, stride)
    rows = shape_rules.reshape(framed, shape=(-1, c, math.prod(sizes)))
    y = shape_rules.take(rows, places.reshape(-1), axis=2)
    return shape_rules.reshape(y, shape=(-1, c * places.shape[0], places.shape[1]))


def fold(
    x: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Any:
    """Return channels-first images that are the sums of windows given as columns, see `unfold`."""
    h, w = _two(output_size)
    ph, pw = _two(padding)
    sizes = (h + 2 * ph, w + 2 * pw)
    places = _window_places("fold", sizes, kernel_size, dilation, stride)
    cells, windows = places.shape
    full = shape(x)
    if len(full) != 3 or full[2] != windows or (full[1] or 1) % cells:
        msg = f"fold: needs columns of shape (N, C * {cells}, {windows}), got {full}"
        raise ValueError(msg)
    c = int(full[1] or 0) // cells
    rows = shape_rules.reshape(x, shape=(-1, c, cells * windows))
    y = segment_rules.scatter_columns(rows, places=places.reshape(-1), size=math.prod(sizes))
    y = shape_rules.reshape(y, shape=(-1, c, *sizes))
    return shape_rules.getitem(y, index=np.s_[:, :, ph : ph + h, pw : pw + w])


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Return windows of the last axis, `sequence_stride` apart, ``(..., windows, sequence_length)``."""
    n = shape(x)[-1] if ndim(x) else None
    length, stride = int(sequence_length), int(sequence_stride)
    if n is None or not (0 < length <= n and stride > 0):
        msg = f"extract_sequences: windows of {length}, {stride} apart, do not fit an axis of {n}"
        raise ValueError(msg)
    starts = np.arange((n - length) // stride + 1) * stride
    return shape_rules.take(x, starts[:, None] + np.arange(length), axis=-1)
