"""Patches of images, shuffling and smoothing, as ``common/util.py`` of the book has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core
from hotloop.book._arrays import Array, compiled

__all__ = ["col2im", "conv_output_size", "im2col", "np", "shuffle_dataset", "smooth_curve"]


def smooth_curve(x: Any) -> Array:
    """Smooth a curve of losses with a Kaiser window of 11 (beta 2), mirrored at both ends.

    Parameters
    ----------
    x : array_like, shape (N,) with N of 11 or more

    Returns
    -------
    ndarray, shape (N,)

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/util.py``.

    Examples
    --------
    >>> smooth_curve(np.ones(20)).round(6).tolist() == [1.0] * 20
    True
    """
    width = 11
    mirrored = np.concatenate([x[width - 1 : 0 : -1], x, x[-1:-width:-1]])
    window = np.kaiser(width, 2)
    smooth = np.convolve(window / window.sum(), mirrored, mode="valid")
    return smooth[width // 2 : len(smooth) - width // 2]


def shuffle_dataset(x: Array, t: Array) -> tuple[Array, Array]:
    """Put samples and labels into the same random order, by ``numpy.random.permutation``.

    Parameters
    ----------
    x : ndarray, shape (N, ...)
    t : ndarray, shape (N, ...)

    Returns
    -------
    x, t : ndarrays
        Copies, shuffled.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 6.5.1.

    Examples
    --------
    >>> x, t = shuffle_dataset(np.arange(6.0).reshape(3, 2), np.arange(3))
    >>> bool((x[:, 0] == 2 * t).all())
    True
    """
    order = np.random.permutation(x.shape[0])  # noqa: NPY002 - a script's seed is for this generator
    return x[order], t[order]


def conv_output_size(input_size: int, filter_size: int, stride: int = 1, pad: int = 0) -> float:
    """Count the places of a window, ``(input + 2 pad - filter) / stride + 1``, a float that may be broken.

    Parameters
    ----------
    input_size, filter_size, stride, pad : int

    Returns
    -------
    float

    Notes
    -----
    Source: "Deep Learning from Scratch", section 7.2.4.

    Examples
    --------
    >>> conv_output_size(28, 5)
    24.0
    """
    return (input_size + 2 * pad - filter_size) / stride + 1


def im2col(input_data: Array, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Array:
    """Write out the patches that a filter sees, one a row.

    ``col[(n, i, j), (c, y, x)] = input_data[n, c, stride i + y - pad, stride j + x - pad]``, 0 outside.

    Parameters
    ----------
    input_data : ndarray, shape (N, C, H, W)
    filter_h, filter_w, stride, pad : int

    Returns
    -------
    ndarray, shape (N * OH * OW, C * filter_h * filter_w)
        float32 for float32, else float64 (in the book always float64).

    Raises
    ------
    ValueError
        When no patch fits.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 7.4.3.

    Examples
    --------
    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2, 2)[0]
    array([0., 1., 3., 4.])
    """
    x = input_data if compiled(input_data) else np.asarray(input_data, np.float64)
    return _core.im2col(x, (filter_h, filter_w), stride, pad)


def col2im(
    col: Array,
    input_shape: tuple[int, int, int, int],
    filter_h: int,
    filter_w: int,
    stride: int = 1,
    pad: int = 0,
) -> Array:
    """Add patches up into the images that they came from: the transpose of `im2col`.

    Parameters
    ----------
    col : ndarray, shape (N * OH * OW, C * filter_h * filter_w)
    input_shape : tuple (N, C, H, W)
    filter_h, filter_w, stride, pad : int

    Returns
    -------
    ndarray, shape (N, C, H, W)
        float32 for float32, else float64 (in the book always float64).

    Raises
    ------
    ValueError
        When `col` does not have that shape.

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/util.py``.

    Examples
    --------
    >>> x = np.ones((1, 1, 3, 3))
    >>> col2im(im2col(x, 2, 2), x.shape, 2, 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    n, c, h, w = input_shape
    out_h = (h + 2 * pad - filter_h) // stride + 1
    out_w = (w + 2 * pad - filter_w) // stride + 1
    # The book takes any shape with the right number of elements, such as the gradient of a pool.
    rows = np.asarray(col).reshape(n * out_h * out_w, c * filter_h * filter_w)
    rows = rows if compiled(rows) else rows.astype(np.float64)
    return _core.col2im(rows, (n, c, h, w), (filter_h, filter_w), stride, pad)
