"""Pooling: the maximum or the mean of each window."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import DataFormat, FloatArray, IntArray, Padding, Pair, Shape4D

from ._common import Array, promote
from ._windows import Axis, axes, crop, from_nchw, pad, to_nchw


def max_pool2d(
    x: Array,
    pool_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    data_format: DataFormat = "channels_first",
) -> tuple[FloatArray, IntArray]:
    """Maximum of each window, and where it was, as ``h * W + w`` in the plane without padding.

    Of equals the first counts; a NaN is larger than any number; padding is no cell at all, so that
    a window of nothing else gives -inf and -1.
    """
    x = to_nchw(promote(x), data_format)
    stride = pool_size if stride is None else stride
    rows, columns = axes(x.shape[2:], pool_size, stride, padding, dilation, ceil_mode)
    padded = pad(x, rows, columns, fill=-np.inf)
    shape = (*x.shape[:2], rows.out, columns.out)
    y, argmax = np.full(shape, -np.inf, x.dtype), np.full(shape, -1, np.int64)
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            h, w = rows.cells(i)[:, np.newaxis], columns.cells(j)
            inside = (h >= 0) & (h < rows.size) & (w >= 0) & (w < columns.size)
            v = padded[:, :, rows.taps(i), columns.taps(j)]
            larger = (~(v <= y) & (y == y)) | (argmax < 0)  # noqa: PLR0124 - y == y is false for NaN alone
            larger &= inside
            np.copyto(y, v, where=larger)
            np.copyto(argmax, h * columns.size + w, where=larger)
    return from_nchw(y, data_format), from_nchw(argmax, data_format)


def max_pool2d_backward(
    dy: Array, argmax: IntArray, input_shape: Shape4D, *, data_format: DataFormat = "channels_first"
) -> FloatArray:
    """Add each dy to the cell its maximum came from."""
    n, c, h, w = to_nchw(input_shape, data_format)
    dy = to_nchw(promote(dy), data_format)
    planes = (n * c, dy.shape[2] * dy.shape[3])
    dy, cells = dy.reshape(planes), to_nchw(argmax, data_format).reshape(planes)
    dx = np.zeros(n * c * h * w, dy.dtype)
    places = cells + np.arange(n * c)[:, np.newaxis] * (h * w)
    np.add.at(dx, places[cells >= 0], dy[cells >= 0])
    images: FloatArray = from_nchw(dx.reshape(n, c, h, w), data_format)
    return images


def _cells_in_window(axis: Axis, count_include_pad: bool) -> FloatArray:
    """Count the cells of each window that an average divides by; beyond the padding none counts."""
    low = -axis.before if count_include_pad else 0
    high = axis.size + axis.after if count_include_pad else axis.size
    cells = np.stack([axis.cells(k) for k in range(axis.kernel)])
    counts: FloatArray = ((cells >= low) & (cells < high)).sum(axis=0)
    return counts


def _divisor(rows: Axis, columns: Axis, count_include_pad: bool) -> FloatArray:
    h, w = _cells_in_window(rows, count_include_pad), _cells_in_window(columns, count_include_pad)
    divisor: FloatArray = np.maximum(np.outer(h, w), 1)
    return divisor


def avg_pool2d(
    x: Array,
    pool_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    data_format: DataFormat = "channels_first",
) -> FloatArray:
    """Mean of each window, over its cells with or without the padding (which counts as 0)."""
    x = to_nchw(promote(x), data_format)
    stride = pool_size if stride is None else stride
    rows, columns = axes(x.shape[2:], pool_size, stride, padding, 1, ceil_mode)
    padded = pad(x, rows, columns, fill=0)
    y = np.zeros((*x.shape[:2], rows.out, columns.out), x.dtype)
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            y += padded[:, :, rows.taps(i), columns.taps(j)]
    y /= _divisor(rows, columns, count_include_pad)
    means: FloatArray = from_nchw(y, data_format)
    return means


def avg_pool2d_backward(
    dy: Array,
    input_shape: Shape4D,
    pool_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    data_format: DataFormat = "channels_first",
) -> FloatArray:
    """Spread each dy evenly over its window."""
    n, c, h, w = to_nchw(input_shape, data_format)
    stride = pool_size if stride is None else stride
    rows, columns = axes((h, w), pool_size, stride, padding, 1, ceil_mode)
    dy = to_nchw(promote(dy), data_format)
    share = (dy / _divisor(rows, columns, count_include_pad)).astype(dy.dtype, copy=False)
    dx = pad(np.zeros((n, c, h, w), dy.dtype), rows, columns, fill=0)
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            dx[:, :, rows.taps(i), columns.taps(j)] += share
    images: FloatArray = from_nchw(crop(dx, rows, columns), data_format)
    return images


def global_avg_pool2d(x: Array, *, data_format: DataFormat = "channels_first") -> FloatArray:
    """Mean of each plane: (N, C, H, W) -> (N, C)."""
    y: FloatArray = to_nchw(promote(x), data_format).mean(axis=(2, 3))
    return y


def global_avg_pool2d_backward(
    dy: Array, input_shape: Shape4D, *, data_format: DataFormat = "channels_first"
) -> FloatArray:
    """``dy / (H * W)`` in every cell of the plane."""
    n, c, h, w = to_nchw(input_shape, data_format)
    dy = promote(dy)
    dx = np.broadcast_to((dy / (h * w))[:, :, np.newaxis, np.newaxis], (n, c, h, w))
    images: FloatArray = from_nchw(dx, data_format).copy()
    return images
