"""Convolution as the lessons teach it: patches, then one product. Kernels are not flipped."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hotloop._support.typing import (
    Activation,
    Algorithm,
    DataFormat,
    FloatArray,
    Padding,
    Pair,
    Shape4D,
)

from ._common import Array, promote
from ._windows import Axis, axes, crop, from_nchw, pad, to_nchw
from .affine import activate


def _patches(x: FloatArray, rows: Axis, columns: Axis) -> FloatArray:
    """(N, C, H, W) -> (N*OH*OW, C*KH*KW), one row for each window."""
    n, c = x.shape[:2]
    padded = pad(x, rows, columns, fill=0)
    spans = (rows.dilation * (rows.kernel - 1) + 1, columns.dilation * (columns.kernel - 1) + 1)
    windows = sliding_window_view(padded, spans, axis=(2, 3))
    windows = windows[
        :, :, :: rows.stride, :: columns.stride, :: rows.dilation, :: columns.dilation
    ]  # (N, C, OH, OW, KH, KW)
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(
        n * rows.out * columns.out, c * rows.kernel * columns.kernel
    )


def _images(cols: FloatArray, n: int, c: int, rows: Axis, columns: Axis) -> FloatArray:
    """Add every patch to the place it was cut from: the transpose of ``_patches``."""
    patches = cols.reshape(n, rows.out, columns.out, c, rows.kernel, columns.kernel)
    height = max(rows.before + rows.size, rows.reach)
    width = max(columns.before + columns.size, columns.reach)
    x = np.zeros((n, c, height, width), cols.dtype)
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            x[:, :, rows.taps(i), columns.taps(j)] += patches[..., i, j].transpose(0, 3, 1, 2)
    return crop(x, rows, columns)


def im2col(
    x: Array, kernel_size: Pair, *, stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1
) -> FloatArray:
    """Write out the patches: (N, C, H, W) -> (N*OH*OW, C*KH*KW)."""
    x = promote(x)
    return _patches(x, *axes(x.shape[2:], kernel_size, stride, padding, dilation))


def col2im(
    cols: Array,
    input_shape: Shape4D,
    kernel_size: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
) -> FloatArray:
    """Sum the patches back into images: (N*OH*OW, C*KH*KW) -> (N, C, H, W)."""
    n, c, h, w = input_shape
    return _images(promote(cols), n, c, *axes((h, w), kernel_size, stride, padding, dilation))


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    activation: Activation | None = None,
    data_format: DataFormat = "channels_first",
    algorithm: Algorithm | None = None,  # noqa: ARG001 - both algorithms have this one definition
) -> FloatArray:
    """``y[n, o, p] = sum_cij x[n, c, stride * p + dilation * ij - pad] * w[o, c, ij] + b[o]``."""
    if b is None:
        x, w = promote(x, w)
    else:
        x, w, b = promote(x, w, b)
    x, kernel = to_nchw(x, data_format), _oihw(w, data_format)
    o, _, kh, kw = kernel.shape
    rows, columns = axes(x.shape[2:], (kh, kw), stride, padding, dilation)
    cols = np.split(_patches(x, rows, columns), groups, axis=1)
    y = np.empty((groups, len(cols[0]), o // groups), x.dtype)
    for g, k in enumerate(np.split(kernel.reshape(o, -1), groups)):
        np.dot(cols[g], k.T, out=y[g])
    image = y.transpose(1, 0, 2).reshape(len(x), rows.out, columns.out, o)
    if b is not None:
        image += b
    result: FloatArray = from_nchw(activate(image, activation).transpose(0, 3, 1, 2), data_format)
    return result


def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    need_dx: bool = True,
    need_db: bool = True,
    data_format: DataFormat = "channels_first",
    algorithm: Algorithm | None = None,  # noqa: ARG001 - both algorithms have this one definition
) -> tuple[FloatArray | None, FloatArray, FloatArray | None]:
    """``dw`` = patches.T @ dy, ``dx`` = col2im(dy @ w), ``db`` = sum of dy over all else."""
    dy, x, w = promote(dy, x, w)
    dy, x, kernel = to_nchw(dy, data_format), to_nchw(x, data_format), _oihw(w, data_format)
    n, c = x.shape[:2]
    o, _, kh, kw = kernel.shape
    rows, columns = axes(x.shape[2:], (kh, kw), stride, padding, dilation)
    dy_rows = dy.transpose(0, 2, 3, 1).reshape(-1, o)
    dys = np.split(dy_rows, groups, axis=1)
    cols = np.split(_patches(x, rows, columns), groups, axis=1)
    dw = np.concatenate([np.dot(d.T, p) for d, p in zip(dys, cols, strict=True)]).reshape(
        kernel.shape
    )
    dx = None
    if need_dx:
        kernels = np.split(kernel.reshape(o, -1), groups)
        # The transpose of (w.T @ dy.T), not dy @ w: the patches of one tap then lie side by side.
        dcols = [np.dot(k.T, d.T).T for d, k in zip(dys, kernels, strict=True)]
        images = _images(
            np.concatenate(dcols, axis=1) if groups > 1 else dcols[0], n, c, rows, columns
        )
        dx = from_nchw(images, data_format)
    dw = dw if data_format == "channels_first" else dw.transpose(2, 3, 1, 0)
    return dx, dw, dy_rows.sum(axis=0) if need_db else None


def _oihw(w: FloatArray, data_format: DataFormat) -> FloatArray:
    """View conv weights as (O, C / groups, KH, KW)."""
    return w if data_format == "channels_first" else w.transpose(3, 2, 0, 1)
